"""An app that was launched for an encounter learns which, and by that alone sees nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import NEVER_S, House, running
from tests.stories.test_story_consents import audience, consent

CONTEXT = "{ me { patient { id } encounter { id status patient { id } } } }"
LAUNCHED = "user/*.rs launch/patient launch/encounter"
ANA = "pat-000001"


@pytest.fixture(scope="module")
def clinic() -> Iterator[House]:
    with running(generate(3, today=TODAY), poll_seconds=NEVER_S) as made:
        yield made


def encounter(house: House) -> str:
    rows = house.dataset.resources["Encounter"].items()
    return min(id_ for id_, row in rows if row["subject"]["reference"] == f"Patient/{ANA}")


def test_an_app_is_told_the_patient_and_the_encounter_it_was_launched_for(clinic: House) -> None:
    found = clinic.data("clinician", CONTEXT, scope=LAUNCHED)["me"]

    id_ = encounter(clinic)
    assert found == {
        "patient": {"id": f"Patient/{ANA}"},
        "encounter": {
            "id": f"Encounter/{id_}",
            "status": clinic.dataset.resources["Encounter"][id_]["status"],
            "patient": {"id": f"Patient/{ANA}"},
        },
    }


def test_without_a_launch_there_is_none_and_nothing_is_fetched(clinic: House) -> None:
    clinic.forget()

    assert clinic.data("clinician", CONTEXT) == {"me": {"patient": None, "encounter": None}}
    assert clinic.asked_all() == []


def test_a_launch_narrows_and_widens_nothing(clinic: House) -> None:
    query = "{ encounters: patients(first: 10) { nodes { id encounters(first: 50) { nodes { id } } } } }"

    plain = clinic.data("clinician", query, scope="user/*.rs")
    assert clinic.data("clinician", query, scope=LAUNCHED) == plain
    assert len(plain["encounters"]["nodes"]) == 3


def test_a_launch_is_no_scope_for_the_encounter(clinic: House) -> None:
    clinic.forget()
    answer = clinic.ask("clinician", CONTEXT, scope="user/Patient.rs launch/patient launch/encounter")

    assert answer["data"] == {"me": {"patient": {"id": f"Patient/{ANA}"}, "encounter": None}}
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["me", "encounter"], "FORBIDDEN")
    assert error["extensions"]["missingScopes"]
    assert [call.target for call in clinic.asked_all()] == ["ehr Patient"]


def test_an_encounter_that_the_patient_has_closed_is_not_opened_by_a_launch() -> None:
    dataset = generate(3, today=TODAY)
    dataset.add(consent(ANA, actor=audience("clinician")))
    with running(dataset, poll_seconds=NEVER_S) as house:
        answer = house.ask("clinician", CONTEXT, scope=LAUNCHED)

    assert (answer["data"], answer.get("errors")) == ({"me": {"patient": None, "encounter": None}}, None)
