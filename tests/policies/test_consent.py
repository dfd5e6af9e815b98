"""Consent: criterion by criterion, exception by exception, and against a naive reading of the same tree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.actor import Audience, Purpose
from policies.consent import DEEPEST, SCOPE, Answer, Says, answer, in_force, matters
from policies.consent_actors import AUDIENCE, CLIENT
from policies.consent_criteria import ACTIONS, BROADER, PURPOSES, TYPES, Asking, Facts
from policies.labels import ACT_CODE, CONFIDENTIALITY
from policies.times import span
from sources.model import (
    CodeableConcept,
    Coding,
    Condition,
    Consent,
    ConsentActor,
    ConsentData,
    DocumentReference,
    Identifier,
    LogicalReference,
    Meta,
    Patient,
    Period,
    Provision,
    Reference,
)
from tests.policies.people import a_clinician, a_partner, an_assistant, someone

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"


def consent(provision: Provision | None = None, status: str = "active", **more: Any) -> Consent:
    scope = CodeableConcept(coding=(Coding(system=SCOPE, code="patient-privacy"),))
    fields: dict[str, Any] = {"id": "c", "status": status, "scope": scope, "provision": provision}
    return Consent(**(fields | more))


def deny(**criteria: Any) -> Provision:
    return Provision(type="deny", **criteria)


def permit(**criteria: Any) -> Provision:
    return Provision(type="permit", **criteria)


def said(
    *provisions: Provision, actor: Any = a_clinician, kind: str = "Condition", row: object = None
) -> Says:
    return answered(*map(consent, provisions), actor=actor, kind=kind, row=row).says


def answered(
    *consents: Consent, actor: Any = a_clinician, kind: str = "Condition", row: object = None
) -> Answer:
    facts = Facts.of(kind, row) if row is not None else None
    return answer(consents, Asking.of(actor, kind, NOW), facts)


def condition(code: str = "I10", *labels: Coding, recorded: str | None = None) -> Condition:
    return Condition(
        id="c1",
        meta=Meta(security=labels),
        code=CodeableConcept(coding=(Coding(system=ICD, code=code),)),
        recorded_date=recorded,
    )


def level(code: str) -> Coding:
    return Coding(system=CONFIDENTIALITY, code=code)


def act(code: str) -> Coding:
    return Coding(system=ACT_CODE, code=code)


def to(reference: str | None = None, role: str | None = None, **identifier: Any) -> tuple[ConsentActor, ...]:
    named = LogicalReference(reference=reference, identifier=Identifier(**identifier) if identifier else None)
    return (
        ConsentActor(
            role=CodeableConcept(coding=(Coding(code=role),)) if role else None,
            reference=named if reference or identifier else None,
        ),
    )


# -- which consents count ------------------------------------------------------------------


def test_without_a_consent_on_record_nothing_is_taken_away() -> None:
    assert answered() == Answer(Says.NOTHING)


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "inactive", "entered-in-error"])
def test_a_consent_that_is_not_in_force_counts_as_absent(status: str) -> None:
    assert answered(consent(deny(), status=status)).says is Says.NOTHING


@pytest.mark.parametrize("status", [None, "Active", "in-force"])
def test_a_consent_whose_status_cant_be_read_denies(status: str | None) -> None:
    assert answered(consent(permit(), status=status)).says is Says.UNREADABLE  # type: ignore[arg-type]


@pytest.mark.parametrize("scope", ["research", "adr", "treatment"])
def test_a_consent_about_something_else_counts_as_absent(scope: str) -> None:
    about = CodeableConcept(coding=(Coding(system=SCOPE, code=scope),))

    assert not in_force(consent(deny(), scope=about))
    assert answered(consent(deny(), scope=about)).says is Says.NOTHING


@pytest.mark.parametrize("scope", [None, CodeableConcept(text="privacy")])
def test_a_consent_whose_scope_cant_be_read_denies(scope: CodeableConcept | None) -> None:
    assert answered(consent(permit(), scope=scope)).says is Says.UNREADABLE


def scopes(*codings: tuple[str, str]) -> CodeableConcept:
    return CodeableConcept(coding=tuple(Coding(system=system, code=code) for system, code in codings))


def test_a_scope_counts_by_its_system_and_one_about_privacy_among_others_is_enough() -> None:
    elsewhere = scopes(("urn:own", "research"))
    of_own = scopes(("urn:own", "patient-privacy"), (SCOPE, "surprise"))
    both = scopes((SCOPE, "research"), (SCOPE, "patient-privacy"))

    assert answered(consent(deny(), scope=elsewhere)).says is Says.UNREADABLE
    assert answered(consent(permit(), scope=of_own)).says is Says.UNREADABLE
    assert answered(consent(deny(), scope=both)).says is Says.DENY


def test_a_person_of_one_source_may_be_whoever_bears_the_same_name_or_another_in_a_second() -> None:
    northern = someone(Audience.CLINICIAN, "user/*.rs", fhir_user="Practitioner/north:prac-1")

    assert said(deny(actor=to("Practitioner/north:prac-1")), actor=northern) is Says.DENY
    assert said(deny(actor=to("Practitioner/north:prac-2")), actor=northern) is Says.NOTHING
    assert said(deny(actor=to("Practitioner/south:prac-2")), actor=northern) is Says.UNREADABLE
    assert said(deny(actor=to("Practitioner/prac-2")), actor=northern) is Says.UNREADABLE
    assert said(deny(actor=to("Patient/north:pat-2")), actor=northern) is Says.UNREADABLE


def test_who_is_named_beside_somebody_unknown_is_named_whether_or_not_a_person_is_signed_in() -> None:
    backend = someone(Audience.CLINICIAN, "system/*.rs")
    named = (*to("Practitioner/prac-2"), *to(system=AUDIENCE, value="clinician"))

    assert said(deny(actor=named), actor=backend) is Says.DENY
    assert said(permit(actor=named), actor=backend) is Says.PERMIT


def test_a_person_signed_in_by_an_absolute_reference_is_the_same_person() -> None:
    abroad = someone(
        Audience.CLINICIAN, "user/*.rs", fhir_user="https://ehr.example/fhir/Practitioner/prac-1"
    )

    assert said(deny(actor=to("Practitioner/prac-1")), actor=abroad) is Says.DENY
    assert said(deny(actor=to("Practitioner/prac-2")), actor=abroad) is Says.NOTHING


def test_consents_that_disagree_deny_in_any_order() -> None:
    assert said(permit(), deny()) is said(deny(), permit()) is Says.DENY


def test_consents_bind_everybody_but_the_patient_and_their_attorney() -> None:
    assert {(a, p) for a in Audience for p in Purpose if not matters(a, p.value)} == {
        (Audience.PATIENT, p) for p in Purpose if p is not Purpose.FAMRQT
    }


# -- the policy rule -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ((act("OPTOUT"),), Says.DENY),
        ((act("OPTIN"),), Says.PERMIT),
        ((act("OPTIN"), act("OPTOUT")), Says.UNREADABLE),
        ((Coding(system="urn:own", code="OPTIN"),), Says.UNREADABLE),
        ((), Says.UNREADABLE),
    ],
)
@pytest.mark.parametrize("root", [None, Provision()])
def test_where_the_provision_gives_no_type_the_policy_rule_does(
    rule: tuple[Coding, ...], says: Says, root: Provision | None
) -> None:
    assert answered(consent(root, policy_rule=CodeableConcept(coding=rule))).says is says


def test_a_consent_that_says_neither_permit_nor_deny_denies() -> None:
    assert answered(consent()).says is Says.UNREADABLE
    assert said(Provision(type="maybe")) is Says.UNREADABLE


# -- period --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2026-11-22", "2026-11-22", Says.DENY),
        ("2026-11", "2026-11", Says.DENY),
        ("2026", None, Says.DENY),
        (None, "2026-11-21", Says.NOTHING),
        (None, "2026-11-22T11:59:59Z", Says.NOTHING),
        ("2026-11-22T13:00:00+01:00", None, Says.DENY),
        ("2026-11-23", None, Says.NOTHING),
        (None, None, Says.DENY),
        ("2026-11-23", "2026-11-01", Says.UNREADABLE),
        ("yesterday", None, Says.UNREADABLE),
        ("2026-13", None, Says.UNREADABLE),
        ("2026-12", "2026-12", Says.NOTHING),
    ],
)
def test_a_provision_holds_in_its_period_alone(start: str | None, end: str | None, says: Says) -> None:
    """Adversarial item 7: the period of a provision is read, its expiry above all."""
    assert said(deny(period=Period(start=start, end=end))) is says


def test_a_permission_that_has_expired_no_longer_makes_an_exception() -> None:
    exception = permit(actor=to("Practitioner/prac-1"), period=Period(end="2026-11-21"))

    assert said(deny(provision=(exception,))) is Says.DENY


# -- actor ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (to("Practitioner/prac-1"), Says.DENY),
        (to("https://ehr.example/fhir/Practitioner/prac-1"), Says.DENY),
        (to("Practitioner/prac-2"), Says.NOTHING),
        # Of another source, where ids bear their source: perhaps the same person, perhaps not.
        (to("Practitioner/south:prac-1"), Says.UNREADABLE),
        (to("Practitioner/south:prac-2"), Says.UNREADABLE),
        (to("PractitionerRole/role-1"), Says.UNREADABLE),
        (to("Organization/org-1"), Says.UNREADABLE),
        (to("Group/g"), Says.UNREADABLE),
        (to("#contained"), Says.UNREADABLE),
        (to(system=AUDIENCE, value="clinician"), Says.DENY),
        (to(system=AUDIENCE, value="ai"), Says.NOTHING),
        (to(system=CLIENT, value="an-app"), Says.DENY),
        (to(system=CLIENT, value="another-app"), Says.NOTHING),
        (to(system="urn:own", value="clinician"), Says.UNREADABLE),
        (to(system=AUDIENCE), Says.UNREADABLE),
        (to(role="PROV"), Says.DENY),
        (to(role="AFFL"), Says.NOTHING),
        (to(role="mystery"), Says.UNREADABLE),
        (to("Practitioner/prac-1", role="AFFL"), Says.NOTHING),
        (to(), Says.UNREADABLE),
        ((*to("Practitioner/prac-2"), *to("Practitioner/prac-1")), Says.DENY),
        ((*to("Practitioner/prac-2"), *to("Organization/org-1")), Says.UNREADABLE),
    ],
)
def test_an_actor_is_known_by_reference_by_identifier_or_by_role(
    named: tuple[ConsentActor, ...], says: Says
) -> None:
    assert said(deny(actor=named)) is says


def test_a_system_is_no_practitioner_and_a_person_of_unknown_name_may_be_anyone() -> None:
    rule = deny(actor=to("Practitioner/prac-2"))

    assert said(rule, actor=a_partner) is Says.NOTHING
    assert said(rule, actor=an_assistant) is Says.NOTHING
    assert said(rule, actor=someone(Audience.CLINICIAN, "user/*.rs")) is Says.UNREADABLE


@pytest.mark.parametrize("named", ["Organization/org-1", "Group/g", "Practitioner/", "#contained"])
def test_whom_a_consent_names_otherwise_than_as_a_person_may_be_any_program_too(named: str) -> None:
    assert said(deny(actor=to(named)), actor=a_partner) is Says.UNREADABLE
    assert said(permit(actor=to(named)), actor=an_assistant) is Says.UNREADABLE


def test_of_several_codes_of_a_role_one_that_is_known_is_enough() -> None:
    codes = (Coding(code="mystery"), Coding(code="PROV"))
    named = (ConsentActor(role=CodeableConcept(coding=codes)),)

    assert said(deny(actor=named)) is Says.DENY
    assert said(deny(actor=named), actor=a_partner) is Says.UNREADABLE


# -- action, purpose, class, data ----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        ("access", Says.DENY, Says.DENY),
        ("use", Says.DENY, Says.DENY),
        ("disclose", Says.NOTHING, Says.DENY),
        ("collect", Says.NOTHING, Says.NOTHING),
        ("sell", Says.UNREADABLE, Says.UNREADABLE),
    ],
)
def test_reading_is_access_and_use_and_for_those_outside_disclosure(
    code: str, inside: Says, outside: Says
) -> None:
    rule = deny(action=(CodeableConcept(coding=(Coding(system=ACTIONS, code=code),)),))

    assert said(rule) is inside
    assert said(rule, actor=a_partner) is outside


def test_an_action_of_another_system_cant_be_read() -> None:
    rule = deny(action=(CodeableConcept(coding=(Coding(system="urn:own", code="access"),)),))

    assert said(rule) is Says.UNREADABLE


def test_an_action_in_words_alone_cant_be_read() -> None:
    assert said(deny(action=(CodeableConcept(text="access"),))) is Says.UNREADABLE


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("TREAT", Says.DENY),
        ("COC", Says.NOTHING),
        ("HMARKT", Says.NOTHING),
        ("PROFIT", Says.UNREADABLE),
    ],
)
def test_a_purpose_is_the_actors_own_or_a_broader_one(code: str, says: Says) -> None:
    assert said(deny(purpose=(Coding(system=PURPOSES, code=code),))) is says


def test_a_denial_of_treatment_denies_all_that_is_part_of_it() -> None:
    treating = someone(Audience.CLINICIAN, "user/*.rs", purpose=Purpose.COC)

    assert said(deny(purpose=(Coding(system=PURPOSES, code="TREAT"),)), actor=treating) is Says.DENY
    assert said(deny(purpose=(Coding(system="urn:own", code="TREAT"),)), actor=treating) is Says.UNREADABLE


def test_every_purpose_an_actor_may_have_is_known_to_consents() -> None:
    assert {purpose.value for purpose in Purpose} <= BROADER.keys()


@pytest.mark.parametrize(
    ("system", "code", "says"),
    [
        (TYPES, "Condition", Says.DENY),
        (TYPES, "Observation", Says.NOTHING),
        (LOINC, "34133-9", Says.NOTHING),
        ("urn:own", "Condition", Says.UNREADABLE),
        (TYPES, None, Says.UNREADABLE),
        (LOINC, None, Says.UNREADABLE),
        (None, "Condition", Says.UNREADABLE),
    ],
)
def test_a_class_is_a_resource_type(system: str | None, code: str | None, says: Says) -> None:
    assert said(deny(class_=(Coding(system=system, code=code),))) is says


def test_a_class_of_documents_is_found_in_the_documents_type() -> None:
    rule = deny(class_=(Coding(system=LOINC, code="34788-0"),))
    note = DocumentReference(id="d", type=CodeableConcept(coding=(Coding(system=LOINC, code="34788-0"),)))

    assert said(rule, kind="DocumentReference") is Says.BY_ROW
    assert said(rule, kind="DocumentReference", row=note) is Says.DENY
    assert said(rule, kind="DocumentReference", row=DocumentReference(id="d")) is Says.NOTHING
    for system, code in (("urn:own", "34788-0"), (LOINC, "11506-3")):
        other = DocumentReference(id="d", type=CodeableConcept(coding=(Coding(system=system, code=code),)))
        assert said(rule, kind="DocumentReference", row=other) is Says.NOTHING


def test_a_class_in_loinc_without_a_code_cant_be_read_of_a_document_either() -> None:
    assert said(deny(class_=(Coding(system=LOINC),)), kind="DocumentReference") is Says.UNREADABLE


@pytest.mark.parametrize(
    ("meaning", "reference", "says"),
    [
        ("instance", "Condition/c1", Says.DENY),
        ("instance", "Condition/c2", Says.NOTHING),
        ("instance", "Observation/c1", Says.NOTHING),
        ("instance", "c1", Says.UNREADABLE),
        ("instance", "Condition/", Says.UNREADABLE),
        ("instance", None, Says.UNREADABLE),
        ("related", "Condition/c1", Says.UNREADABLE),
        ("authoredby", "Practitioner/prac-1", Says.UNREADABLE),
    ],
)
def test_data_are_named_one_by_one_and_what_hangs_on_them_cant_be_told(
    meaning: str, reference: str | None, says: Says
) -> None:
    rule = deny(data=(ConsentData(meaning=meaning, reference=Reference(reference=reference)),))

    assert said(rule, row=condition()) is says
    assert said(rule) is (says if says is Says.UNREADABLE else Says.BY_ROW)


# -- labels, codes, dates ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "row", "says"),
    [
        (level("R"), (level("R"),), Says.DENY),
        (level("R"), (level("V"),), Says.DENY),
        (level("R"), (), Says.NOTHING),
        (act("SUD"), (act("ETHUD"),), Says.DENY),
        (act("ETHUD"), (act("SUD"),), Says.NOTHING),
        (act("42CFRPart2"), (act("42CFRPart2"),), Says.DENY),
        (act("HIV"), (act("mystery"),), Says.DENY),
        (act("42CFRPart2"), (act("mystery"),), Says.DENY),
        (act("mystery"), (), Says.UNREADABLE),
        (Coding(system="urn:own", code="x"), (), Says.UNREADABLE),
    ],
)
def test_a_denial_fits_a_row_that_bears_one_of_its_labels_or_a_narrower_one(
    named: Coding, row: tuple[Coding, ...], says: Says
) -> None:
    assert said(deny(security_label=(named,)), row=condition("I10", *row)) is says


def test_a_denial_by_label_fits_an_unlabelled_row_whose_code_tells_the_same() -> None:
    assert said(deny(security_label=(act("SUD"),)), row=condition("F11.20")) is Says.DENY


def test_a_permission_fits_a_row_that_bears_no_other_labels_and_clears_those_it_names() -> None:
    names = (level("R"), act("ETHUD"), act("42CFRPart2"))
    rule = consent(permit(security_label=names))

    assert answered(rule, row=condition("F10.20", *names)) == Answer(Says.PERMIT, names)
    assert answered(rule, row=condition("F10.20", *names[:2])) == Answer(Says.PERMIT, names)
    assert answered(rule, row=condition("F10.20", *names, act("HIV"))) == Answer(Says.NOTHING)
    assert answered(rule, row=condition("F10.20", level("V"), act("ETHUD"))) == Answer(Says.NOTHING)
    assert answered(rule, row=condition("F11.20", *names)) == Answer(Says.NOTHING)
    assert answered(rule, row=condition("F10.20", *names, act("NODSCLCD"))) == Answer(Says.NOTHING)


def test_a_label_of_ones_own_among_others_cant_be_read() -> None:
    rule = deny(security_label=(level("R"), Coding(system="urn:own", code="x")))

    assert said(rule, row=condition("I10", level("R"))) is Says.UNREADABLE


def test_an_exception_that_depends_on_the_row_leaves_it_to_the_row() -> None:
    exception = permit(security_label=(act("SUD"),))

    assert said(deny(provision=(exception,))) is Says.BY_ROW
    assert said(deny(provision=(exception,)), row=condition("I10", act("SUD"))) is Says.PERMIT
    assert said(deny(provision=(exception,)), row=condition("I10", act("HIV"))) is Says.DENY
    assert said(permit(provision=(deny(security_label=(act("SUD"),)),))) is Says.BY_ROW


def test_a_permission_fits_a_row_about_a_kind_of_what_it_names_and_not_one_about_more() -> None:
    wide, narrow = permit(security_label=(act("ETH"),)), permit(security_label=(act("OPIOIDUD"),))

    assert said(wide, row=condition("I10", act("OPIOIDUD"))) is Says.PERMIT
    assert said(narrow, row=condition("I10", act("ETH"))) is Says.NOTHING


def test_what_one_consent_clears_another_that_denies_takes_back() -> None:
    names = (level("R"), act("ETHUD"))
    row = condition("F10.20", *names)

    assert answered(consent(permit(security_label=names)), consent(deny()), row=row) == Answer(Says.DENY)


@pytest.mark.parametrize(
    ("system", "code", "row", "denied", "permitted"),
    [
        (ICD, "F11.20", "F11.20", Says.DENY, Says.PERMIT),
        (ICD, "F11", "F11.20", Says.DENY, Says.NOTHING),
        (ICD, "I1", "I10", Says.DENY, Says.NOTHING),
        (ICD, "I10", "I1", Says.NOTHING, Says.NOTHING),
        ("http://snomed.info/sct", "86406008", "B20", Says.DENY, Says.NOTHING),
        ("http://snomed.info/sct", "59621000", "I10", Says.NOTHING, Says.NOTHING),
        ("http://snomed.info/sct", "I10", "I10", Says.NOTHING, Says.NOTHING),
        ("http://snomed.info/sct", "86406008", "I10", Says.NOTHING, Says.NOTHING),
        ("http://hl7.org/fhir/sid/icd-10", "I1", "I10", Says.NOTHING, Says.NOTHING),
        ("urn:own", "F11.20", "F11.20", Says.UNREADABLE, Says.UNREADABLE),
        (ICD, None, "F11.20", Says.UNREADABLE, Says.UNREADABLE),
    ],
)
def test_a_code_takes_widely_and_gives_narrowly(
    system: str, code: str | None, row: str, denied: Says, permitted: Says
) -> None:
    codes = (CodeableConcept(coding=(Coding(system=system, code=code),)),)

    assert said(deny(code=codes), row=condition(row)) is denied
    assert said(permit(code=codes), row=condition(row)) is permitted


@pytest.mark.parametrize(
    ("system", "below"),
    [(ICD, True), ("http://hl7.org/fhir/sid/icd-10", True), ("http://snomed.info/sct", False)],
)
def test_a_denial_fits_what_lies_below_its_code_in_icd_10_alone(system: str, below: bool) -> None:
    row = Condition(id="c1", code=CodeableConcept(coding=(Coding(system=system, code="59621000"),)))
    codes = (CodeableConcept(coding=(Coding(system=system, code="5962"),)),)

    assert said(deny(code=codes), row=row) is (Says.DENY if below else Says.NOTHING)


def test_one_of_several_codes_of_a_row_is_enough() -> None:
    codings = (
        Coding(system=ICD),
        Coding(system="http://snomed.info/sct", code="59621000"),
        Coding(system=ICD, code="I10"),
    )
    row = Condition(id="c1", code=CodeableConcept(coding=codings))

    def codes(code: str) -> tuple[CodeableConcept, ...]:
        return (CodeableConcept(coding=(Coding(system=ICD, code=code),)),)

    assert said(deny(code=codes("I1")), row=row) is Says.DENY
    assert said(permit(code=codes("I10")), row=row) is Says.PERMIT
    assert said(permit(code=codes("I1")), row=row) is Says.NOTHING
    assert said(deny(code=codes("E11")), row=row) is Says.NOTHING


def test_a_code_concerns_no_row_that_bears_none_and_words_cant_be_read() -> None:
    coded = (CodeableConcept(coding=(Coding(system=ICD, code="I10"),)),)

    assert said(deny(code=coded), kind="Patient") is Says.NOTHING
    assert said(deny(code=(CodeableConcept(text="hypertension"),))) is Says.UNREADABLE


@pytest.mark.parametrize(
    ("recorded", "denied", "permitted"),
    [
        ("2025-06-01", Says.DENY, Says.PERMIT),
        ("2025", Says.DENY, Says.PERMIT),
        ("2026-01-01", Says.NOTHING, Says.NOTHING),
        (None, Says.UNREADABLE, Says.UNREADABLE),
        ("once", Says.UNREADABLE, Says.UNREADABLE),
    ],
)
def test_a_data_period_is_held_against_the_rows_own_date(
    recorded: str | None, denied: Says, permitted: Says
) -> None:
    during = Period(start="2025", end="2025")

    assert said(deny(data_period=during), row=condition(recorded=recorded)) is denied
    assert said(permit(data_period=during), row=condition(recorded=recorded)) is permitted
    assert said(deny(data_period=during), kind="Patient", row=Patient(id="p")) is Says.NOTHING


def test_a_row_is_of_the_first_date_that_it_has() -> None:
    row = Condition(id="c1", onset_date_time="2025-03")

    assert said(deny(data_period=Period(start="2025", end="2025")), row=row) is Says.DENY
    assert said(deny(data_period=Period(start="2026", end="2026")), row=row) is Says.NOTHING


def test_a_row_without_a_date_is_spared_by_another_criterion_that_does_not_fit() -> None:
    codes = (CodeableConcept(coding=(Coding(system=ICD, code="E11"),)),)
    rule = deny(data_period=Period(start="2025"), code=codes)

    for recorded in (None, "once"):
        assert said(rule, row=condition(recorded=recorded)) is Says.NOTHING
        assert said(rule, row=condition("E11.9", recorded=recorded)) is Says.UNREADABLE


def test_a_denial_fits_a_row_that_is_in_its_period_in_part_a_permission_does_not() -> None:
    during = Period(start="2025-06", end="2025-07")

    assert said(deny(data_period=during), row=condition(recorded="2025")) is Says.DENY
    assert said(permit(data_period=during), row=condition(recorded="2025")) is Says.NOTHING


@pytest.mark.parametrize(
    "criteria",
    [
        {"security_label": (act("HIV"),)},
        {"code": (CodeableConcept(coding=(Coding(system=ICD, code="I10"),)),)},
        {"data_period": Period(start="2025")},
    ],
)
def test_what_depends_on_the_row_is_not_decided_without_it(criteria: dict[str, Any]) -> None:
    assert said(deny(**criteria)) is Says.BY_ROW
    assert said(deny(**criteria), deny()) is Says.DENY
    assert said(deny(actor=to("Practitioner/prac-2"), **criteria)) is Says.NOTHING


# -- exceptions ----------------------------------------------------------------------------


@pytest.mark.parametrize("innermost", ["permit", "deny"])
def test_an_exception_beats_what_it_is_an_exception_to_at_every_depth(innermost: str) -> None:
    rule = Provision(type=innermost)
    for depth in range(DEEPEST):
        rule = (permit if depth % 2 else deny)(provision=(rule,))
        assert said(rule) is (Says.PERMIT if innermost == "permit" else Says.DENY)


def test_an_exception_that_does_not_fit_changes_nothing() -> None:
    assert said(deny(provision=(permit(actor=to("Practitioner/prac-2")),))) is Says.DENY
    assert said(permit(provision=(deny(actor=to("Practitioner/prac-2")),))) is Says.PERMIT


def test_exceptions_that_disagree_deny() -> None:
    assert said(deny(provision=(permit(), deny()))) is Says.DENY
    assert said(permit(provision=(deny(), permit()))) is Says.DENY


def test_what_lies_deeper_than_is_followed_denies() -> None:
    rule = permit()
    for _ in range(DEEPEST + 1):
        rule = permit(provision=(rule,))

    assert said(rule) is Says.UNREADABLE
    assert said(permit(provision=(msgspec.Raw(b"{}"),))) is Says.UNREADABLE


def test_an_exception_without_a_type_denies_where_it_fits_and_only_there() -> None:
    assert said(permit(provision=(Provision(),))) is Says.UNREADABLE
    assert said(permit(provision=(Provision(actor=to("Practitioner/prac-2")),))) is Says.PERMIT


def test_an_exception_clears_the_labels_it_names() -> None:
    names = (act("ETHUD"),)
    rule = consent(deny(provision=(permit(security_label=names),)))

    assert answered(rule, row=condition("F10.20", *names)) == Answer(Says.PERMIT, names)


def test_a_consent_that_makes_a_rule_raise_denies() -> None:
    assert said(deny(purpose=5)) is Says.UNREADABLE


def test_a_patient_cant_widen_with_a_consent_of_their_own_what_labels_and_scopes_close() -> None:
    """Adversarial: a self-granted permission is only that; it names no labels, and clears none."""
    assert answered(consent(permit(actor=to(role="IRCP")))) == Answer(Says.PERMIT, ())


# -- spans ---------------------------------------------------------------------------------


def test_the_last_day_month_or_year_of_a_period_belongs_to_it() -> None:
    assert span(Period(start="2024-02", end="2024-02")).end == datetime(2024, 3, 1, tzinfo=UTC)
    assert span(Period(start="2024-12", end="2024-12")).end == datetime(2025, 1, 1, tzinfo=UTC)
    assert span(Period(end="2024")).end == datetime(2025, 1, 1, tzinfo=UTC)
    assert span(Period(end="2024-02-29")).end == datetime(2024, 3, 1, tzinfo=UTC)
    assert span(Period(start="2024-01-01T00:00:00")).start == datetime(2024, 1, 1, tzinfo=UTC)


# -- against a naive reading ---------------------------------------------------------------

provisions: st.SearchStrategy[Provision] = st.deferred(
    lambda: st.builds(
        Provision,
        type=st.sampled_from(["permit", "deny", "permit", "deny", None]),
        period=st.sampled_from(
            [None, None, Period(end="2026-11-01"), Period(start="2026-11-01"), Period(start="soon")]
        ),
        actor=st.sampled_from([(), (), to("Practitioner/prac-1"), to("Practitioner/x"), to("Group/g")]),
        class_=st.sampled_from([(), (), (Coding(system=TYPES, code="Condition"),), (Coding(code="?"),)]),
        purpose=st.sampled_from([(), (), (Coding(system=PURPOSES, code="HMARKT"),)]),
        code=st.sampled_from([(), (), (CodeableConcept(coding=(Coding(system=ICD, code="I10"),)),)]),
        provision=st.lists(provisions, max_size=2).map(tuple),
    )
)


def naive(rule: Provision, has_type: bool = True) -> str | None:
    """What the tree says to the clinician of a Condition coded I10: by listing what can be wrong first."""
    no = (
        (rule.period is not None and rule.period.end == "2026-11-01")
        or rule.actor == to("Practitioner/x")
        or bool(rule.purpose)
    )
    if no:
        return None
    strange = (
        (rule.period is not None and rule.period.start == "soon")
        or rule.actor == to("Group/g")
        or rule.class_ == (Coding(code="?"),)
    )
    if strange:
        return "deny"
    inner = [one for one in map(naive, rule.provision) if one is not None]
    if inner:
        return "deny" if "deny" in inner else "permit"
    return rule.type or "deny"


@given(st.lists(provisions, max_size=3))
def test_consents_say_what_a_naive_reading_says(rules: list[Provision]) -> None:
    expected = [one for one in map(naive, rules) if one is not None]
    found = said(*rules, row=condition())

    if "deny" in expected:
        assert found in (Says.DENY, Says.UNREADABLE)
    else:
        assert found is (Says.PERMIT if expected else Says.NOTHING)


@given(st.lists(provisions, max_size=3))
def test_what_is_decided_without_the_row_is_not_decided_otherwise_with_it(rules: list[Provision]) -> None:
    before, after = said(*rules), said(*rules, row=condition())
    closed = (Says.DENY, Says.UNREADABLE)

    assert before is Says.BY_ROW or (before in closed) is (after in closed)


@given(st.lists(provisions, max_size=3), provisions)
def test_one_consent_more_never_opens_what_is_denied(rules: list[Provision], more: Provision) -> None:
    closed = (Says.DENY, Says.UNREADABLE)

    assert said(*rules, row=condition()) not in closed or said(*rules, more, row=condition()) in closed


@given(provisions, st.integers(0, 4_000))
def test_time_changes_what_a_provision_says_by_its_period_alone(rule: Provision, days: int) -> None:
    asking = Asking.of(a_clinician, "Condition", NOW + timedelta(days=days))
    timeless = consent(msgspec.structs.replace(rule, period=None, provision=()))
    now = Asking.of(a_clinician, "Condition", NOW)

    facts = Facts.of("Condition", condition())
    assert answer([timeless], asking, facts) == answer([timeless], now, facts)
