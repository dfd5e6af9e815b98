"""An EHR that does not hear a question for consents: its silence opens nothing, and what to do is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from sandbox.dataset import generate
from sandbox.ehr.quirks import Quirks
from sandbox.records import Dataset
from tests.stories.conftest import TODAY
from tests.stories.house import NEVER_S, House, running
from tests.stories.test_story_consents import CHART, LAPSED, NO_AI, audience, consent

CONSENTS = frozenset({"Consent"})
PATIENTS = 6
LIST = "{ patients(first: 10) { nodes { id } } }"


class Clinic(NamedTuple):
    """An EHR, and how the gateway is set for it."""

    quirks: Quirks
    ehr: Mapping[str, Any] = {}
    has_consents: bool = True


def dataset_of(clinic: Clinic) -> Dataset:
    dataset = generate(PATIENTS, today=TODAY)
    if clinic.has_consents:
        dataset.add(consent(NO_AI, actor=audience("ai")))
        dataset.add(consent(LAPSED, period={"end": "2020-12-31"}))
    return dataset


def living_in(clinic: Clinic) -> Any:
    return running(dataset_of(clinic), poll_seconds=NEVER_S, ehr_quirks=clinic.quirks, ehr=clinic.ehr)


def shown(house: House, persona: str) -> set[str]:
    return {it["id"].removeprefix("Patient/") for it in house.data(persona, LIST)["patients"]["nodes"]}


WRONGLY_SET = {
    "it takes `Patient/1` alone, and is set as a vendor asked by `1`": Clinic(
        Quirks(typed_references=True), {"vendor": "epic"}
    ),
    "it takes `1` alone": Clinic(Quirks(bare_references=True)),
    "it takes a list for one value": Clinic(Quirks(whole_values=frozenset({"patient"}))),
    "it does not name Consent, and has it": Clinic(Quirks(unnamed=CONSENTS)),
    "it wants to be told of whom, and takes `Patient/1` alone": Clinic(
        Quirks(needs_patient=True, typed_references=True)
    ),
    "it wants to be told of whom, and takes `1` alone": Clinic(
        Quirks(needs_patient=True, bare_references=True)
    ),
    "a patient with a Consent is named": Clinic(
        Quirks(needs_patient=True, unnamed=CONSENTS, bare_references=True), {"consent_witness": LAPSED}
    ),
}


@pytest.mark.parametrize("name", WRONGLY_SET)
def test_how_an_ehr_is_asked_is_found_out_so_that_no_consent_is_missed(name: str) -> None:
    clinic = WRONGLY_SET[name]
    with living_in(clinic) as house:
        everybody = {f"pat-{number:06}" for number in range(1, PATIENTS + 1)}

        assert shown(house, "ai") == everybody - {NO_AI}
        assert shown(house, "clinician") == everybody
        assert house.data("clinician", CHART, {"id": f"Patient/{LAPSED}"})["patient"]["encounters"]["nodes"]


def test_an_ehr_without_a_consent_that_can_be_searched_for_them_refuses_nobody() -> None:
    with living_in(Clinic(Quirks(), has_consents=False)) as house:
        assert len(shown(house, "ai")) == PATIENTS


UNHEARD = {
    "nothing is found by a patient": Clinic(Quirks(typed_references=True, bare_references=True)),
    "lists are taken for one value, and must be used": Clinic(
        Quirks(whole_values=frozenset({"patient"})), {"strategy": "or-list"}
    ),
    "none is shown, and there is no such search": Clinic(Quirks(hidden=CONSENTS, unnamed=CONSENTS)),
    "the patient who is named has none that we see": Clinic(
        Quirks(hidden=CONSENTS), {"consent_witness": LAPSED}
    ),
    "no right to them, and none is shown": Clinic(
        Quirks(hidden=CONSENTS),
        {"auth": {"scope": "system/Patient.rs system/Encounter.rs system/Practitioner.rs"}},
    ),
}


@pytest.mark.parametrize("name", UNHEARD)
def test_the_silence_of_an_ehr_that_may_not_hear_opens_nothing(name: str) -> None:
    """No data, the error that says why, and nothing fetched of any patient."""
    with living_in(UNHEARD[name]) as house:
        house.forget()
        for persona in ("ai", "clinician", "frontdesk", "partner"):
            answer = house.ask(
                persona, CHART if persona == "clinician" else POINT, {"id": f"Patient/{NO_AI}"}
            )

            assert answer["data"] == {"patient": None}
            assert [it["extensions"]["code"] for it in answer["errors"]] == ["SOURCE_MISREAD"]
        assert house.asked_all() == []
        assert house.data("patient", "{ me { patient { id } } }")["me"]["patient"] is not None


POINT = "query P($id: ID!) { patient(id: $id) { id } }"
