"""A patient was merged with another: what was forbidden under the one id binds the rows under the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from sandbox.dataset import generate
from sandbox.records import Dataset
from tests.stories.conftest import PATIENTS, TODAY
from tests.stories.house import NEVER_S, House, running
from tests.stories.test_story_consents import audience, consent

SURVIVOR, RETIRED = "pat-000001", "pat-000002"
"""Merged; the denial is on record of the retired one."""
KEPT, GONE = "pat-000003", "pat-000004"
"""Merged; the denial is on record of the one who remains."""
FIRST, SECOND, THIRD = "pat-000005", "pat-000006", "pat-000007"
"""Merged one after the other; the denial is on record of the first."""
ABROAD = "pat-000008"
"""Merged with a patient of another server."""
ALIKE, LIKE = "pat-000009", "pat-000010"
"""Said to be alike, and not merged; the denial is on record of the one."""
CHAIN = [f"pat-{number:06}" for number in range(13, 19)]
"""Merged one after the other, more often than anybody is."""
USUAL, FORBIDDEN_TO_AI = "pat-000011", "pat-000012"

LINKED = {"merged_patients": "linked"}
CHART = """query Chart($id: ID!) { patient(id: $id) {
  id encounters(first: 50) { nodes { id } } appointments(first: 50) { nodes { id } }
} }"""


def merged_clinic() -> Dataset:
    dataset = generate(PATIENTS, today=TODAY)
    links = [
        (SURVIVOR, "replaces", f"Patient/{RETIRED}"),
        (RETIRED, "replaced-by", f"Patient/{SURVIVOR}"),
        (KEPT, "replaces", f"Patient/{GONE}"),
        (GONE, "replaced-by", f"Patient/{KEPT}"),
        (FIRST, "replaced-by", f"Patient/{SECOND}"),
        (SECOND, "replaces", f"Patient/{FIRST}"),
        (SECOND, "replaced-by", f"Patient/{THIRD}"),
        (THIRD, "replaces", f"Patient/{SECOND}"),
        (ABROAD, "replaces", "https://elsewhere.example/fhir/Patient/1"),
        (ALIKE, "seealso", f"Patient/{LIKE}"),
        (ALIKE, "replaces", "RelatedPerson/1"),
        *((each, "replaced-by", f"Patient/{after}") for each, after in pairwise(CHAIN)),
    ]
    patients = dataset.resources["Patient"]
    for patient, type_, other in links:
        link = {"type": type_, "other": {"reference": other}}
        patients[patient] = {**patients[patient], "link": [*patients[patient].get("link", []), link]}
    for denied in (RETIRED, KEPT, FIRST, LIKE):
        dataset.add(consent(denied))
    dataset.add(consent(FORBIDDEN_TO_AI, actor=audience("ai")))
    return dataset


@pytest.fixture(scope="module")
def linked() -> Iterator[House]:
    """A house over an EHR that leaves consents where they were; what was read of them is not remembered."""
    with running(merged_clinic(), poll_seconds=NEVER_S, ehr={**LINKED, "consent_max_age_s": 0}) as made:
        yield made


LINKS = ("ehr Patient", "id", "link")
"""A question for links, and for nothing else of a patient."""


@pytest.mark.parametrize("patient", [SURVIVOR, RETIRED, KEPT, GONE, FIRST, SECOND, THIRD])
def test_a_denial_binds_whomever_the_patient_was_merged_with_and_nothing_of_them_is_read(
    linked: House, patient: str
) -> None:
    linked.forget()
    answer = linked.ask("clinician", CHART, {"id": f"Patient/{patient}"})

    assert (answer["data"], answer.get("errors")) == ({"patient": None}, None)
    assert {(call.target, *sorted(call.elements)) for call in linked.asked_all()} == {LINKS}


@pytest.mark.parametrize("patient", [SURVIVOR, THIRD])
def test_a_row_of_who_remains_is_withheld_when_it_is_read_by_its_id(linked: House, patient: str) -> None:
    id_ = next(
        row["id"]
        for row in linked.dataset.resources["Encounter"].values()
        if row["subject"]["reference"] == f"Patient/{patient}"
    )
    query = "query E($id: ID!) { encounter(id: $id) { id status } }"

    assert linked.data("clinician", query, {"id": f"Encounter/{id_}"}) == {"encounter": None}


@pytest.mark.parametrize("patient", [ABROAD, CHAIN[0]])
def test_who_is_merged_with_somebody_who_cannot_be_told_is_refused(linked: House, patient: str) -> None:
    answer = linked.ask("clinician", CHART, {"id": f"Patient/{patient}"})

    assert answer["data"] == {"patient": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SOURCE_MISREAD"]
    assert "elsewhere" not in str(answer)


def test_a_chain_is_followed_as_far_as_anybody_is_merged(linked: House) -> None:
    near = CHAIN[2]

    assert linked.data("clinician", CHART, {"id": f"Patient/{near}"})["patient"]["id"] == f"Patient/{near}"


def test_a_link_that_is_no_merge_binds_nobody(linked: House) -> None:
    assert linked.data("clinician", CHART, {"id": f"Patient/{ALIKE}"})["patient"]["id"] == f"Patient/{ALIKE}"
    assert linked.data("clinician", CHART, {"id": f"Patient/{LIKE}"}) == {"patient": None}


def test_who_was_never_merged_is_shown_as_ever_for_one_call_more_a_minute() -> None:
    with running(merged_clinic(), poll_seconds=NEVER_S, ehr=LINKED) as house:
        house.forget()
        assert house.data("clinician", CHART, {"id": f"Patient/{USUAL}"})["patient"]["encounters"]["nodes"]
        first = _links_asked_for(house)
        assert house.data("clinician", CHART, {"id": f"Patient/{USUAL}"})["patient"]["id"]

        assert first == _links_asked_for(house) == 1


def test_a_denial_to_some_binds_those_alone(linked: House) -> None:
    assert linked.data("clinician", CHART, {"id": f"Patient/{FORBIDDEN_TO_AI}"})["patient"] is not None
    assert linked.data("ai", "query P($id: ID!) { patient(id: $id) { id } }",
                       {"id": f"Patient/{FORBIDDEN_TO_AI}"}) == {"patient": None}  # fmt: skip


def test_the_patient_is_not_bound_and_no_links_are_asked_for(linked: House) -> None:
    linked.forget()
    mine = linked.data("patient", "{ me { patient { id encounters { nodes { id } } } } }")["me"]["patient"]

    assert mine["id"] == f"Patient/{SURVIVOR}"
    assert _links_asked_for(linked) == 0


def test_an_ehr_that_moves_consents_is_asked_for_no_links() -> None:
    with running(merged_clinic(), poll_seconds=NEVER_S) as house:
        house.forget()
        assert house.data("clinician", CHART, {"id": f"Patient/{SURVIVOR}"})["patient"]["id"]

        assert _links_asked_for(house) == 0


def _links_asked_for(house: House) -> int:
    return sum("link" in (call.elements or ()) for call in house.asked_all())
