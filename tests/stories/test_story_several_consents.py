"""What a patient of one of two clinics has forbidden binds there, and nothing of the other is kept back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.records import Dataset
from tests.stories.sockets import Chart, connected, until
from tests.stories.test_story_consents import audience, consent, told_to
from tests.stories.test_story_recorded import records
from tests.stories.test_story_several import Clinics, served

NORTHERN, SOUTHERN, BY_NAME, CLOSED = "pat-000003", "pat-000004", "pat-000005", "pat-000006"
"""Deny assistants in the north, in the south; one practitioner in the south; everyone in the south."""

OF_PATIENT = "query P($id: ID!) { patient(id: $id) { id conditions(first: 50) { nodes { id } } } }"
OFTEN = {"poll_seconds": 0.2}


def forbidding(north: Dataset, south: Dataset) -> None:
    north.add(consent(NORTHERN, actor=audience("ai")))
    south.add(consent(SOUTHERN, actor=audience("ai")))
    south.add(consent(BY_NAME, actor=told_to({"reference": "Practitioner/prac-0001"})))
    south.add(consent(CLOSED))


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def clinics(trail: Path) -> Iterator[Clinics]:
    audit = {"sink": "sqlite", "directory": str(trail)}
    with served(forbidding, changes=OFTEN, audit=audit) as both:
        yield both


def sees(clinics: Clinics, persona: str, id_: str) -> bool:
    answer = clinics.ask(OF_PATIENT, persona, id=f"Patient/{id_}")
    assert "errors" not in answer, answer["errors"]
    return answer["data"]["patient"] is not None


def looked_at(clinics: Clinics) -> set[str]:
    """The types that the southern EHR was asked for changes of."""
    south = clinics.south
    requests = south.client.get(f"{south.addresses.knobs('ehr')}/requests").json()["requests"]
    return {it["path"].split("/")[2] for it in requests if "_lastUpdated" in it["body"]}


def everyone(clinics: Clinics, persona: str) -> set[str]:
    """The ids of all patients that a search shows, page by page."""
    found: set[str] = set()
    after = None
    while True:
        answer = clinics.ask(
            """query($after: String) { patients(first: 5, after: $after) {
            nodes { id } pageInfo { hasNextPage endCursor } } }""",
            persona,
            after=after,
        )
        page = answer["data"]["patients"]
        found |= {node["id"].removeprefix("Patient/") for node in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


@pytest.mark.parametrize(
    ("persona", "id_", "seen"),
    [
        ("ai", NORTHERN, False),
        ("ai", f"south:{NORTHERN}", True),
        ("ai", SOUTHERN, True),
        ("ai", f"south:{SOUTHERN}", False),
        ("clinician", f"south:{SOUTHERN}", True),
        ("clinician", f"south:{CLOSED}", False),
        ("clinician", CLOSED, True),
        # The southern list's first practitioner, who may be the northern one by another id.
        ("clinician", f"south:{BY_NAME}", False),
        ("clinician", BY_NAME, True),
    ],
)
def test_a_consent_binds_in_the_clinic_that_keeps_it(
    clinics: Clinics, persona: str, id_: str, seen: bool
) -> None:
    assert sees(clinics, persona, id_) is seen


def test_a_search_over_both_clinics_shows_nobody_who_forbade_it(clinics: Clinics) -> None:
    ids = sorted(clinics.north.dataset.resources["Patient"])
    every = {*ids, *(f"south:{id_}" for id_ in ids)}

    assert everyone(clinics, "clinician") == every - {f"south:{CLOSED}", f"south:{BY_NAME}"}
    assert everyone(clinics, "ai") == every - {NORTHERN, f"south:{SOUTHERN}", f"south:{CLOSED}"}


def test_a_program_is_shown_nothing_sensitive_of_either_clinic(clinics: Clinics) -> None:
    query = """query($id: ID!) { patient(id: $id) {
      conditions(first: 50) { nodes { id code { coding { code } } } } } }"""
    for number in (1, 2, 5, 7, 8):
        shown = [
            clinics.ask(query, "ai", id=f"Patient/{source}pat-{number:06}")["data"]["patient"]
            for source in ("", "south:")
        ]
        codes = [[it["code"] for it in chart["conditions"]["nodes"]] for chart in shown]
        assert codes[0] == codes[1]
        assert "F10.20" not in str(codes)


def test_an_emergency_opens_the_record_of_one_patient_of_one_clinic(clinics: Clinics) -> None:
    def broken(id_: str) -> dict[str, Any]:
        told: dict[str, Any] = clinics.north.client.post(
            clinics.north.url,
            json={
                "query": OF_PATIENT,
                "variables": {"id": f"Patient/{id_}"},
                "extensions": {"breakGlass": {"patient": f"Patient/south:{CLOSED}", "reason": "Unconscious"}},
            },
            headers={"Authorization": f"Bearer {clinics.north.token('clinician')}"},
        ).json()
        assert "errors" not in told, told["errors"]
        return told

    assert broken(f"south:{CLOSED}")["data"]["patient"]["id"] == f"Patient/south:{CLOSED}"
    assert broken(f"south:{BY_NAME}")["data"]["patient"] is None


def test_the_trail_tells_the_patients_of_two_clinics_apart_and_names_none(
    clinics: Clinics, trail: Path
) -> None:
    pseudonyms = []
    for id_ in ("pat-000001", "south:pat-000001", "pat-000001"):
        assert sees(clinics, "clinician", id_)
        pseudonyms.append(records(trail)[-1]["patients"])

    assert pseudonyms[0] == pseudonyms[2]
    assert pseudonyms[0] != pseudonyms[1]
    assert [len(each) for each in pseudonyms] == [1, 1, 1]
    said = b"".join(file.read_bytes() for file in trail.iterdir())
    assert b"pat-0000" not in said


def test_what_changes_in_the_second_clinic_is_told_by_the_ids_of_the_house(clinics: Clinics) -> None:
    chart = Chart(clinics.south)
    encounters = clinics.south.dataset.resources["Encounter"].values()
    visit = next(it["id"] for it in encounters if it["subject"]["reference"] == "Patient/pat-000001")
    with connected(clinics.north, clinics.north.token("clinician")) as clinician:
        clinician.subscribe(
            "subscription { changes(types: [ENCOUNTER]) { source recordId record { id } patient { id } } }"
        )
        chart.write(chart.read(f"Encounter/{visit}"))
        change = clinician.told()

    assert change == {
        "source": "south",
        "recordId": f"Encounter/south:{visit}",
        "record": {"id": f"Encounter/south:{visit}"},
        "patient": {"id": "Patient/south:pat-000001"},
    }


def test_a_consent_written_in_the_second_clinic_binds_there_at_once(clinics: Clinics) -> None:
    patient = "pat-000008"
    assert sees(clinics, "ai", f"south:{patient}")
    assert sees(clinics, "ai", patient)

    Chart(clinics.south).write(consent(patient, actor=audience("ai")))

    until(lambda: not sees(clinics, "ai", f"south:{patient}"), "the consent does not bind")
    assert sees(clinics, "ai", patient)


def test_a_clinic_that_keeps_no_consents_is_not_asked_for_any_and_the_others_bind() -> None:
    with served(forbidding, {"consents": "none"}, changes=OFTEN) as both:
        both.south.forget()

        assert sees(both, "ai", f"south:{SOUTHERN}")
        assert sees(both, "clinician", f"south:{CLOSED}")
        assert not sees(both, "ai", NORTHERN)
        assert both.south.asked_consents() == []
        assert NORTHERN not in everyone(both, "ai")
        until(lambda: looked_at(both) >= {"Patient", "Encounter"}, "nobody asks the south what changed")
        assert looked_at(both) == {"Patient", "Encounter"}
