"""The boundary table, written out a second time by hand, as compliance reads it."""

from __future__ import annotations

from itertools import product

import pytest

from policies import DEFAULT_PURPOSE, Audience, DataClass, Effect, Purpose
from policies.boundary import DESCRIPTIONS, PERSONAS, PURPOSES, TABLE, Line, cells, rule

# A allow, M mask, - deny; patient, clinician, practice, partner, CRM, AI.
SIGNED_OFF = {
    DataClass.REFERENCE: "AAAAAA",
    DataClass.PART: "AAAAAA",
    DataClass.DIRECTORY: "AAAA-A",
    DataClass.IDENTITY: "AAAA--",
    DataClass.CONTACT: "AAA---",
    DataClass.DEMOGRAPHICS: "AAAM-M",
    DataClass.SCHEDULE: "AAAA-A",
    DataClass.JOINING: "AAA---",
    DataClass.REASON: "AAA--A",
    DataClass.VISIT: "AA-A-A",
    DataClass.CLINICAL: "AA---A",
    DataClass.NOTES: "AA----",
    DataClass.WORDING: "AAA---",
    DataClass.FINANCIAL: "A-A---",
    DataClass.ENGAGEMENT: "AAA-A-",
    DataClass.HISTORY: "AAA-M-",
    DataClass.OUTCOMES: "-AA-A-",
    DataClass.OPERATIONS: "-AA---",
}
EFFECTS = {"A": Effect.ALLOW, "M": Effect.MASK, "-": Effect.DENY}
AUDIENCES = (
    Audience.PATIENT,
    Audience.CLINICIAN,
    Audience.PRACTICE,
    Audience.PARTNER,
    Audience.CRM,
    Audience.AI,
)


@pytest.mark.parametrize(
    ("audience", "data", "sign"),
    [
        pytest.param(audience, data, sign, id=f"{audience.value} {data.value}")
        for data, signs in SIGNED_OFF.items()
        for audience, sign in zip(AUDIENCES, signs, strict=True)
    ],
)
def test_each_cell_is_as_it_was_signed_off(audience: Audience, data: DataClass, sign: str) -> None:
    verb = {"A": "allows", "M": "masks", "-": "denies"}[sign]

    assert rule(audience, data).effect is EFFECTS[sign]
    assert rule(audience, data).id == f"boundary-{audience.value}-{verb}-{data.value}"


def test_every_cell_is_signed_off_and_given_a_reason_by_exactly_one_line() -> None:
    listed = [(line.audience, data) for line in TABLE for data in line.classes]

    assert sorted(listed, key=str) == sorted(product(Audience, DataClass), key=str)
    assert set(SIGNED_OFF) == set(DataClass)
    assert all(line.because.endswith(".") for line in TABLE)


def test_what_no_line_opens_is_denied() -> None:
    empty = cells(())

    assert rule(Audience.CLINICIAN, DataClass.REFERENCE, empty).effect is Effect.DENY
    assert rule(Audience.CLINICIAN, DataClass.REFERENCE, empty).id == "boundary-clinician-denies-reference"


@pytest.mark.parametrize(
    ("weaker", "stricter"),
    [(Effect.ALLOW, Effect.MASK), (Effect.ALLOW, Effect.DENY), (Effect.MASK, Effect.DENY)],
)
@pytest.mark.parametrize("stricter_comes", ["first", "last"])
def test_where_two_lines_disagree_the_stricter_one_holds(
    weaker: Effect, stricter: Effect, stricter_comes: str
) -> None:
    lines = [
        Line(Audience.AI, weaker, (DataClass.NOTES,), "One says so."),
        Line(Audience.AI, stricter, (DataClass.NOTES,), "Another says otherwise."),
    ]
    if stricter_comes == "first":
        lines.reverse()

    table = cells(lines)

    assert rule(Audience.AI, DataClass.NOTES, table).effect is stricter
    assert rule(Audience.AI, DataClass.NOTES, table).because == "Another says otherwise."


def test_every_audience_is_described_and_may_ask_for_its_own_default_purpose() -> None:
    assert set(DESCRIPTIONS) == set(PERSONAS) == set(PURPOSES) == set(Audience)
    assert {audience for audience in Audience if DEFAULT_PURPOSE[audience] in PURPOSES[audience]} == set(
        Audience
    )


def test_the_purposes_of_each_audience_are_as_they_were_signed_off() -> None:
    named = {
        audience.value: " ".join(sorted(purpose.value for purpose in purposes))
        for audience, purposes in PURPOSES.items()
    }

    assert named == {
        "patient": "FAMRQT PATRQT PWATRNY",
        "clinician": "CAREMGT COC ETREAT HOPERAT TREAT",
        "practice": "HOPERAT HPAYMT PATADMIN",
        "partner": "CAREMGT COC HOPERAT",
        "crm": "HMARKT HOPERAT",
        "ai": "CAREMGT COC TREAT",
    }


def test_marketing_is_a_purpose_of_the_crm_alone() -> None:
    assert [audience for audience in Audience if Purpose.HMARKT in PURPOSES[audience]] == [Audience.CRM]


def test_treatment_is_a_purpose_of_clinicians_and_their_assistants_alone() -> None:
    assert {audience for audience in Audience if Purpose.TREAT in PURPOSES[audience]} == {
        Audience.CLINICIAN,
        Audience.AI,
    }
