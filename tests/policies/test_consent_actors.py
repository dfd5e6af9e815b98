"""An organization, a team or a group in a consent is whom the operator says it is, and else can't be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Audience, actor_names
from policies.consent import Says, answer
from policies.consent_actors import AUDIENCE, CLIENT, NO_NAMES
from policies.consent_criteria import Asking
from policies.decisions import Policy
from sources.model import Provision
from tests.policies.people import COORDINATES, a_clinician, someone
from tests.policies.test_consent import NOW, consent, deny, permit, to

PARTNER = someone(Audience.PARTNER, "")
LAB = replace(PARTNER, client_id="lab-app")
NAMES = actor_names(
    {
        "Organization/ours": ["clinician", "practice"],
        "urn:oid:1.2|77": ["client:lab-app"],
        "CareTeam/all": ["clinician", "client:lab-app"],
        "PractitionerRole/head": ["clinician"],
        "Group/nobody": [],
    }
)


def said(*provisions: Provision, actor: Any, names: Any = NAMES) -> Says:
    asking = Asking.of(actor, "Condition", NOW, names)
    return answer(map(consent, provisions), asking).says


@pytest.mark.parametrize(
    ("named", "clinician", "lab", "partner"),
    [
        (to("Organization/ours"), Says.DENY, Says.NOTHING, Says.NOTHING),
        (to(system="urn:oid:1.2", value="77"), Says.NOTHING, Says.DENY, Says.NOTHING),
        (to("CareTeam/all"), Says.DENY, Says.DENY, Says.NOTHING),
        (to("PractitionerRole/head"), Says.DENY, Says.NOTHING, Says.NOTHING),
        (to("Group/nobody"), Says.NOTHING, Says.NOTHING, Says.NOTHING),
        (to("Organization/another"), Says.UNREADABLE, Says.UNREADABLE, Says.UNREADABLE),
        (to(system="urn:oid:1.2", value="78"), Says.UNREADABLE, Says.UNREADABLE, Says.UNREADABLE),
    ],
)
def test_a_denial_binds_whom_its_name_stands_for_and_an_unknown_name_everybody(
    named: Any, clinician: Says, lab: Says, partner: Says
) -> None:
    found = [said(deny(actor=named), actor=actor) for actor in (a_clinician, LAB, PARTNER)]

    assert found == [clinician, lab, partner]


def test_a_permission_by_such_a_name_is_an_exception_for_them_alone() -> None:
    but_them = deny(provision=(permit(actor=to("Organization/ours")),))

    assert said(but_them, actor=a_clinician) is Says.PERMIT
    assert said(but_them, actor=LAB) is Says.DENY


def test_a_name_and_an_identifier_that_mean_different_people_cant_be_read() -> None:
    torn = to("Organization/ours", system="urn:oid:1.2", value="77")
    alike = to("CareTeam/all", system="urn:oid:1.2", value="77")

    assert said(deny(actor=torn), actor=LAB) is Says.UNREADABLE
    assert said(deny(actor=alike), actor=LAB) is Says.DENY


def test_a_role_beside_the_name_must_fit_as_well() -> None:
    as_family = to("Organization/ours", role="NOK")

    assert said(deny(actor=as_family), actor=a_clinician) is Says.NOTHING


def test_what_nothing_is_said_of_denies_as_before() -> None:
    for actor in (a_clinician, LAB, PARTNER):
        assert said(deny(actor=to("Organization/ours")), actor=actor, names=NO_NAMES) is Says.UNREADABLE


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"Practitioner/1": ["clinician"]}, "names no organization"),
        ({"Patient/1": ["clinician"]}, "names no organization"),
        ({"Organization": ["clinician"]}, "names no organization"),
        ({"Organization/1/2": ["clinician"]}, "names no organization"),
        ({"|77": ["clinician"]}, "names no organization"),
        ({"Organization/1": ["doctors"]}, "neither an audience"),
        ({"Organization/1": ["client:"]}, "neither an audience"),
        ({"Organization/1": ["app:lab-app"]}, "neither an audience"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_write(given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        actor_names(given)


def test_whoever_is_no_audience_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match="neither") as refused:
        actor_names({"Organization/1": ["doctors"]})

    assert str(refused.value) == (
        "`doctors` is neither an audience (patient, clinician, practice, partner, crm, ai) nor a client; "
        "write `client:ID` for one"
    )


def test_an_organization_that_is_only_identified_is_not_the_one_of_some_id() -> None:
    names = actor_names({"Organization/None": ["clinician"]})
    by_number = to("Organization/", system="urn:oid:1.2", value="78")

    assert said(deny(actor=by_number), actor=a_clinician, names=names) is Says.UNREADABLE


def test_one_of_several_ehrs_may_be_named() -> None:
    assert actor_names({"Organization/south:org-1": ["ai"]}) == {
        "Organization/south:org-1": frozenset({f"{AUDIENCE}|ai"})
    }


def test_a_policy_with_other_names_is_another_policy() -> None:
    plain, named = Policy(COORDINATES), Policy(COORDINATES, NAMES)
    others = Policy(COORDINATES, actor_names({name: ["ai"] for name in NAMES}))

    assert len({plain.version, named.version, others.version}) == 3
    assert named.grant(LAB).conditions("Condition", now=NOW).asking == Asking.of(LAB, "Condition", NOW, NAMES)


@given(
    st.dictionaries(
        st.sampled_from(["Organization/a", "Group/b", "CareTeam/c", "urn:x|1"]),
        st.sets(st.sampled_from(["clinician", "partner", "client:lab-app", "client:other"])),
    ),
    st.sampled_from(["Organization/a", "Group/b", "CareTeam/c"]),
)
def test_to_say_whom_a_name_means_frees_those_alone_whom_it_does_not_mean(
    given_names: dict[str, set[str]], reference: str
) -> None:
    names = actor_names(given_names)
    for actor in (a_clinician, LAB, PARTNER):
        own = {f"{AUDIENCE}|{actor.audience.value}", f"{CLIENT}|{actor.client_id}"}
        found = said(deny(actor=to(reference)), actor=actor, names=names)
        if reference not in names:
            assert found is Says.UNREADABLE
        else:
            assert found is (Says.DENY if own & names[reference] else Says.NOTHING)
