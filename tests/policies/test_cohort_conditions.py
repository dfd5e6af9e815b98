"""Which rows count in an outcome: the same for everyone who may be told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policies import IMPLIED, Actor, Audience, Policy
from policies.cohort import counted
from policies.consent import answer
from policies.emergency import Emergency
from sources.model import (
    Appointment,
    CodeableConcept,
    Coding,
    Consent,
    ConsentActor,
    Identifier,
    Meta,
    Mrn,
    Patient,
    Provision,
    Reference,
)
from sources.model.datatypes import LogicalReference
from tests.policies.people import ANA, COORDINATES, a_clinician, someone, the_front_desk, the_marketer

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
TYPES = "http://hl7.org/fhir/resource-types"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CLIENT = "urn:caregraph:client"
AUDIENCE = "urn:caregraph:audience"
PLAIN = Appointment(id="1", patient_mrn=Mrn("M1"), status="fulfilled", start="2026-08-01T10:00:00Z")
SENSITIVE = Appointment(
    id="2",
    patient_mrn=Mrn("M1"),
    status="fulfilled",
    reason_code=(CodeableConcept(coding=(Coding(system=ICD, code="F11.20"),)),),
)
WHO = {
    "the marketer": the_marketer,
    "the front desk": the_front_desk,
    "a clinician": a_clinician,
    "a clinician in an emergency": replace(
        a_clinician, emergency=Emergency(ANA, NOW.timestamp() + 900, part2=True, declared="x")
    ),
}
EVERYONE = pytest.mark.parametrize("who", WHO.values(), ids=WHO)


def counts(who: Actor, row: object, kind: str = "Appointment", *consents: Consent) -> bool:
    every = counted(who, kind, NOW, consents=True)
    return all(
        each.judge(row, ANA, answer(consents, each.asking) if each.asking else IMPLIED, consents).withheld
        is None
        for each in every
    )


def denial(**criteria: object) -> Consent:
    privacy = Coding(system="http://terminology.hl7.org/CodeSystem/consentscope", code="patient-privacy")
    return Consent(
        id="no",
        status="active",
        scope=CodeableConcept(coding=(privacy,)),
        patient=Reference(reference=f"Patient/{ANA}"),
        provision=Provision(type="deny", **criteria),  # type: ignore[arg-type]
    )


@EVERYONE
def test_a_plain_booking_counts(who: Actor) -> None:
    assert counts(who, PLAIN)


@EVERYONE
def test_a_booking_that_tells_of_something_sensitive_does_not_count(who: Actor) -> None:
    assert not counts(who, SENSITIVE)


@EVERYONE
def test_a_patient_who_is_closely_held_does_not_count(who: Actor) -> None:
    held = Patient(id=ANA, meta=Meta(security=(Coding(system=CONFIDENTIALITY, code="R"),)))

    assert counts(who, Patient(id=ANA), "Patient")
    assert not counts(who, held, "Patient")


@EVERYONE
@pytest.mark.parametrize("purpose", ["HMARKT", "HOPERAT"])
def test_who_denies_either_purpose_of_outreach_does_not_count(who: Actor, purpose: str) -> None:
    assert not counts(who, PLAIN, "Appointment", denial(purpose=(Coding(system=ACT_REASON, code=purpose),)))


@EVERYONE
def test_who_denies_what_is_no_purpose_of_outreach_counts(who: Actor) -> None:
    assert counts(who, PLAIN, "Appointment", denial(purpose=(Coding(system=ACT_REASON, code="TREAT"),)))


def test_who_denies_the_client_by_its_name_does_not_count_for_it() -> None:
    named = LogicalReference(identifier=Identifier(system=CLIENT, value="an-app"))
    consent = denial(actor=(ConsentActor(reference=named),))

    assert not counts(the_marketer, PLAIN, "Appointment", consent)
    assert counts(replace(the_marketer, client_id="another-app"), PLAIN, "Appointment", consent)


@EVERYONE
def test_a_booking_of_nobody_known_does_not_count(who: Actor) -> None:
    assert {
        each.judge(PLAIN, None, IMPLIED, ()).withheld
        for each in counted(who, "Appointment", NOW, consents=True)
    } == {"row-owner-unknown"}


@EVERYONE
@pytest.mark.parametrize("audience", ["crm", "ai"])
def test_who_denies_outreach_by_its_name_does_not_count_and_who_denies_another_does(
    who: Actor, audience: str
) -> None:
    named = LogicalReference(identifier=Identifier(system=AUDIENCE, value=audience))

    assert counts(who, PLAIN, "Appointment", denial(actor=(ConsentActor(reference=named),))) is (
        audience == "ai"
    )


@EVERYONE
@pytest.mark.parametrize("kind", ["Patient", "Appointment"])
def test_the_rows_that_may_count_are_those_that_every_scope_reaches(who: Actor, kind: str) -> None:
    of_all = Policy(COORDINATES).grant(someone(Audience.CRM, "system/*.rs")).rows(kind)

    assert [each.rule for each in counted(who, kind, NOW, consents=True)] == [of_all, of_all]


def test_where_no_consents_are_kept_labels_and_codes_alone_decide() -> None:
    every = counted(the_marketer, "Appointment", NOW, consents=False)

    assert [each.asking for each in every] == [None, None]
    assert [each.judge(SENSITIVE, ANA, IMPLIED, ()).withheld for each in every] == ["label-sensitivity"] * 2


def test_all_audiences_have_one_cohort() -> None:
    asked = [counted(who, "Appointment", NOW, consents=True) for who in WHO.values()]

    assert {audience for every in asked for each in every for audience in [each.labels.cleared.audience]} == {
        Audience.CRM
    }
    assert all(every == asked[0] for every in asked)
