"""What a broken glass opens, for one patient, and what it does not; and that it closes when it lapses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from sandbox.dataset import generate
from sandbox.records import Dataset
from tests.stories.conftest import TODAY
from tests.stories.house import House, running
from tests.stories.sockets import change_booking, connected

ONE, OPEN, OTHER = "pat-000001", "pat-000002", "pat-000003"
PLAIN, RESTRICTED, PART_2 = "con-plain", "con-restricted", "con-part-2"
RECORDS = """query Records {
  one: patient(id: "Patient/pat-000001") { id conditions(first: 50) { nodes { id } } engagement { score } }
  other: patient(id: "Patient/pat-000003") { id conditions(first: 50) { nodes { id } } }
  open: patient(id: "Patient/pat-000002") { id }
}"""
ROADS = """query Roads {
  nodes(ids: [
    "Patient/pat-000001", "Condition/con-plain", "Patient/pat-000003", "Condition/con-other"
  ]) { id }
  patients(first: 10) { nodes { id } }
}"""
CHANGES = "subscription { changes(types: [APPOINTMENT]) { recordId record { id } } }"


class Clock:
    """The time, and how far it was turned on."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def ward(clock: Clock) -> Iterator[House]:
    """A house in which the first and the third patient have forbidden everyone everything."""
    with running(_guarded(generate(3, today=TODAY)), poll_seconds=0.1, clock=clock) as made:
        yield made


def _guarded(dataset: Dataset) -> Dataset:
    for patient in (ONE, OTHER):
        dataset.add(_refusing(patient))
    condition = next(iter(dataset.resources["Condition"].values()))
    confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    handling = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    for id_, patient, labels in (
        (PLAIN, ONE, []),
        ("con-other", OTHER, []),
        (RESTRICTED, ONE, [{"system": confidentiality, "code": "V"}]),
        (PART_2, ONE, [{"system": handling, "code": "42CFRPart2"}]),
    ):
        made = {**deepcopy(condition), "id": id_, "subject": {"reference": f"Patient/{patient}"}}
        made.pop("encounter", None)
        dataset.add({**made, "meta": {**condition.get("meta", {}), "security": labels}})
    return dataset


def _refusing(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": f"consent-{patient}",
        "status": "active",
        "scope": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                    "code": "patient-privacy",
                }
            ]
        },
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "provision": {"type": "deny"},
    }


def ask(house: House, query: str, token: str | None = None, **extensions: Any) -> dict[str, Any]:
    answer = house.client.post(
        house.url,
        json={"query": query, "extensions": extensions},
        headers={"Authorization": f"Bearer {token or house.token('clinician')}"},
    )
    decoded: dict[str, Any] = answer.json()
    assert "errors" not in decoded, decoded["errors"]
    return decoded


def declared(**more: Any) -> dict[str, Any]:
    return {"patient": f"Patient/{ONE}", "reason": "Unconscious, brought in by ambulance", **more}


def conditions(answer: dict[str, Any]) -> set[str]:
    """Which of the three conditions an answer shows of the first patient."""
    ids = {it["id"].removeprefix("Condition/") for it in answer["data"]["one"]["conditions"]["nodes"]}
    return ids & {PLAIN, RESTRICTED, PART_2}


def test_without_an_emergency_a_consent_that_denies_closes_the_record(ward: House) -> None:
    answer = ask(ward, RECORDS)

    assert answer["data"] == {"one": None, "other": None, "open": {"id": f"Patient/{OPEN}"}}


def test_in_an_emergency_one_patients_record_opens_and_no_other(ward: House) -> None:
    answer = ask(ward, RECORDS, breakGlass=declared())

    assert answer["data"]["one"]["id"] == f"Patient/{ONE}"
    assert answer["data"]["other"] is None
    assert answer["data"]["open"] == {"id": f"Patient/{OPEN}"}


def test_on_every_road_it_is_that_one_patient_alone(ward: House) -> None:
    answer = ask(ward, ROADS, breakGlass=declared())

    assert answer["data"]["nodes"] == [
        {"id": f"Patient/{ONE}"},
        {"id": f"Condition/{PLAIN}"},
        None,
        None,
    ]
    assert {it["id"] for it in answer["data"]["patients"]["nodes"]} == {f"Patient/{ONE}", f"Patient/{OPEN}"}


def test_labels_are_lifted_but_part_2_only_where_its_emergency_is_documented(ward: House) -> None:
    undocumented = ask(ward, RECORDS, breakGlass=declared())
    documented = ask(ward, RECORDS, breakGlass=declared(part2Emergency=True))

    assert conditions(undocumented) == {PLAIN, RESTRICTED}
    assert conditions(documented) == {PLAIN, RESTRICTED, PART_2}


def test_limits_of_purpose_are_lifted_too(ward: House) -> None:
    answer = ask(ward, RECORDS, purposeOfUse="HOPERAT", breakGlass=declared())

    assert conditions(answer) == {PLAIN, RESTRICTED}


def test_no_scope_is_lifted(ward: House) -> None:
    token = ward.new_token({"persona": "clinician", "scope": "openid fhirUser user/Patient.rs"})
    query = '{ patient(id: "Patient/pat-000001") { id conditions { nodes { id } } } }'
    ward.forget()

    answer = ward.client.post(
        ward.url,
        json={"query": query, "extensions": {"breakGlass": declared()}},
        headers={"Authorization": f"Bearer {token}"},
    ).json()

    assert answer["data"] == {"patient": {"id": f"Patient/{ONE}", "conditions": None}}
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["extensions"]["missingScopes"] == ["user/Condition.s"]
    assert all(call.target != "ehr Condition" for call in ward.asked_all())


def test_the_boundary_is_not_lifted(ward: House) -> None:
    answer = ward.client.post(
        ward.url,
        json={
            "query": '{ patient(id: "Patient/pat-000001") { id balance { asOf } } }',
            "extensions": {"breakGlass": declared()},
        },
        headers={"Authorization": f"Bearer {ward.token('clinician')}"},
    ).json()

    assert answer["data"] == {"patient": {"id": f"Patient/{ONE}", "balance": None}}
    assert answer["errors"][0]["extensions"]["reasons"][0] == "boundary-clinician-denies-financial"


def test_another_token_and_the_next_request_are_in_no_emergency(ward: House) -> None:
    token = ward.new_token({"persona": "clinician"})
    assert ask(ward, RECORDS, token, breakGlass=declared())["data"]["one"] is not None

    assert ask(ward, RECORDS, token)["data"]["one"] is None
    assert ask(ward, RECORDS)["data"]["one"] is None


def test_a_subscription_tells_of_the_patient_until_the_emergency_lapses(ward: House, clock: Clock) -> None:
    ones, opens = (
        next(it["id"] for it in ward.dataset.pms.appointments if it["patient"]["mrn"] == mrn)
        for mrn in ("MRN-000001", "MRN-000002")
    )
    with connected(ward, ward.new_token({"persona": "clinician"})) as client:
        client.subscribe(CHANGES, extensions={"breakGlass": declared()})
        change_booking(ward, ones, reason="Moved in the emergency")
        within = client.told()
        clock.ahead_s += 15 * 60
        change_booking(ward, ones, reason="Moved after it")
        change_booking(ward, opens, reason="Moved after it, of another")
        after = client.told()

    assert within["record"] == {"id": f"Appointment/{ones}"}
    assert after["recordId"] == f"Appointment/{opens}"
