"""What purpose one request may state: within the audience's, and never beyond what the token claims."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Actor, Audience, Effect, Policy, Purpose, PurposeRefused, PurposeUnknown, for_purpose
from policies.boundary import PURPOSES
from policies.purposes import WITHIN, permitted
from tests.policies.people import (
    COORDINATES,
    a_clinician,
    a_partner,
    an_assistant,
    ana,
    someone,
    the_marketer,
)

POLICY = Policy(COORDINATES)


def unclaimed(actor: Actor) -> Actor:
    return replace(actor, claims_purpose=False)


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        pytest.param(unclaimed(a_clinician), "TREAT", id="a clinician, what she is here for"),
        pytest.param(unclaimed(a_clinician), "HOPERAT", id="a clinician, for the practice"),
        pytest.param(
            someone(Audience.CLINICIAN, "", purpose=Purpose.ETREAT),
            "ETREAT",
            id="a clinician whose token says emergency, the same",
        ),
        pytest.param(a_clinician, "TREAT", id="a clinician whose token says treatment, the same"),
        pytest.param(a_clinician, "COC", id="a clinician whose token says treatment, coordination of care"),
        pytest.param(a_partner, "CAREMGT", id="a partner for operations, care management"),
    ],
)
def test_a_request_for_a_purpose_that_is_hers_to_state(actor: Actor, code: str) -> None:
    assert for_purpose(actor, code) == replace(actor, purpose=Purpose(code))


@pytest.mark.parametrize(
    ("actor", "code", "permitted"),
    [
        pytest.param(unclaimed(a_clinician), "HMARKT", "CAREMGT COC HOPERAT TREAT", id="a marketing doctor"),
        pytest.param(
            unclaimed(a_clinician),
            "ETREAT",
            "CAREMGT COC HOPERAT TREAT",
            id="an emergency that no token claims: break-glass is the way",
        ),
        pytest.param(unclaimed(the_marketer), "TREAT", "HMARKT HOPERAT", id="a marketer who treats"),
        pytest.param(
            unclaimed(an_assistant), "ETREAT", "CAREMGT COC TREAT", id="an assistant in an emergency"
        ),
        pytest.param(a_clinician, "HOPERAT", "COC TREAT", id="treatment claimed, operations stated"),
        pytest.param(a_clinician, "ETREAT", "COC TREAT", id="treatment claimed, an emergency stated"),
        pytest.param(ana, "FAMRQT", "PATRQT", id="a patient who would be family"),
        pytest.param(
            someone(Audience.CLINICIAN, "", purpose=Purpose.HMARKT),
            "TREAT",
            "",
            id="a claim that opens nothing",
        ),
        pytest.param(
            someone(Audience.PARTNER, "", purpose=Purpose.TREAT),
            "COC",
            "",
            id="within a claim that opens nothing",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "", purpose=Purpose.HMARKT), "HMARKT", "", id="that very claim"
        ),
        pytest.param(
            someone(Audience.PARTNER, "", purpose=Purpose.HOPERAT),
            "PATADMIN",
            "CAREMGT HOPERAT",
            id="within the claim, but not the audience's",
        ),
    ],
)
def test_a_purpose_that_is_not_hers_to_state_is_refused_with_those_that_are(
    actor: Actor, code: str, permitted: str
) -> None:
    with pytest.raises(PurposeRefused) as refused:
        for_purpose(actor, code)

    assert refused.value.purpose is Purpose(code)
    assert str(refused.value) == f"{code} may not be stated here"
    assert [purpose.value for purpose in refused.value.permitted] == permitted.split()


def test_a_claim_that_is_not_the_audiences_cannot_be_narrowed_to_one_that_is() -> None:
    actor = replace(someone(Audience.PARTNER, "user/*.rs", purpose=Purpose.TREAT), claims_purpose=True)

    with pytest.raises(PurposeRefused):
        for_purpose(actor, "COC")


@pytest.mark.parametrize("code", ["BTG", "treat", "", "TREAT ", "TREATMENT"])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(PurposeUnknown):
        for_purpose(unclaimed(a_clinician), code)


def test_a_purpose_makes_another_grant_so_that_no_plan_is_shared() -> None:
    actor = unclaimed(a_clinician)

    keys = {POLICY.grant(for_purpose(actor, purpose.value)).key for purpose in permitted(actor)}

    assert len(keys) == len(permitted(actor)) == 4


@given(
    st.sampled_from(list(Audience)),
    st.sampled_from(list(Purpose)),
    st.booleans(),
    st.sampled_from(list(Purpose)),
)
def test_no_stated_purpose_reads_more_than_a_token_that_claims_it(
    audience: Audience, claimed: Purpose, claims: bool, stated: Purpose
) -> None:
    actor = replace(someone(audience, "user/*.rs", purpose=claimed), claims_purpose=claims)
    try:
        made = for_purpose(actor, stated.value)
    except PurposeRefused:
        assert stated not in permitted(actor)
        return

    assert stated in PURPOSES[audience]
    assert claims or stated is not Purpose.ETREAT
    if claims:
        assert stated is claimed or stated in WITHIN[claimed]
        assert not any(
            POLICY.grant(actor).decide(at).effect is Effect.DENY
            and POLICY.grant(made).decide(at).effect is not Effect.DENY
            for at in COORDINATES
        )
