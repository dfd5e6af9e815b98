"""All conditions on a row together: scopes, consents, labels, an emergency; and which are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Answer, Audience, Emergency, Grant, Policy, Purpose, RowConditions, Says
from policies.clearance import clearance
from policies.conditions import LabelRule, Verdict
from policies.facts import CODES, DATES, LABELS, codings_of, labels_of
from policies.reasons import WITHHELD
from sources import model
from sources.model import (
    Appointment,
    CodeableConcept,
    Coding,
    Condition,
    DocumentReference,
    Meta,
    Mrn,
    Observation,
    ObservationComponent,
    PatientId,
    Practitioner,
    Reference,
)
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
from tests.policies.test_consent import act, condition, consent, deny, level, permit

POLICY = Policy(COORDINATES)
PART_2 = (level("R"), act("ETHUD"), act("42CFRPart2"))


def of(actor: Any, kind: str = "Condition", **how: Any) -> RowConditions:
    grant: Grant = POLICY.grant(actor)
    return grant.conditions(kind, "rs", **how)


def judged(actor: Any, row: object, *consents: Any, owner: Any = ANA, kind: str = "Condition") -> Verdict:
    conditions = of(actor, kind)
    return conditions.judge(row, owner, conditions.of_patient(owner, consents), consents)


def test_a_plain_row_passes_for_all_who_reach_it() -> None:
    for actor in (a_clinician, an_assistant, ana):
        assert judged(actor, condition()) == Verdict()


def test_what_scopes_do_not_reach_no_consent_and_no_label_opens() -> None:
    """Adversarial: a consent that a patient grants themselves widens nothing."""
    assert judged(ana, condition(), consent(permit()), owner=BEN).withheld == "row-out-of-reach"
    assert judged(the_marketer, condition(), consent(permit())).withheld == "row-out-of-reach"


def test_a_consent_that_denies_withholds_from_all_but_the_patient() -> None:
    assert judged(a_clinician, condition(), consent(deny())).withheld == "consent-denies"
    assert judged(an_assistant, condition(), consent(deny())).withheld == "consent-denies"
    assert judged(a_clinician, condition(), consent()).withheld == "consent-unreadable"
    assert judged(ana, condition(), consent(deny())) == Verdict()


@pytest.mark.parametrize("actor", [a_partner, an_assistant, the_marketer])
def test_a_row_of_nobody_who_is_known_is_not_disclosed_for_nobodys_consent_can_be_asked(actor: Any) -> None:
    everything = replace(actor, scopes=a_clinician.scopes)

    assert judged(everything, condition(), owner=None).withheld == "row-owner-unknown"
    assert judged(a_clinician, condition(), owner=None) == Verdict()


def test_family_are_bound_by_consents() -> None:
    family = replace(ana, purpose=Purpose.FAMRQT)

    assert judged(family, condition(), consent(deny())).withheld == "consent-denies"


def test_a_consent_about_some_rows_withholds_those_alone() -> None:
    rule = consent(deny(security_label=(act("SUD"),)))

    assert judged(a_clinician, condition("F11.20"), rule).withheld == "consent-denies"
    assert judged(a_clinician, condition("I10"), rule) == Verdict()


@pytest.mark.parametrize("code", ["F10.20", "B20", "F41.1", "Z72.51"])
def test_an_unlabelled_sensitive_row_is_withheld_from_programs_and_shown_to_those_who_treat(
    code: str,
) -> None:
    """Adversarial item 13: what nobody classified is classified before it is shown."""
    assert judged(an_assistant, condition(code)).withheld == "label-sensitivity"
    assert judged(a_clinician, condition(code)) == Verdict()


def test_labels_add_to_what_the_classifier_finds_and_never_take_it_away() -> None:
    unrestricted = (level("U"),)

    assert judged(an_assistant, condition("B20", *unrestricted)).withheld == "label-sensitivity"
    assert judged(an_assistant, condition("I10", act("HIV"))).withheld == "label-sensitivity"


def test_a_part_2_row_goes_with_its_notice_to_those_who_treat_and_not_to_the_patient() -> None:
    assert judged(a_clinician, condition("F10.20", *PART_2)) == Verdict(None, is_part_2=True)
    assert judged(ana, condition("F10.20", *PART_2)) == Verdict(None, is_part_2=False)
    assert judged(an_assistant, condition("F10.20", *PART_2)).withheld == "label-confidentiality"


def test_a_part_2_row_is_shown_to_a_program_by_a_consent_that_names_its_labels_and_with_its_notice() -> None:
    named = consent(permit(security_label=PART_2))

    assert judged(an_assistant, condition("F10.20", *PART_2), named) == Verdict(None, is_part_2=True)
    assert judged(an_assistant, condition("B20", *PART_2, act("HIV")), named).withheld is not None
    assert judged(an_assistant, condition("F10.20", *PART_2), consent(permit())).withheld is not None


def test_the_crm_is_shown_a_part_2_row_by_no_consent() -> None:
    crm = someone(Audience.CRM, "system/*.rs")
    row = condition("F10.20", *PART_2)

    assert judged(crm, row, consent(permit(security_label=PART_2))).withheld == "label-confidentiality"


def test_a_booking_is_classified_by_the_name_of_its_service() -> None:
    row = Appointment(
        id="1",
        patient_mrn=Mrn("m"),
        status="booked",
        service_type=(CodeableConcept(text="Behavioral health session"),),
    )

    assert judged(a_partner, row, kind="Appointment").withheld == "label-sensitivity"
    assert judged(the_front_desk, row, kind="Appointment") == Verdict()
    assert of(the_front_desk, "Appointment").labels.always


def test_a_document_bears_labels_in_two_places() -> None:
    row = DocumentReference(id="1", security_label=(CodeableConcept(coding=(act("HIPAAPsyNotes"),)),))

    assert judged(a_clinician, row, kind="DocumentReference").withheld == "label-handling"


def test_a_directorys_rows_are_bound_by_neither_labels_nor_consents() -> None:
    row = Practitioner(id="1", meta=Meta(security=(level("V"),)))
    conditions = of(an_assistant, "Practitioner")

    assert conditions.asking is None
    assert conditions.attributes == frozenset()
    assert judged(an_assistant, row, consent(deny()), owner=None, kind="Practitioner") == Verdict()


def test_without_consents_to_keep_none_is_asked_about() -> None:
    assert of(a_clinician, consents=False).asking is None
    assert of(a_clinician, consents=False).of_patient(ANA, [consent(deny())]).says is Says.NOTHING


def test_only_those_who_need_a_rows_codes_have_them_asked_for() -> None:
    assert of(a_clinician).attributes == {"security"}
    assert of(an_assistant).attributes == {"security", "code"}
    assert of(a_clinician, "Appointment").attributes == {"service_type", "reason_code", "start"}
    assert of(a_clinician, "Appointment", consents=False).attributes == frozenset()
    assert of(a_clinician).detail == {"security", "code", "recorded_date", "onset_date_time"}


def test_a_purpose_that_clears_nothing_withholds_even_a_plain_row() -> None:
    rule = LabelRule.of("Coverage", clearance(Audience.CRM, Purpose.TREAT))

    assert (rule.always, rule.each, rule.plain((object(),))) == (False, True, False)
    assert rule.withholds(rule.of_row(object())) == "label-confidentiality"


def test_rows_are_shown_without_a_look_at_each_only_if_none_bears_a_label_and_all_can_tell() -> None:
    plain, labelled = condition("I10"), condition("I10", level("R"))
    by_scope = replace(of(a_clinician), rule=replace(of(a_clinician).rule, always=False))

    assert of(a_clinician).shows_all([plain, plain])
    assert not of(a_clinician).shows_all([plain, labelled])
    assert not of(a_clinician).shows_all([plain, object()])
    assert not of(an_assistant).shows_all([plain])
    assert not by_scope.shows_all([plain])
    assert of(a_clinician, "Practitioner").shows_all([object()])


def test_a_row_that_lacks_what_a_condition_reads_is_withheld() -> None:
    assert judged(an_assistant, object()).withheld == "row-rule-raised"


def test_every_rule_that_withholds_is_explained() -> None:
    assert {"row-out-of-reach", "consent-denies", "label-handling"} <= WITHHELD.keys()


def test_an_unclassified_row_is_not_looked_up_for_those_who_treat_or_run_the_practice() -> None:
    assert judged(replace(a_clinician, purpose=Purpose.HOPERAT), condition("F10.20")) == Verdict()
    assert of(a_clinician).labels.of_row(condition("F10.20")).sensitivities == frozenset()
    assert of(an_assistant).labels.of_row(condition("F10.20")).sensitivities == {"ETHUD"}
    assert judged(replace(a_clinician, purpose=Purpose.HOPERAT), condition("F10.20", act("SUD"))) == Verdict(
        "label-sensitivity"
    )


def test_what_is_withheld_goes_without_a_notice() -> None:
    assert judged(an_assistant, condition("F10.20", *PART_2)) == Verdict("label-confidentiality", False)


def test_a_directorys_rows_are_open_even_to_a_purpose_that_clears_nothing() -> None:
    cleared = clearance(Audience.CRM, Purpose.TREAT)
    rule = LabelRule.of("Practitioner", cleared)
    row = Practitioner(id="1")
    conditions = replace(of(an_assistant, "Practitioner"), labels=rule)

    assert (rule.always, rule.plain((row,))) == (True, True)
    assert conditions.judge(row, None, Answer(Says.PERMIT), ()) == Verdict()


def test_without_a_clearance_no_row_passes_whatever_a_consent_may_raise() -> None:
    for audience in (Audience.CLINICIAN, Audience.PARTNER, Audience.AI):
        rule = LabelRule.of("Condition", clearance(audience, Purpose.HMARKT))
        assert rule.withholds(rule.of_row(condition())) == "label-confidentiality"
        assert rule.withholds(rule.of_row(condition()), (level("R"),)) is None


def test_no_consent_opens_a_handling_code_to_an_audience_whose_line_does_not_say_so() -> None:
    rule = LabelRule.of("Condition", clearance(Audience.PARTNER, Purpose.COC))
    named = (act("REDACT"),)

    assert rule.withholds(rule.of_row(condition("I10", *named)), named) == "label-handling"
    assert rule.withholds(rule.of_row(condition("I10", act("NODSCLCD"))), (act("NODSCLCD"),)) is None


@pytest.mark.parametrize(("wide", "narrow"), [("ETH", "OPIOIDUD"), ("BH", "DVD"), ("SDV", "MST")])
def test_a_consent_that_names_a_sensitivity_clears_its_kinds_as_well_and_not_the_other_way_round(
    wide: str, narrow: str
) -> None:
    rule = LabelRule.of("Condition", clearance(Audience.AI, Purpose.TREAT))

    assert rule.withholds(rule.of_row(condition("I10", act(narrow))), (act(wide),)) is None
    assert rule.withholds(rule.of_row(condition("I10", act(wide))), (act(narrow),)) == "label-sensitivity"


def test_which_rows_need_not_be_looked_at() -> None:
    treating = LabelRule.of("Condition", clearance(Audience.CLINICIAN, Purpose.TREAT))
    modelling = LabelRule.of("Condition", clearance(Audience.AI, Purpose.TREAT))

    assert treating.plain((condition(), condition()))
    assert not treating.plain((condition(), condition("I10", act("HIV"))))
    assert not modelling.plain((condition(),))
    assert of(the_front_desk, "Account").labels.plain((object(),))


def test_the_attributes_that_scopes_read_are_asked_for_too() -> None:
    assert of(ana).attributes == {"subject", "security"}


# -- an emergency --------------------------------------------------------------------------


def in_emergency(*, part2: bool = False, patient: PatientId = ANA) -> Any:
    return replace(a_clinician, emergency=Emergency(patient, 4e9, part2, "t1"))


def test_an_emergency_lifts_consents_and_labels_for_its_patient_alone() -> None:
    held_closely = condition("I10", act("REDACT"), level("V"))
    running = replace(in_emergency(), purpose=Purpose.HOPERAT)

    assert judged(in_emergency(), condition(), consent(deny())) == Verdict()
    assert judged(in_emergency(), condition(), consent()) == Verdict()
    assert judged(running, held_closely) == Verdict()
    assert judged(in_emergency(patient=BEN), condition(), consent(deny())).withheld == "consent-denies"
    assert judged(replace(running, emergency=None), held_closely).withheld == "label-confidentiality"


@pytest.mark.parametrize("part2", [False, True])
def test_psychotherapy_notes_stay_closed_in_an_emergency(part2: bool) -> None:
    """They need the patient's own authorization (45 CFR 164.508(a)(2)); an emergency is none."""
    note = condition("I10", act("HIPAAPsyNotes"))

    assert judged(in_emergency(part2=part2), note).withheld == "label-handling"
    assert judged(in_emergency(part2=part2), note, consent(deny())).withheld == "consent-denies"


def test_psychotherapy_notes_are_open_in_an_emergency_as_ever_to_whom_the_patient_authorized() -> None:
    note = condition("I10", act("HIPAAPsyNotes"))
    authorized = consent(permit(security_label=(act("HIPAAPsyNotes"),)))

    assert judged(in_emergency(), note, authorized) == Verdict()


def test_an_emergency_lifts_what_part_2_protects_only_if_that_is_documented() -> None:
    row = condition("F10.20", *PART_2)

    assert judged(in_emergency(), row, consent(deny())).withheld == "consent-denies"
    assert judged(in_emergency(), row) == Verdict(None, is_part_2=True)
    assert judged(in_emergency(part2=True), row, consent(deny())) == Verdict(None, is_part_2=True)


def test_in_an_emergency_a_denied_patients_rows_are_asked_for() -> None:
    assert of(in_emergency()).of_patient(ANA, [consent(deny())]).says is Says.BY_ROW
    assert of(in_emergency()).of_patient(BEN, [consent(deny())]).says is Says.DENY
    assert (
        of(in_emergency())
        .of_patient(
            ANA,
            [
                consent(
                    permit(
                        purpose=(
                            Coding(
                                system="http://terminology.hl7.org/CodeSystem/v3-ActReason", code="HMARKT"
                            ),
                        )
                    )
                )
            ],
        )
        .says
        is Says.NOTHING
    )


# -- what is read of a row -----------------------------------------------------------------


def test_the_attributes_that_are_read_are_attributes_of_the_records() -> None:
    for table in (LABELS, CODES, DATES):
        for kind, names in table.items():
            assert all(hasattr(getattr(model, kind), name) for name in names), (kind, names)


def test_codes_are_found_in_components_and_in_lists_and_not_elsewhere() -> None:
    one, two = Coding(code="1"), Coding(code="2")
    component = ObservationComponent(
        code=CodeableConcept(coding=(one,)), value_codeable_concept=CodeableConcept(coding=(two,))
    )

    assert list(codings_of((component, one))) == [one, two, one]
    assert list(codings_of(Reference(reference="Medication/1"))) == []
    assert labels_of("Observation", Observation(id="1", component=(component,))) == labels_of(
        "Condition", Condition(id="1")
    )


@given(
    st.sampled_from([a_clinician, an_assistant, a_partner, ana]),
    st.sampled_from([(), (level("R"),), (act("HIV"),), PART_2, (act("mystery"),)]),
    st.sampled_from(["I10", "F10.20", "B20"]),
    st.lists(st.sampled_from([deny(), permit(), permit(security_label=PART_2), deny(code=())]), max_size=2),
)
def test_a_consent_opens_no_row_but_one_whose_labels_it_names(
    actor: Any, labels: tuple[Coding, ...], code: str, rules: list[Any]
) -> None:
    row, consents = condition(code, *labels), [consent(rule) for rule in rules]
    before, after = judged(actor, row), judged(actor, row, *consents)

    assert before.withheld is None or after.withheld is not None or permit(security_label=PART_2) in rules


def test_where_no_scope_reaches_any_row_nobody_is_asked() -> None:
    assert of(the_marketer).admits_nothing
    assert not of(a_clinician).admits_nothing


def test_whether_all_of_a_patients_rows_are_reached_is_told_where_it_can_be() -> None:
    granular = someone(Audience.CLINICIAN, "user/Condition.rs?code=I10")

    assert of(a_clinician).rule.reaches_all_of(BEN) is True
    assert of(ana).rule.reaches_all_of(ANA) is True
    assert of(ana).rule.reaches_all_of(BEN) is False
    assert of(the_marketer).rule.reaches_all_of(ANA) is False
    assert of(granular).rule.reaches_all_of(ANA) is None
    assert of(someone(Audience.PATIENT, "", patient=ANA)).rule.reaches_all_of(ANA) is False


def test_consents_are_asked_as_of_now_or_of_the_time_that_is_said() -> None:
    then = datetime(2020, 2, 3, tzinfo=UTC)
    asked, before = of(a_clinician).asking, datetime.now(UTC) - timedelta(minutes=5)
    asked_then = of(a_clinician, now=then).asking

    assert asked is not None
    assert asked_then is not None
    assert before < asked.now <= datetime.now(UTC)
    assert asked_then.now == then
