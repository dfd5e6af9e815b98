"""An actor says who asks without telling who."""

from __future__ import annotations

import pytest

from policies import DEFAULT_PURPOSE, Audience, Purpose
from tests.policies.people import ANA, a_partner, ana, someone


def test_an_actor_shows_its_audience_and_client_and_nothing_else() -> None:
    assert repr(ana) == "Actor(audience='patient', client_id='an-app')"
    assert str(ana) == repr(ana)


@pytest.mark.parametrize(
    ("audience", "purpose"),
    [
        pytest.param(Audience.PATIENT, Purpose.PATRQT, id="a patient asks for herself"),
        pytest.param(Audience.CLINICIAN, Purpose.TREAT, id="a clinician treats"),
        pytest.param(Audience.PRACTICE, Purpose.HOPERAT, id="the front desk runs the practice"),
        pytest.param(Audience.PARTNER, Purpose.HOPERAT, id="a partner runs its own"),
        pytest.param(Audience.CRM, Purpose.HMARKT, id="the marketer markets"),
        pytest.param(Audience.AI, Purpose.TREAT, id="an assistant helps to treat"),
    ],
)
def test_a_token_without_a_purpose_gets_that_of_its_audience(audience: Audience, purpose: Purpose) -> None:
    assert DEFAULT_PURPOSE[audience] is purpose


def test_a_purpose_is_a_code_of_v3_act_reason_and_break_glass_is_none_of_them() -> None:
    assert " ".join(sorted(purpose.value for purpose in Purpose)) == (
        "CAREMGT COC ETREAT FAMRQT HMARKT HOPERAT HPAYMT PATADMIN PATRQT PWATRNY TREAT"
    )


def test_a_backend_is_no_user_and_anyone_else_is() -> None:
    named = someone(Audience.PARTNER, "", subject="an-app", fhir_user="Practitioner/prac-1")

    assert (a_partner.is_user, ana.is_user, named.is_user) == (False, True, True)
    assert someone(Audience.CRM, "", subject="mallory").is_user is True


def test_actors_with_the_same_facts_are_equal() -> None:
    assert someone(Audience.PATIENT, "patient/*.rs", patient=ANA) == someone(
        Audience.PATIENT, "patient/*.read", patient=ANA
    )
