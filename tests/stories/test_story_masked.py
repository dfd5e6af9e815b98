"""What is masked is told to be so, and is never more than the mask leaves."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.records import care_key
from tests.stories.house import House

PEOPLE = "{ patients(first: 60) { nodes { id age postalCode active deceased maritalStatus { text } } } }"
TOUCHED = "{ patients(first: 60) { nodes { id engagement { score lastTouch } } } }"
SMALL = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893".split()  # noqa: SIM905


def record(house: House, patient: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = house.dataset.resources["Patient"][patient["id"].removeprefix("Patient/")]
    return found


@pytest.mark.parametrize("persona", ["partner", "ai"])
def test_ages_and_places_are_shown_as_far_as_they_single_nobody_out(house: House, persona: str) -> None:
    answer = house.ask(persona, PEOPLE)

    this_year = int(house.data("clinician", "{ me { expiresAt } }")["me"]["expiresAt"][:4])
    for shown in answer["data"]["patients"]["nodes"]:
        held = record(house, shown)
        reached = this_year - int(held["birthDate"][:4])
        area = held["address"][0]["postalCode"][:3]
        assert shown["age"] == ("90+" if reached > 89 else str(reached))
        assert shown["postalCode"] == ("000" if area in SMALL else area)
        assert shown["maritalStatus"] is None


def test_those_who_treat_see_the_age_and_the_whole_postal_code(house: House) -> None:
    answer = house.ask("clinician", PEOPLE)

    assert "masked" not in answer["extensions"]
    for shown in answer["data"]["patients"]["nodes"]:
        held = record(house, shown)
        assert shown["postalCode"] == held["address"][0]["postalCode"]
        assert shown["age"].isdigit()


def test_a_marketer_is_told_the_quarter_of_the_last_contact_and_a_clinician_the_moment(house: House) -> None:
    contacts = {it["properties"]["care_key"]: it["properties"] for it in house.dataset.contacts}
    masked = house.data("marketer", TOUCHED)["patients"]["nodes"]
    whole = house.data("clinician", TOUCHED)["patients"]["nodes"]

    touched = 0
    for shown, known in zip(masked, whole, strict=True):
        properties = contacts.get(care_key(shown["id"].removeprefix("Patient/")))
        if properties is None:
            assert shown["engagement"] is known["engagement"] is None
            continue
        held = properties["last_touch_at"]
        quarter = f"{held[:4]}-Q{(int(held[5:7]) + 2) // 3}" if held else None
        assert shown["engagement"]["lastTouch"] == quarter
        assert known["engagement"]["lastTouch"] == (held or None)
        touched += held is not None
    assert touched > 20


def test_an_answer_names_what_it_masked_and_by_which_rules(house: House) -> None:
    query = "{ patients(first: 2) { nodes { id birthDate gender } } }"

    answer = house.ask("ai", query)

    assert answer["extensions"]["masked"] == [
        {
            "coordinate": "Patient.birthDate",
            "reasons": ["boundary-ai-masks-demographics", "mask-year-of-birth", "scope-held"],
        },
        {
            "coordinate": "Patient.gender",
            "reasons": ["boundary-ai-masks-demographics", "mask-kept", "scope-held"],
        },
    ]
    assert "masked" not in house.ask("clinician", query)["extensions"]


def test_an_answer_of_graphql_core_names_what_it_masked_too(house: House) -> None:
    query = "{ __schema { queryType { name } } patients(first: 1) { nodes { birthDate } } }"

    answer = house.ask("partner", query)

    assert [it["coordinate"] for it in answer["extensions"]["masked"]] == ["Patient.birthDate"]


def test_what_may_be_seen_only_masked_is_denied_where_it_has_no_mask(house: House) -> None:
    answer = house.ask("partner", "{ patients(first: 1) { nodes { maritalStatus { text } } } }")

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["extensions"]["reasons"] == ["boundary-partner-masks-demographics", "mask-missing"]
    assert "masked" not in answer["extensions"]
