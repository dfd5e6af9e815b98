"""Who may break the glass: a clinician who signed in, for one patient their token reaches, for 15 minutes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import (
    BREAK_GLASS,
    LONGEST_S,
    Actor,
    Audience,
    BreakGlassRefused,
    Emergency,
    Policy,
    Purpose,
    as_of,
    in_emergency,
)
from policies.break_glass import Bar
from policies.standing import Standing
from sources.model import PatientId
from tests.policies.people import (
    ANA,
    BEN,
    COORDINATES,
    a_clinician,
    a_partner,
    an_assistant,
    ana,
    someone,
    the_front_desk,
    the_marketer,
)

POLICY = Policy(COORDINATES)
ANAS = Emergency(ANA, until=1_000.0, part2=False, declared="t1")
a_backend = someone(Audience.CLINICIAN, "system/*.rs", subject="an-app")
of_ana = someone(Audience.CLINICIAN, "patient/*.rs", patient=ANA, fhir_user="Practitioner/prac-1")


@pytest.mark.parametrize("actor", [a_clinician, of_ana], ids=["a clinician", "one launched for Ana"])
def test_a_clinician_reads_in_an_emergency_that_concerns_one_patient(actor: Actor) -> None:
    broken = in_emergency(actor, ANAS)

    grant = POLICY.grant(broken)
    assert broken == replace(actor, emergency=ANAS)
    assert grant.emergency_of(ANA) is ANAS
    assert grant.emergency_of(BEN) is None
    assert grant.emergency_of(None) is None
    assert POLICY.grant(actor).emergency_of(ANA) is None


@pytest.mark.parametrize(
    ("actor", "bar"),
    [
        pytest.param(ana, Bar.AUDIENCE, id="Ana herself"),
        pytest.param(the_front_desk, Bar.AUDIENCE, id="the front desk"),
        pytest.param(a_partner, Bar.AUDIENCE, id="a partner"),
        pytest.param(the_marketer, Bar.AUDIENCE, id="a marketer"),
        pytest.param(an_assistant, Bar.AUDIENCE, id="an assistant"),
        pytest.param(a_backend, Bar.USER, id="a clinicians' system nobody signed in to"),
        pytest.param(replace(a_clinician, purpose=Purpose.HMARKT), Bar.PURPOSE, id="a clinician who markets"),
        pytest.param(
            someone(Audience.CLINICIAN, "patient/*.rs", patient=BEN), Bar.REACH, id="one launched for Ben"
        ),
        pytest.param(someone(Audience.CLINICIAN, "patient/*.rs"), Bar.REACH, id="one launched for nobody"),
        pytest.param(
            someone(Audience.CLINICIAN, "__engagement.read", patient=ANA), Bar.REACH, id="one without scopes"
        ),
    ],
)
def test_who_may_not_break_the_glass_and_why(actor: Actor, bar: Bar) -> None:
    with pytest.raises(BreakGlassRefused) as refused:
        in_emergency(actor, ANAS)

    assert refused.value.bar is bar


@pytest.mark.parametrize(
    ("now", "is_over"),
    [(0.0, False), (999.999, False), (1_000.0, True), (2_000.0, True), (float("nan"), True)],
)
def test_an_emergency_lapses_at_its_moment(now: float, is_over: bool) -> None:
    broken = in_emergency(a_clinician, ANAS)

    assert ANAS.is_over(now) is is_over
    assert as_of(broken, now) == (a_clinician if is_over else broken)


def test_who_is_in_no_emergency_stays_as_they_are() -> None:
    assert as_of(a_clinician, 5_000.0) is a_clinician


def test_an_emergency_is_in_the_key_of_the_grant_and_changes_no_decision_on_a_field() -> None:
    plain, broken = POLICY.grant(a_clinician), POLICY.grant(in_emergency(a_clinician, ANAS))

    assert plain.key != broken.key
    assert Standing.of(broken.actor).is_emergency
    assert not Standing.of(plain.actor).is_emergency
    assert all(plain.decide(at) == broken.decide(at) for at in COORDINATES)


@given(st.sampled_from([None, ANA, BEN, PatientId("pat-ana ")]))
def test_an_emergency_opens_no_row_that_scopes_do_not(owner: PatientId | None) -> None:
    actor = someone(Audience.CLINICIAN, "user/Patient.rs patient/Condition.rs", patient=BEN)
    plain, broken = POLICY.grant(actor), POLICY.grant(in_emergency(actor, ANAS))

    for resource in ("Patient", "Condition", "Observation", "Spaceship"):
        assert broken.rows(resource).admits(object(), owner) is plain.rows(resource).admits(object(), owner)


def test_an_emergency_shows_nobody() -> None:
    assert repr(Emergency(ANA, 1.0, part2=True, declared="t1")) == "Emergency(part2=True)"


def test_break_glass_is_fifteen_minutes_and_a_code_no_token_or_request_can_state() -> None:
    assert LONGEST_S == 900
    assert BREAK_GLASS == "BTG"
    assert BREAK_GLASS not in {purpose.value for purpose in Purpose}
