"""The codes consents are written in: whom each role means, what each purpose takes in, what is known."""

from __future__ import annotations

from typing import Any

import pytest

from policies import consent_criteria as rules
from policies.actor import Audience, Purpose
from policies.consent import DEEPEST, OTHER_SCOPES, PRIVACY, SCOPE, STATUSES, Says
from policies.consent_actors import AUDIENCE, CLIENT
from policies.consent_criteria import ACTIONS, OUTSIDE, PURPOSES, TYPES, Asking
from policies.sensitivity import CPT, ICD10, ICD10CM, LOINC, RXNORM, SNOMED
from sources.model import CodeableConcept, Coding
from tests.policies.people import a_clinician, a_partner, someone
from tests.policies.test_consent import NOW, condition, deny, said, to

EVERYBODY = frozenset(Audience)
CLINICIANS, THE_PRACTICE = frozenset({Audience.CLINICIAN}), frozenset({Audience.CLINICIAN, Audience.PRACTICE})


def spoken_to(audience: Audience, **criteria: Any) -> Says:
    return said(deny(**criteria), actor=someone(audience, "user/*.rs"))


@pytest.mark.parametrize(
    ("role", "means"),
    [
        pytest.param("PROV", CLINICIANS, id="a healthcare provider"),
        pytest.param("EMP", THE_PRACTICE, id="an employee"),
        pytest.param("NOK", frozenset({Audience.PATIENT}), id="next of kin"),
        pytest.param("IRCP", EVERYBODY, id="an information recipient"),
        pytest.param("PRCP", EVERYBODY, id="a primary information recipient"),
        pytest.param("AFFL", frozenset({Audience.PARTNER}), id="an affiliate"),
    ],
)
def test_a_role_speaks_of_these_audiences_and_of_no_other(role: str, means: frozenset[Audience]) -> None:
    denied = {audience for audience in Audience if spoken_to(audience, actor=to(role=role)) is Says.DENY}
    spared = {audience for audience in Audience if spoken_to(audience, actor=to(role=role)) is Says.NOTHING}

    assert denied == means
    assert spared == EVERYBODY - means


def test_no_other_role_is_known() -> None:
    assert set(rules.ROLES) == {"PROV", "EMP", "NOK", "IRCP", "PRCP", "AFFL"}


@pytest.mark.parametrize(
    ("purpose", "parts"),
    [
        ("TREAT", {"TREAT", "ETREAT", "BTG", "ERTREAT", "COC", "CLINTRL", "POPHLTH"}),
        ("ETREAT", {"ETREAT", "BTG", "ERTREAT"}),
        ("HOPERAT", {"HOPERAT", "CAREMGT", "PATADMIN", "HQUALIMP"}),
        ("PATRQT", {"PATRQT", "FAMRQT", "PWATRNY"}),
        *((alone, {alone}) for alone in ("BTG", "ERTREAT", "COC", "CLINTRL", "POPHLTH")),
        *((alone, {alone}) for alone in ("CAREMGT", "PATADMIN", "HQUALIMP", "FAMRQT", "PWATRNY")),
        *((alone, {alone}) for alone in ("HPAYMT", "HMARKT", "HRESCH", "PUBHLTH")),
    ],
)
def test_a_purpose_takes_in_these_and_no_others(purpose: str, parts: set[str]) -> None:
    assert {known for known in rules.BROADER if purpose in (known, *rules.BROADER[known])} == parts
    named = (Coding(system=PURPOSES, code=purpose),)
    for asked in Purpose:
        actor = someone(Audience.PARTNER, "", purpose=asked)
        says = said(deny(purpose=named), actor=actor)
        assert says is (Says.DENY if asked.value in parts else Says.NOTHING)


def test_a_purpose_that_is_not_known_cant_be_read() -> None:
    assert said(deny(purpose=(Coding(system=PURPOSES, code="DISASTER"),))) is Says.UNREADABLE


@pytest.mark.parametrize(
    ("code", "within", "outside"),
    [
        ("access", Says.DENY, Says.DENY),
        ("use", Says.DENY, Says.DENY),
        ("disclose", Says.NOTHING, Says.DENY),
        ("collect", Says.NOTHING, Says.NOTHING),
        ("correct", Says.NOTHING, Says.NOTHING),
        ("destroy", Says.UNREADABLE, Says.UNREADABLE),
    ],
)
def test_an_action_is_reading_or_showing_to_others_or_neither(code: str, within: Says, outside: Says) -> None:
    named = (CodeableConcept(coding=(Coding(system=ACTIONS, code=code),)),)

    assert said(deny(action=named)) is within
    assert said(deny(action=named), actor=a_partner) is outside


@pytest.mark.parametrize(
    "system", [ICD10, ICD10CM, SNOMED, LOINC, RXNORM, CPT, "http://hl7.org/fhir/sid/cvx"]
)
def test_codes_of_these_systems_are_read_and_of_another_are_not(system: str) -> None:
    def by(system: str) -> Says:
        code = (CodeableConcept(coding=(Coding(system=system, code="0"),)),)
        return said(deny(code=code), row=condition())

    assert by(system) is Says.NOTHING
    assert by(f"{system}/of-our-own") is Says.UNREADABLE


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("Practitioner", Says.NOTHING),
        ("PractitionerRole", Says.NOTHING),
        ("RelatedPerson", Says.NOTHING),
        ("Patient", Says.NOTHING),
        ("Organization", Says.UNREADABLE),
        ("Group", Says.UNREADABLE),
    ],
)
def test_a_person_who_is_named_is_no_program_and_a_group_may_hold_anyone(kind: str, says: Says) -> None:
    assert said(deny(actor=to(f"{kind}/x")), actor=a_partner) is says


def test_the_systems_and_words_are_those_of_the_standard() -> None:
    assert (SCOPE, PRIVACY) == ("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
    assert ACTIONS == "http://terminology.hl7.org/CodeSystem/consentaction"
    assert PURPOSES == "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    assert TYPES == "http://hl7.org/fhir/resource-types"
    assert {"draft", "proposed", "rejected", "inactive", "entered-in-error"} == STATUSES
    assert {"adr", "research", "treatment"} == OTHER_SCOPES
    assert {Audience.PARTNER, Audience.CRM, Audience.AI} == OUTSIDE
    assert DEEPEST == 8


def test_an_actor_goes_by_the_audience_the_client_and_the_person() -> None:
    assert (AUDIENCE, CLIENT) == ("urn:caregraph:audience", "urn:caregraph:client")
    assert Asking.of(a_clinician, "Condition", NOW).parties == {
        "urn:caregraph:audience|clinician",
        "urn:caregraph:client|an-app",
        "Practitioner/prac-1",
    }
