"""What changes in the EHR: encounters and patients are told to those who may know, consents bind at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import House, running
from tests.stories.sockets import Chart, Subscriber, connected, subscribers, until
from tests.stories.test_story_consents import audience, consent, first_of

CHANGES = """
subscription Changes($types: [ChangeType!]) {
  changes(types: $types) {
    kind type source recordId
    record { ... on Encounter { id status } ... on Patient { id } }
    patient { id }
  }
}
"""
CLINICAL = {"types": ["ENCOUNTER", "PATIENT"]}
OF_PATIENT = "query P($id: ID!) { patient(id: $id) { id } }"
RESTRICTED = [
    {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
    {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "ETH"},
]


@pytest.fixture(scope="module")
def clinic() -> Iterator[House]:
    """A house whose EHR is looked at often, and written in by these stories."""
    with running(generate(6, today=TODAY), poll_seconds=0.2) as made:
        yield made


@pytest.fixture(scope="module")
def chart(clinic: House) -> Chart:
    return Chart(clinic)


def visit(house: House, patient: int) -> str:
    return f"Encounter/{first_of(house, 'Encounter', f'pat-{patient:06}')}"


def touch(chart: Chart, path: str, **changed: Any) -> None:
    """Stores a resource again, with what is *changed* of it."""
    chart.write({**chart.read(path), **changed})


def told_of(chart: Chart, subscriber: Subscriber, path: str) -> dict[str, Any]:
    touch(chart, path)
    change = subscriber.told()
    assert change["recordId"] == path
    return change


def sees(house: House, persona: str, patient: str) -> bool:
    answer = house.data(persona, OF_PATIENT, {"id": f"Patient/{patient}"})
    return answer["patient"] is not None


# -- consents ---------------------------------------------------------------------------------


def test_a_consent_written_in_the_ehr_binds_though_the_old_answer_is_remembered(
    clinic: House, chart: Chart
) -> None:
    patient = "pat-000004"
    assert sees(clinic, "ai", patient)
    clinic.forget()
    assert sees(clinic, "ai", patient)
    assert clinic.asked_consents() == []  # remembered, for a minute

    chart.write(consent(patient, actor=audience("ai")))
    until(lambda: not sees(clinic, "ai", patient), "the consent does not bind")
    clinic.forget()
    answer = clinic.ask("ai", OF_PATIENT, {"id": f"Patient/{patient}"})
    assert (answer["data"], answer.get("errors")) == ({"patient": None}, None)
    assert clinic.asked_all() == []
    assert sees(clinic, "clinician", patient)

    chart.delete(f"Consent/consent-{patient}")
    until(lambda: sees(clinic, "ai", patient), "the consent still binds")


def test_nobody_is_told_that_a_consent_changed(clinic: House, chart: Chart) -> None:
    with connected(clinic, clinic.token("clinician")) as clinician:
        clinician.subscribe(CHANGES)
        chart.write(consent("pat-000005", actor=audience("partner")))
        # In the order of the log: had the consent come, it would be here first.
        told_of(chart, clinician, visit(clinic, 5))

        assert clinician.has_been_told_nothing()


def test_changes_of_consents_cannot_be_asked_for(clinic: House) -> None:
    with connected(clinic, clinic.token("clinician")) as clinician:
        query = "subscription { changes(types: [CONSENT]) { recordId } }"
        clinician.send({"id": "1", "type": "subscribe", "payload": {"query": query}})
        message = clinician.received()

    assert message["type"] == "error"
    assert [it["extensions"]["code"] for it in message["payload"]] == ["GRAPHQL_VALIDATION_FAILED"]


# -- encounters and patients ------------------------------------------------------------------


def test_an_encounter_that_changed_reaches_a_clinician_with_the_record_as_it_is_now(
    clinic: House, chart: Chart
) -> None:
    path = visit(clinic, 1)
    with connected(clinic, clinic.token("clinician")) as clinician:
        clinician.subscribe(CHANGES, CLINICAL)
        touch(chart, path, status="onleave")
        change = clinician.told()

    assert change == {
        "kind": "UPDATED",
        "type": "ENCOUNTER",
        "source": "ehr",
        "recordId": path,
        "record": {"id": path, "status": "onleave"},
        "patient": {"id": "Patient/pat-000001"},
    }


def test_a_patient_who_changed_reaches_who_listens_to_an_event_stream(clinic: House, chart: Chart) -> None:
    before = subscribers(clinic)
    with listening(clinic, clinic.token("clinician"), CHANGES, CLINICAL) as clinician:
        until(lambda: subscribers(clinic) > before, "the gateway did not take the subscription")
        touch(chart, "Patient/pat-000002")
        change = clinician.told().result["data"]["changes"]

    assert (change["kind"], change["type"]) == ("UPDATED", "PATIENT")
    assert change["record"] == change["patient"] == {"id": "Patient/pat-000002"}


def test_a_patient_is_told_of_their_own_encounters_and_a_marketer_of_none(
    clinic: House, chart: Chart
) -> None:
    with (
        connected(clinic, clinic.token("clinician")) as clinician,
        connected(clinic, clinic.token("patient")) as patient,
        connected(clinic, clinic.token("marketer")) as marketer,
    ):
        clinician.subscribe(CHANGES, CLINICAL)
        patient.subscribe(CHANGES)
        marketer.subscribe("subscription { changes { recordId } }")
        told_of(chart, clinician, visit(clinic, 4))
        told_of(chart, clinician, visit(clinic, 3))
        own = told_of(chart, clinician, visit(clinic, 1))

        assert patient.told() == own
        assert patient.has_been_told_nothing()
        assert marketer.has_been_told_nothing()


def test_what_labels_and_consents_withhold_is_not_told_either(clinic: House, chart: Chart) -> None:
    labelled, denied, open_ = visit(clinic, 4), visit(clinic, 6), visit(clinic, 3)
    chart.write(consent("pat-000006", actor=audience("ai")))
    until(lambda: not sees(clinic, "ai", "pat-000006"), "the consent does not bind")
    with (
        connected(clinic, clinic.token("clinician")) as clinician,
        connected(clinic, clinic.token("ai")) as ai,
    ):
        clinician.subscribe(CHANGES, CLINICAL)
        ai.subscribe("subscription { changes { recordId } }")
        touch(chart, labelled, meta={"security": RESTRICTED})
        assert clinician.told()["recordId"] == labelled
        told_of(chart, clinician, denied)
        told_of(chart, clinician, open_)

        assert ai.told() == {"recordId": open_}
        assert ai.has_been_told_nothing()
