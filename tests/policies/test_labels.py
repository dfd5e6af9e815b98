"""Security labels: how they are read, and who is cleared for what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.actor import Audience, Purpose
from policies.boundary import PURPOSES
from policies.clearance import CLEARANCES, HANDLINGS, clearance
from policies.conditions import LabelRule
from policies.labels import (
    ACT_CODE,
    CONFIDENTIALITY,
    COVERS,
    HANDLING,
    LEVELS,
    SENSITIVITIES,
    UNKNOWN,
    Labels,
    labels,
)
from sources.model import Coding

KNOWN = {code for codes in SENSITIVITIES.values() for code in codes}


def level(code: str) -> Coding:
    return Coding(system=CONFIDENTIALITY, code=code)


def act(code: str) -> Coding:
    return Coding(system=ACT_CODE, code=code)


def test_a_row_without_labels_is_of_normal_confidentiality() -> None:
    assert labels(()) == Labels("N", frozenset(), frozenset())


def test_of_several_levels_the_highest_holds() -> None:
    assert labels((level("R"), level("U"), level("N"))).level == "R"


def test_a_stated_level_below_normal_holds_where_no_other_is_stated() -> None:
    assert labels((level("L"), act("HIV"))) == Labels("L", frozenset({"HIV"}), frozenset())


def test_sensitivities_and_handling_codes_are_told_apart() -> None:
    assert labels((act("SUD"), act("42CFRPart2"))) == Labels(
        "N", frozenset({"SUD"}), frozenset({"42CFRPart2"})
    )


@pytest.mark.parametrize(
    "label",
    [
        level("X"),
        level("NR"),
        level(""),
        Coding(system=CONFIDENTIALITY),
        act("AMB"),
        act("sud"),
        Coding(system=ACT_CODE),
        Coding(code="R"),
        Coding(system="urn:hospital"),
        Coding(),
    ],
)
def test_a_label_that_is_not_known_is_the_most_restrictive(label: Coding) -> None:
    assert labels((level("U"), label)) == Labels("V", frozenset({UNKNOWN}), frozenset())


def test_labels_of_an_institutions_own_say_nothing() -> None:
    assert labels((Coding(system="urn:hospital", code="R"),)) == labels(())


def test_every_wider_code_covers_known_codes_only() -> None:
    assert COVERS.keys() <= KNOWN
    assert frozenset().union(*COVERS.values()) <= KNOWN


def test_every_audience_has_a_clearance_for_each_purpose_it_may_state() -> None:
    lined = {(line.audience, purpose) for line in CLEARANCES for purpose in line.purposes}

    assert lined == {(audience, purpose) for audience in Audience for purpose in PURPOSES[audience]}


def test_what_no_line_clears_is_cleared_for_nothing() -> None:
    cleared = clearance(Audience.CRM, Purpose.TREAT)

    assert (cleared.level, cleared.sensitivities) == ("U", frozenset())
    assert withheld(Audience.CRM, Purpose.TREAT) == "label-confidentiality"


def test_each_handling_code_has_exactly_one_line() -> None:
    assert sorted(code for line in HANDLINGS for code in line.codes) == sorted(HANDLING)


def test_nobody_but_the_patient_sees_what_cant_be_read() -> None:
    seen = {
        audience
        for audience in Audience
        for purpose in PURPOSES[audience]
        if withheld(audience, purpose, act("mystery")) is None
    }

    assert seen == {Audience.PATIENT}


def test_part_2_is_closed_to_programs_partners_and_outreach() -> None:
    closed = {
        audience
        for audience in Audience
        for purpose in PURPOSES[audience]
        if withheld(audience, purpose, act("42CFRPart2")) == "label-handling"
    }

    assert closed == {Audience.PARTNER, Audience.CRM, Audience.AI}


@pytest.mark.parametrize("audience", [Audience.PARTNER, Audience.AI])
def test_a_consent_that_names_all_labels_of_a_part_2_record_opens_it(audience: Audience) -> None:
    row = (level("R"), act("ETHUD"), act("42CFRPart2"))

    assert withheld(audience, None, *row, named=row) is None
    assert withheld(audience, None, *row, named=row[:2]) == "label-handling"
    assert withheld(audience, None, *row, named=(row[0], row[2])) == "label-sensitivity"
    assert withheld(audience, None, *row, named=row[1:]) == "label-confidentiality"


@pytest.mark.parametrize("audience", [Audience.CRM, Audience.PRACTICE])
def test_no_consent_opens_a_part_2_record_to_outreach_or_more_to_the_front_desk(audience: Audience) -> None:
    row = (level("V"), act("ETHUD"), act("42CFRPart2"))

    assert withheld(audience, None, *row, named=row) == "label-confidentiality"


def test_psychotherapy_notes_take_a_consent_even_for_those_who_treat() -> None:
    note = act("HIPAAPsyNotes")

    assert withheld(Audience.CLINICIAN, Purpose.TREAT, note) == "label-handling"
    assert withheld(Audience.CLINICIAN, Purpose.TREAT, note, named=(note,)) is None
    assert withheld(Audience.PATIENT, Purpose.PATRQT, note, named=(note,)) == "label-handling"


def test_family_see_nothing_sensitive_and_who_holds_a_power_of_attorney_all() -> None:
    for label in (level("R"), act("SEX"), act("ADOL")):
        assert withheld(Audience.PATIENT, Purpose.FAMRQT, label) is not None
        assert withheld(Audience.PATIENT, Purpose.PWATRNY, label) is None


def withheld(
    audience: Audience, purpose: Purpose | None, *row: Coding, named: tuple[Coding, ...] = ()
) -> str | None:
    asks_for = purpose or sorted(PURPOSES[audience], key=lambda it: it.value)[0]
    return LabelRule.of("Condition", clearance(audience, asks_for)).withholds(labels(row), named)


codings = st.lists(
    st.builds(
        Coding,
        system=st.sampled_from([CONFIDENTIALITY, ACT_CODE, "urn:own", None]),
        code=st.sampled_from([*LEVELS, *sorted(KNOWN), *HANDLING, "mystery", "", None]),
    ),
    max_size=4,
).map(tuple)
standings = st.sampled_from([(a, p) for a in Audience for p in PURPOSES[a]])


def oracle_shows(audience: Audience, purpose: Purpose, row: tuple[Coding, ...]) -> bool:
    """Label by label, in other words than the rules."""
    (line,) = [it for it in CLEARANCES if it.audience is audience and purpose in it.purposes]
    stated = []
    for label in row:
        if label.system == "urn:own" and label.code:
            continue
        if label.system == CONFIDENTIALITY and label.code and label.code in LEVELS:
            stated.append(label.code)
        elif label.system == ACT_CODE and label.code in HANDLING:
            (handling,) = [it for it in HANDLINGS if label.code in it.codes]
            if audience not in handling.open_to:
                return False
        elif label.system == ACT_CODE and label.code in KNOWN:
            if not any(label.code in SENSITIVITIES.get(about, ()) for about in line.about):
                return False
        elif audience is not Audience.PATIENT or purpose is Purpose.FAMRQT:
            return False
    return all(LEVELS.index(code) <= LEVELS.index(line.level) for code in stated or ["N"])


@given(standings, codings)
def test_clearance_is_what_a_naive_reading_of_the_tables_says(
    standing: tuple[Audience, Purpose], row: tuple[Coding, ...]
) -> None:
    assert (withheld(*standing, *row) is None) is oracle_shows(*standing, row)


@given(standings, codings, codings)
def test_a_label_more_never_opens_what_is_closed_by_sensitivity_or_handling(
    standing: tuple[Audience, Purpose], row: tuple[Coding, ...], more: tuple[Coding, ...]
) -> None:
    before, after = withheld(*standing, *row), withheld(*standing, *row, *more)

    assert before in (None, "label-confidentiality") or after is not None
