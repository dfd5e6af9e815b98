"""Every rule that a decision can name has words, and so has every condition on rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Audience, Policy, Purpose
from policies.boundary import PURPOSES
from policies.clearance import Clearance
from policies.emergency import Emergency
from policies.wording import conditions, meaning, withheld
from tests.policies.people import ANA, COORDINATES, UNKNOWN, someone


@pytest.mark.parametrize("purpose", [None, Purpose.HMARKT])
@pytest.mark.parametrize("scopes", ["", "user/*.rs __engagement.read"])
@pytest.mark.parametrize("audience", Audience)
def test_every_reason_of_a_decision_has_words_of_its_own(
    audience: Audience, scopes: str, purpose: Purpose | None
) -> None:
    grant = Policy(COORDINATES).grant(someone(audience, scopes, purpose=purpose))

    for at in (*COORDINATES, UNKNOWN):
        for reason in grant.decide(at).reasons:
            assert meaning(reason).endswith(".")
            assert reason not in meaning(reason)


def test_a_line_of_the_boundary_says_why_a_mask_what_is_left_and_an_unknown_rule_that_it_is_one() -> None:
    assert meaning("boundary-ai-denies-identity") == "A model does not need to know who the person is."
    assert meaning("mask-year") == "The year alone."
    assert meaning("scope-held") == "The token holds the scopes the field needs."
    assert meaning("of-tomorrow") == "The rule `of-tomorrow` says so."


@pytest.mark.parametrize(
    ("scopes", "resource", "said"),
    [
        ("user/Encounter.rs", "Encounter", ("Every row.",)),
        ("user/Encounter.rs patient/Encounter.rs", "Encounter", ("Every row.",)),
        ("patient/Encounter.rs", "Encounter", ("Rows of the patient that the token is for.",)),
        (
            "patient/Observation.rs?category=laboratory",
            "Observation",
            ("Rows of the patient that the token is for and with category=laboratory.",),
        ),
        ("user/Observation.rs?category=a user/Observation.rs?category=b", "Observation",
         ("Rows with category=a.", "Rows with category=b.")),
        ("user/Patient.rs", "Encounter", ("No row: the token has no scope that reaches one.",)),
    ],
)  # fmt: skip
def test_the_conditions_on_rows_are_told_without_naming_the_patient(
    scopes: str, resource: str, said: tuple[str, ...]
) -> None:
    grant = Policy(COORDINATES).grant(someone(Audience.CLINICIAN, scopes, patient=ANA))

    assert conditions(grant.rows(resource)) == said
    assert ANA not in "".join(said)


@pytest.mark.parametrize("audience", Audience)
def test_what_is_withheld_of_rows_is_told_for_every_audience_and_purpose(
    audience: Audience,
) -> None:
    for purpose in PURPOSES[audience]:
        grant = Policy(COORDINATES).grant(someone(audience, "user/*.rs", patient=ANA, purpose=purpose))
        by_labels, *by_consent = withheld(grant.conditions("Encounter"))

        assert by_labels.startswith("What is labelled as more confidential than ")
        assert by_labels.endswith(".")
        assert bool(by_consent) is (audience is not Audience.PATIENT or purpose is Purpose.FAMRQT)


def test_what_is_withheld_of_rows_says_up_to_where_and_why_and_nothing_where_no_row_comes() -> None:
    grant = Policy(COORDINATES).grant(someone(Audience.PARTNER, "system/Encounter.rs"))

    assert withheld(grant.conditions("Encounter")) == (
        "What is labelled as more confidential than normal, or as about more: What is restricted or "
        "sensitive is shared with others only as the patient consents.",
        "Where consents are kept: what the patient's consent withholds from you.",
    )
    assert withheld(grant.conditions("Condition")) == ()


@pytest.mark.parametrize(
    ("level", "word"),
    [
        ("U", "unrestricted"),
        ("L", "low"),
        ("M", "moderate"),
        ("N", "normal"),
        ("R", "restricted"),
        ("V", "very restricted"),
    ],
)
def test_a_level_is_told_by_its_name_in_the_code_system(level: str, word: str) -> None:
    """v3-Confidentiality, the displays of its codes."""
    rows = Policy(COORDINATES).grant(someone(Audience.CRM, "user/*.rs")).conditions("Encounter")
    cleared = Clearance(Audience.CRM, level, frozenset({"HIV"}))

    assert withheld(replace(rows, labels=replace(rows.labels, cleared=cleared)))[0] == (
        f"What is labelled as more confidential than {word}, or as about more: "
        "No line of the table clears this audience for this purpose."
    )


def test_family_are_told_the_line_that_is_theirs() -> None:
    family = someone(Audience.PATIENT, "patient/*.rs", patient=ANA, purpose=Purpose.FAMRQT)

    assert withheld(Policy(COORDINATES).grant(family).conditions("Encounter"))[0] == (
        "What is labelled as more confidential than normal, or as about more: Family see what the patient's "
        "record says in the open, and nothing sensitive."
    )


def test_what_an_emergency_lifts_is_told_to_who_declared_it() -> None:
    actor = replace(
        someone(Audience.CLINICIAN, "user/*.rs", purpose=Purpose.TREAT),
        emergency=Emergency(ANA, 4e9, False, "t1"),
    )

    *_, last = withheld(Policy(COORDINATES).grant(actor).conditions("Encounter"))

    assert last == (
        "Of the emergency's patient: only what is protected by 42 CFR Part 2, if that is not lifted."
    )
