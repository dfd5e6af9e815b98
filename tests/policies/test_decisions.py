"""Who may read what, and the rules that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace

import pytest

from policies import (
    Actor,
    Audience,
    Classified,
    Coordinate,
    DataClass,
    Decision,
    Effect,
    Needs,
    Policy,
    Purpose,
)
from policies.boundary import rule
from policies.masks import KEPT, MASKS, YEAR_OF_BIRTH
from tests.policies.people import (
    ANA,
    APPOINTMENT_REASON,
    APPOINTMENT_START,
    BALANCE,
    BEN,
    BIRTH_DATE,
    CONDITION_CODE,
    COORDINATES,
    ENCOUNTER_STATUS,
    ENCOUNTERS,
    GENDER,
    MARITAL_STATUS,
    ME,
    NAME,
    NOTE,
    OUTCOMES,
    PATIENT_ID,
    PATIENTS_BY_GENDER,
    SCORE,
    SEARCH_BY_BIRTH_DATE,
    SOURCES,
    TELECOM,
    UNKNOWN,
    a_clinician,
    a_partner,
    an_assistant,
    ana,
    someone,
    the_front_desk,
    the_marketer,
)

ALLOW, MASK, DENY = Effect.ALLOW, Effect.MASK, Effect.DENY
POLICY = Policy(COORDINATES)


def decide(actor: Actor, coordinate: Coordinate) -> Decision:
    return POLICY.grant(actor).decide(coordinate)


@pytest.mark.parametrize(
    ("actor", "coordinate", "effect", "reasons"),
    [
        pytest.param(
            ana, NAME, ALLOW, ("boundary-patient-allows-identity", "scope-held"), id="Ana, her name"
        ),
        pytest.param(ana, NOTE, ALLOW, ("boundary-patient-allows-notes", "scope-held"), id="Ana, her notes"),
        pytest.param(
            ana, BALANCE, ALLOW, ("boundary-patient-allows-financial", "scope-held"), id="Ana, her balance"
        ),
        pytest.param(ana, SOURCES, DENY, ("boundary-patient-denies-operations",), id="Ana, the sources"),
        pytest.param(ana, ME, ALLOW, ("boundary-patient-allows-reference",), id="Ana, who she is"),
        pytest.param(
            a_clinician,
            CONDITION_CODE,
            ALLOW,
            ("boundary-clinician-allows-clinical", "scope-held"),
            id="a clinician, a diagnosis",
        ),
        pytest.param(
            a_clinician, BALANCE, DENY, ("boundary-clinician-denies-financial",), id="a clinician, a balance"
        ),
        pytest.param(
            a_clinician,
            SOURCES,
            ALLOW,
            ("boundary-clinician-allows-operations",),
            id="a clinician, the sources",
        ),
        pytest.param(
            a_clinician,
            SCORE,
            ALLOW,
            ("boundary-clinician-allows-engagement", "scope-held"),
            id="a clinician, a score",
        ),
        pytest.param(
            the_front_desk,
            APPOINTMENT_REASON,
            ALLOW,
            ("boundary-practice-allows-reason", "scope-held"),
            id="the front desk, a reason",
        ),
        pytest.param(
            the_front_desk,
            CONDITION_CODE,
            DENY,
            ("boundary-practice-denies-clinical", "scope-missing"),
            id="the front desk, a diagnosis",
        ),
        pytest.param(
            a_partner,
            APPOINTMENT_START,
            ALLOW,
            ("boundary-partner-allows-schedule", "scope-held"),
            id="a partner, a time",
        ),
        pytest.param(
            a_partner,
            BIRTH_DATE,
            MASK,
            ("boundary-partner-masks-demographics", "mask-year-of-birth", "scope-held"),
            id="a partner, a birth date",
        ),
        pytest.param(
            a_partner,
            GENDER,
            MASK,
            ("boundary-partner-masks-demographics", "mask-kept", "scope-held"),
            id="a partner, a gender",
        ),
        pytest.param(
            a_partner,
            MARITAL_STATUS,
            DENY,
            ("boundary-partner-masks-demographics", "mask-missing"),
            id="a partner, a marital status, which has no mask",
        ),
        pytest.param(
            a_partner,
            PATIENTS_BY_GENDER,
            DENY,
            ("boundary-partner-masks-demographics", "mask-missing"),
            id="a partner, a search by gender",
        ),
        pytest.param(
            a_partner,
            SEARCH_BY_BIRTH_DATE,
            DENY,
            ("boundary-partner-masks-demographics", "mask-missing"),
            id="a partner, a search by birth date",
        ),
        pytest.param(
            a_partner, TELECOM, DENY, ("boundary-partner-denies-contact",), id="a partner, a telephone"
        ),
        pytest.param(
            the_marketer,
            SCORE,
            ALLOW,
            ("boundary-crm-allows-engagement", "scope-held"),
            id="the marketer, a score",
        ),
        pytest.param(
            the_marketer,
            PATIENT_ID,
            ALLOW,
            ("boundary-crm-allows-reference", "scope-held"),
            id="the marketer, an opaque id",
        ),
        pytest.param(
            the_marketer,
            NAME,
            DENY,
            ("boundary-crm-denies-identity", "scope-missing"),
            id="the marketer, a name",
        ),
        pytest.param(
            someone(Audience.CRM, "user/*.cruds __engagement.read"),
            CONDITION_CODE,
            DENY,
            ("boundary-crm-denies-clinical",),
            id="a marketer with every scope, a diagnosis",
        ),
        pytest.param(
            an_assistant,
            CONDITION_CODE,
            ALLOW,
            ("boundary-ai-allows-clinical", "scope-held"),
            id="an assistant, a diagnosis",
        ),
        pytest.param(an_assistant, NAME, DENY, ("boundary-ai-denies-identity",), id="an assistant, a name"),
        pytest.param(an_assistant, NOTE, DENY, ("boundary-ai-denies-notes",), id="an assistant, a note"),
        pytest.param(
            an_assistant,
            BIRTH_DATE,
            MASK,
            ("boundary-ai-masks-demographics", "mask-year-of-birth", "scope-held"),
            id="an assistant, a birth date",
        ),
        pytest.param(
            a_clinician, UNKNOWN, DENY, ("unclassified",), id="a clinician, a field nobody classified"
        ),
        pytest.param(
            replace(a_clinician, purpose=Purpose.HMARKT),
            NAME,
            DENY,
            ("purpose-not-permitted",),
            id="a clinician, for marketing",
        ),
        pytest.param(
            replace(the_marketer, purpose=Purpose.TREAT),
            NAME,
            DENY,
            ("purpose-not-permitted", "boundary-crm-denies-identity", "scope-missing"),
            id="a marketer, for treatment",
        ),
        pytest.param(
            replace(a_clinician, purpose=Purpose.HMARKT),
            ME,
            DENY,
            ("purpose-not-permitted",),
            id="a clinician, for marketing, who they are",
        ),
    ],
)
def test_who_may_read_what_and_why(
    actor: Actor, coordinate: Coordinate, effect: Effect, reasons: tuple[str, ...]
) -> None:
    decision = decide(actor, coordinate)

    assert (decision.effect, decision.reasons, decision.missing_scopes) == (effect, reasons, ())
    assert (decision.mask is not None) is (effect is MASK)


def test_a_masked_decision_carries_the_mask() -> None:
    assert decide(a_partner, BIRTH_DATE).mask is YEAR_OF_BIRTH
    assert decide(a_partner, GENDER).mask is KEPT


@pytest.mark.parametrize(
    ("actor", "coordinate", "missing"),
    [
        pytest.param(
            someone(Audience.PATIENT, "patient/Patient.r", patient=ANA),
            ENCOUNTER_STATUS,
            ("patient/Encounter.rs",),
            id="Ana, both permissions",
        ),
        pytest.param(
            someone(Audience.PATIENT, "patient/Encounter.s", patient=ANA),
            ENCOUNTER_STATUS,
            ("patient/Encounter.r",),
            id="Ana, the permission she lacks",
        ),
        pytest.param(
            someone(Audience.PATIENT, "user/Patient.r", patient=ANA),
            ENCOUNTERS,
            ("patient/Encounter.s",),
            id="Ana, whose token says user",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "user/Patient.r"), ENCOUNTERS, ("user/Encounter.s",), id="a clinician"
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "user/Patient.r", patient=ANA),
            ENCOUNTERS,
            ("user/Encounter.s",),
            id="a clinician with a chart open and rights beyond it",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "patient/Patient.r", patient=ANA),
            ENCOUNTERS,
            ("patient/Encounter.s",),
            id="a clinician with a chart open alone",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "patient/*.rs"),
            ENCOUNTERS,
            ("user/Encounter.s",),
            id="a clinician whose patient/ scopes have no patient",
        ),
        pytest.param(
            someone(Audience.AI, "system/Patient.r", subject="an-app"),
            ENCOUNTERS,
            ("system/Encounter.s",),
            id="a system",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "user/Encounter.cud"),
            ENCOUNTER_STATUS,
            ("user/Encounter.rs",),
            id="who may write and not read",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "user/Encounter.rs?date=ge2026"),
            ENCOUNTER_STATUS,
            ("user/Encounter.rs",),
            id="whose granular scope we can't check",
        ),
        pytest.param(
            someone(Audience.CRM, ""),
            SCORE,
            ("__engagement.read",),
            id="the marketer without the private scope",
        ),
        pytest.param(
            someone(Audience.CRM, "__engagement.write"), SCORE, ("__engagement.read",), id="with another verb"
        ),
        pytest.param(
            someone(Audience.CLINICIAN, ""),
            PATIENT_ID,
            ("user/Patient.r",),
            id="either would do: the shorter one",
        ),
    ],
)
def test_what_is_denied_for_want_of_a_scope_names_the_smallest_that_would_do(
    actor: Actor, coordinate: Coordinate, missing: tuple[str, ...]
) -> None:
    assert decide(actor, coordinate) == Decision(DENY, ("scope-missing",), missing_scopes=missing)


@pytest.mark.parametrize(
    ("scopes", "effect"),
    [
        pytest.param("user/Encounter.r user/Encounter.s", ALLOW, id="in two scopes"),
        pytest.param("user/*.r system/Encounter.s", ALLOW, id="in two contexts"),
        pytest.param("user/Encounter.r?status=finished user/Encounter.s", ALLOW, id="one of them granular"),
        pytest.param("user/Encounter.r user/Patient.s", DENY, id="one of them on another type"),
        pytest.param("user/Encounter.r patient/Encounter.s", DENY, id="one of them of no patient"),
        pytest.param("user/Encounter.r?class=a|b|c user/Encounter.s", DENY, id="one of them unreadable"),
    ],
)
def test_permissions_add_up_over_the_scopes_that_can_open_a_row(scopes: str, effect: Effect) -> None:
    assert decide(someone(Audience.CLINICIAN, scopes), ENCOUNTER_STATUS).effect is effect


def test_a_rule_that_raises_denies_and_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    grant = Policy(COORDINATES).grant(a_clinician)
    with monkeypatch.context() as broken:
        broken.setattr("policies.decisions.PURPOSES", {})

        assert grant.decide(NAME) == Decision(DENY, ("rule-raised",))

    assert grant.decide(NAME).effect is ALLOW


def test_a_policy_without_coordinates_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a policy needs classified coordinates"):
        Policy({})


def test_a_coordinate_whose_rows_could_not_be_checked_is_refused() -> None:
    spaceship = {Coordinate("Spaceship", "name"): Classified.of(DataClass.DIRECTORY, "Spaceship.r")}

    with pytest.raises(
        ValueError, match=r"^`Spaceship.name` needs a scope on `Spaceship`, whose rows we can't"
    ):
        Policy(spaceship)


def test_a_policy_keeps_the_coordinates_it_was_made_of() -> None:
    coordinates = dict(COORDINATES)
    policy = Policy(coordinates)
    coordinates[UNKNOWN] = Classified(DataClass.REFERENCE, Needs.NOTHING)

    assert policy.grant(a_clinician).decide(UNKNOWN).reasons == ("unclassified",)


def test_decisions_are_made_once_for_all_of_the_same_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy(COORDINATES)
    ben = replace(ana, patient=BEN, subject="ben", token_id="another")
    decided = policy.grant(ana).decide(NAME)
    monkeypatch.setattr("policies.decisions.decide", None)

    assert policy.grant(ben).decide(NAME) is decided
    assert policy.grant(ben).actor is ben


def test_the_rules_for_rows_are_made_once_for_all_of_the_same_standing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = Policy(COORDINATES)
    ben = replace(ana, patient=BEN, subject="ben", token_id="another")
    asked = [("Patient", "r"), ("Encounter", "r"), ("Encounter", "s")]
    made = [policy.grant(ana).rows(*each) for each in asked]
    monkeypatch.setattr("policies.decisions.row_rule", None)

    assert [policy.grant(ana).rows(*each) for each in asked] == made
    assert [policy.grant(ben).rows(*each) for each in asked] == [replace(each, patient=BEN) for each in made]


def test_a_grant_is_shown_without_the_names_that_the_operator_keeps() -> None:
    policy = Policy(COORDINATES, {"Organization/ours": frozenset({"urn:caregraph:client|lab-app"})})

    assert "Organization/ours" not in repr(policy.grant(a_clinician))


def keys(*actors: Actor, coordinates: Mapping[Coordinate, Classified] = COORDINATES) -> set[str]:
    policy = Policy(coordinates)
    return {policy.grant(actor).key for actor in actors}


def test_two_patients_with_the_same_scopes_share_a_key() -> None:
    ben = replace(
        ana,
        patient=BEN,
        subject="ben",
        client_id="other",
        token_id="t",
        expires_at=0.0,
        fhir_user="Patient/ben",
    )

    assert len(keys(ana, ben)) == 1
    assert len(keys(ana) | keys(ana)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(a_clinician, audience=Audience.AI), id="audience"),
        pytest.param(replace(a_clinician, purpose=Purpose.COC), id="purpose"),
        pytest.param(someone(Audience.CLINICIAN, "user/*.r", fhir_user="Practitioner/prac-1"), id="scopes"),
        pytest.param(replace(a_clinician, patient=ANA), id="a launch patient"),
        pytest.param(replace(a_clinician, fhir_user=None, subject="an-app"), id="the context to ask in"),
    ],
)
def test_what_decisions_depend_on_changes_the_key(other: Actor) -> None:
    assert len(keys(a_clinician, other)) == 2


def test_the_encounter_in_context_changes_no_decision() -> None:
    launched = replace(a_clinician, encounter="e1")

    assert len(keys(a_clinician, launched)) == 1
    grants = [Policy(COORDINATES).grant(actor) for actor in (a_clinician, launched)]
    for type_ in ("Patient", "Encounter", "Observation"):
        assert grants[0].rows(type_) == grants[1].rows(type_)
    assert {at: grants[0].decide(at) for at in COORDINATES} == {
        at: grants[1].decide(at) for at in COORDINATES
    }


def test_another_classification_or_another_need_changes_the_key() -> None:
    reclassified = {**COORDINATES, NAME: Classified.of(DataClass.CONTACT, "Patient.r")}
    other_needs = {**COORDINATES, NAME: Classified.of(DataClass.IDENTITY, "Patient.s")}
    fewer = {at: is_ for at, is_ in COORDINATES.items() if at != NAME}

    found = [keys(ana, coordinates=each) for each in (COORDINATES, reclassified, other_needs, fewer)]

    assert len(set[str]().union(*found)) == 4


@pytest.mark.parametrize("table", ["BOUNDARY", "MASKS", "CLEARANCES", "HANDLINGS", "TABLES"])
def test_another_table_of_rules_changes_the_key(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(ana)
    monkeypatch.setattr(f"policies.decisions.{table}", {})

    assert keys(ana) != before


def test_another_mask_of_the_same_field_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(ana)
    monkeypatch.setattr("policies.decisions.MASKS", {**MASKS, GENDER: YEAR_OF_BIRTH})

    assert keys(ana) != before


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        pytest.param(ana, "audience", id="an actor"),
        pytest.param(ana.scopes, "resources", id="scopes"),
        pytest.param(COORDINATES[NAME], "data", id="a classification"),
        pytest.param(COORDINATES[NAME].needs, "any_of", id="needs"),
        pytest.param(POLICY.grant(ana), "actor", id="a grant"),
        pytest.param(decide(ana, NAME), "effect", id="a decision"),
        pytest.param(POLICY.grant(ana).rows("Encounter"), "patient", id="a row rule"),
        pytest.param(YEAR_OF_BIRTH, "transform", id="a mask"),
        pytest.param(rule(Audience.CRM, DataClass.NOTES), "effect", id="a rule of the boundary"),
    ],
)
def test_what_was_decided_can_not_be_changed(value: object, attribute: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, attribute, None)


def test_a_key_tells_nothing_of_what_it_was_made_of() -> None:
    (key,) = keys(ana)

    assert len(key) == 64
    assert set(key) <= set("0123456789abcdef")


def test_the_oldest_of_many_standings_is_forgotten_and_decided_anew() -> None:
    policy = Policy(COORDINATES)
    first = policy.grant(ana).decide(NAME)
    for number in range(1023):
        policy.grant(someone(Audience.CLINICIAN, f"user/Encounter.rs?class=c{number}"))
    assert policy.grant(ana).decide(NAME) is first

    for number in range(1024):
        policy.grant(someone(Audience.CLINICIAN, f"user/Encounter.rs?type=c{number}"))
    assert policy.grant(ana).decide(NAME) is not first
    assert policy.grant(ana).decide(NAME) == first


@pytest.mark.parametrize("audience", [Audience.CRM, Audience.CLINICIAN, Audience.PRACTICE])
def test_a_token_for_one_patient_is_told_nothing_of_all_of_them_whatever_else_it_may(
    audience: Audience,
) -> None:
    wide = someone(audience, "system/*.rs __outcomes.read")

    assert decide(wide, OUTCOMES).effect is ALLOW
    assert decide(replace(wide, patient=ANA), OUTCOMES) == Decision(DENY, ("confined-to-one-patient",))
    assert decide(someone(audience, "system/*.cruds", patient=ANA), OUTCOMES) == Decision(
        DENY, ("confined-to-one-patient", "scope-missing")
    )


def test_a_token_for_one_patient_is_told_every_rule_that_closes_outcomes_to_it() -> None:
    for_marketing = someone(
        Audience.CLINICIAN, "system/*.rs __outcomes.read", patient=ANA, purpose=Purpose.HMARKT
    )
    of_a_partner = someone(Audience.PARTNER, "system/*.rs __outcomes.read", patient=ANA)

    assert decide(for_marketing, OUTCOMES).reasons == ("purpose-not-permitted", "confined-to-one-patient")
    assert decide(of_a_partner, OUTCOMES).reasons == (
        "boundary-partner-denies-outcomes",
        "confined-to-one-patient",
    )


@pytest.mark.parametrize("audience", [Audience.PATIENT, Audience.PARTNER, Audience.AI])
def test_outcomes_are_closed_to_who_needs_none_whatever_their_scopes(audience: Audience) -> None:
    decision = decide(someone(audience, "system/*.rs __outcomes.read"), OUTCOMES)

    assert decision == Decision(DENY, (f"boundary-{audience.value}-denies-outcomes",))


def test_outcomes_need_a_scope_of_their_own() -> None:
    decision = decide(the_marketer, OUTCOMES)

    assert decision == Decision(DENY, ("scope-missing",), missing_scopes=("__outcomes.read",))
