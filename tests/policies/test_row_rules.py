"""Which rows an actor may know of, on rows as the sources give them."""

from __future__ import annotations

import pytest

from policies import Actor, Audience, Policy, RowRule, Scopes
from policies.compartment import COMPARTMENT, DIRECTORY, FHIR_TYPES, PARAMETERS
from policies.rows import Reach, row_rule
from sources import model
from sources.model import (
    AllergyIntolerance,
    Appointment,
    CodeableConcept,
    Coding,
    Encounter,
    Engagement,
    Mrn,
    Observation,
    Patient,
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

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = f"{CATEGORY}|laboratory"
VITALS = f"{CATEGORY}|vital-signs"
POLICY = Policy(COORDINATES)


def rows(actor: Actor, resource: str, letters: str = "rs") -> RowRule:
    return POLICY.grant(actor).rows(resource, letters)


def launched(scopes: str, audience: Audience = Audience.CLINICIAN) -> Actor:
    """Someone with Ana's chart open."""
    return someone(audience, scopes, patient=ANA)


def observation(patient: PatientId, *categories: str, code: str = "8480-6") -> Observation:
    parts = (text.rpartition("|") for text in categories)
    return Observation(
        id="obs-1",
        subject=Reference(reference=f"Patient/{patient}"),
        category=tuple(CodeableConcept(coding=(Coding(system=part[0], code=part[2]),)) for part in parts),
        code=CodeableConcept(coding=(Coding(system="http://loinc.org", code=code),)),
    )


@pytest.mark.parametrize(
    ("actor", "resource", "owner", "admitted"),
    [
        pytest.param(ana, "Encounter", ANA, True, id="Ana, her own encounter"),
        pytest.param(ana, "Encounter", BEN, False, id="Ana, Ben's encounter"),
        pytest.param(ana, "Encounter", None, False, id="Ana, an encounter of nobody"),
        pytest.param(ana, "Appointment", ANA, True, id="Ana, her own appointment"),
        pytest.param(ana, "Appointment", BEN, False, id="Ana, Ben's appointment"),
        pytest.param(ana, "Account", ANA, True, id="Ana, her own balance"),
        pytest.param(ana, "Engagement", ANA, True, id="Ana, her own engagement"),
        pytest.param(ana, "Engagement", BEN, False, id="Ana, Ben's engagement"),
        pytest.param(ana, "Practitioner", None, True, id="Ana, a practitioner"),
        pytest.param(a_clinician, "Encounter", BEN, True, id="a clinician, Ben's encounter"),
        pytest.param(a_clinician, "Encounter", None, True, id="a clinician, an encounter of nobody"),
        pytest.param(a_clinician, "Engagement", BEN, True, id="a clinician, Ben's engagement"),
        pytest.param(the_front_desk, "Appointment", BEN, True, id="the front desk, Ben's appointment"),
        pytest.param(the_front_desk, "Encounter", BEN, False, id="the front desk, Ben's encounter"),
        pytest.param(a_partner, "Encounter", BEN, True, id="a partner, Ben's encounter"),
        pytest.param(a_partner, "Condition", BEN, False, id="a partner, Ben's condition"),
        pytest.param(the_marketer, "Engagement", BEN, True, id="the marketer, Ben's engagement"),
        pytest.param(the_marketer, "Patient", BEN, True, id="the marketer, whom that engagement hangs on"),
        pytest.param(the_marketer, "Encounter", BEN, False, id="the marketer, Ben's encounter"),
        pytest.param(the_marketer, "Practitioner", None, False, id="the marketer, a practitioner"),
        pytest.param(an_assistant, "Condition", BEN, True, id="an assistant, Ben's condition"),
        pytest.param(
            an_assistant, "Engagement", BEN, False, id="an assistant, whose star is of FHIR's types"
        ),
        pytest.param(launched("patient/*.rs"), "Encounter", ANA, True, id="a clinician, Ana's chart open"),
        pytest.param(launched("patient/*.rs"), "Encounter", BEN, False, id="the same, Ben's encounter"),
        pytest.param(launched("user/*.rs"), "Encounter", BEN, True, id="with rights beyond that chart"),
        pytest.param(
            launched("user/*.rs system/*.rs", Audience.PATIENT),
            "Encounter",
            BEN,
            False,
            id="a patient whose token says user and system",
        ),
        pytest.param(
            someone(Audience.PATIENT, "user/*.rs patient/*.rs"),
            "Encounter",
            ANA,
            False,
            id="a patient who is nobody",
        ),
        pytest.param(
            someone(Audience.PATIENT, "user/*.rs"), "Encounter", None, False, id="nobody's row for nobody"
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "patient/*.rs"),
            "Encounter",
            ANA,
            False,
            id="patient/ without a patient",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "patient/*.rs"),
            "Practitioner",
            None,
            False,
            id="patient/ without a patient, a practitioner",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, ""), "Encounter", ANA, False, id="a clinician without scopes"
        ),
        pytest.param(
            someone(Audience.CLINICIAN, "user/*.cud"), "Encounter", ANA, False, id="who may write, not read"
        ),
        pytest.param(a_clinician, "Spaceship", None, False, id="a clinician, a type nobody knows"),
    ],
)
def test_whose_rows_one_may_know_of(
    actor: Actor, resource: str, owner: PatientId | None, *, admitted: bool
) -> None:
    assert rows(actor, resource).admits(object(), owner) is admitted


@pytest.mark.parametrize(
    ("scopes", "resource", "bens"),
    [
        pytest.param("patient/*.rs __engagement.read", "Engagement", False, id="as narrow as the chart"),
        pytest.param("__engagement.read", "Engagement", False, id="alone, with a chart open"),
        pytest.param("user/Patient.rs __engagement.read", "Engagement", True, id="as wide as the patients"),
        pytest.param(
            "user/Location.rs __engagement.read", "Engagement", False, id="not as wide as locations"
        ),
        pytest.param(
            "patient/Patient.r user/Location.rs __engagement.read",
            "Patient",
            False,
            id="opening no patient whose name a narrower scope would then show",
        ),
        pytest.param(
            "user/Patient.cud __engagement.read", "Patient", False, id="not as wide as what is written"
        ),
    ],
)
def test_with_a_chart_open_a_private_scope_reaches_as_far_as_the_scopes_on_patient(
    scopes: str, resource: str, *, bens: bool
) -> None:
    rule = rows(launched(scopes), resource)

    assert rule.admits(object(), ANA) is True
    assert rule.admits(object(), BEN) is bens


@pytest.mark.parametrize(
    ("scopes", "row", "admitted"),
    [
        pytest.param(f"?category={LAB}", observation(BEN, LAB), True, id="a lab"),
        pytest.param(f"?category={LAB}", observation(BEN, VITALS), False, id="a vital sign"),
        pytest.param(f"?category={LAB}", observation(BEN), False, id="one without a category"),
        pytest.param(
            f"?category={LAB}", observation(BEN, VITALS, LAB), True, id="a lab that is also a vital sign"
        ),
        pytest.param(
            f"?category={LAB}", observation(BEN, "x|laboratory"), False, id="a lab by another system"
        ),
        pytest.param("?category=laboratory", observation(BEN, "x|laboratory"), True, id="by any system"),
        pytest.param("?category=|laboratory", observation(BEN, LAB), False, id="by no system"),
        pytest.param("?category=|laboratory", observation(BEN, "|laboratory"), True, id="without a system"),
        pytest.param(f"?category=survey,{LAB}", observation(BEN, LAB), True, id="one of two in one scope"),
        pytest.param(
            f"?category={LAB} user/Observation.rs?category={VITALS}",
            observation(BEN, VITALS),
            True,
            id="one of two scopes",
        ),
        pytest.param(f"?category={LAB}&code=8480-6", observation(BEN, LAB), True, id="both parameters"),
        pytest.param(f"?category={LAB}&code=1-1", observation(BEN, LAB), False, id="one of two parameters"),
        pytest.param("?date=2026", observation(BEN, LAB), False, id="a parameter we can't check"),
        pytest.param(
            f"?category={LAB}&date=2026", observation(BEN, LAB), False, id="one we can, one we can't"
        ),
        pytest.param("?category=a|b|c", observation(BEN, LAB), False, id="a token we can't read"),
        pytest.param(f"?category={LAB}", object(), False, id="a row that lacks what is read"),
        pytest.param(
            f"?category={LAB} user/Observation.rs", object(), True, id="which another scope never reads"
        ),
    ],
)
def test_which_rows_a_granular_scope_reaches(scopes: str, row: object, *, admitted: bool) -> None:
    actor = someone(Audience.CLINICIAN, f"user/Observation.rs{scopes}")

    assert rows(actor, "Observation").admits(row, BEN) is admitted


def test_context_and_query_must_hold_in_one_scope() -> None:
    actor = launched(f"patient/Observation.rs?category={LAB} user/Observation.rs?category={VITALS}")
    rule = rows(actor, "Observation")

    seen = {
        (owner, category): rule.admits(observation(owner, category), owner)
        for owner in (ANA, BEN)
        for category in (LAB, VITALS)
    }

    assert seen == {(ANA, LAB): True, (BEN, LAB): False, (ANA, VITALS): True, (BEN, VITALS): True}


@pytest.mark.parametrize(
    ("resource", "query", "row"),
    [
        pytest.param("Encounter", "class=AMB", Encounter(id="1", class_=Coding(code="AMB")), id="a coding"),
        pytest.param("Encounter", "status=finished", Encounter(id="1", status="finished"), id="a code"),
        pytest.param(
            "AllergyIntolerance", "category=food", AllergyIntolerance(id="1", category=("food",)), id="codes"
        ),
        pytest.param(
            "AllergyIntolerance",
            "clinical-status=active",
            AllergyIntolerance(id="1", clinical_status=CodeableConcept(coding=(Coding(code="active"),))),
            id="a concept",
        ),
        pytest.param(
            "Appointment",
            "service-type=VID30",
            Appointment(
                id="1",
                patient_mrn=Mrn("MRN-1"),
                status="booked",
                service_type=(CodeableConcept(coding=(Coding(code="VID30"),)),),
            ),
            id="the PMS's concepts",
        ),
    ],
)
def test_a_granular_scope_reads_every_coded_datatype(resource: str, query: str, row: object) -> None:
    actor = someone(Audience.CLINICIAN, f"user/{resource}.rs?{query}")
    other = someone(Audience.CLINICIAN, f"user/{resource}.rs?{query}x")

    assert rows(actor, resource).admits(row, BEN) is True
    assert rows(other, resource).admits(row, BEN) is False


def test_a_granular_scope_on_all_types_reaches_those_that_have_the_parameter() -> None:
    actor = someone(Audience.CLINICIAN, "user/*.rs?category=laboratory")

    assert rows(actor, "Observation").admits(observation(BEN, LAB), BEN) is True
    assert rows(actor, "Encounter").admits(Encounter(id="1"), BEN) is False
    assert rows(actor, "Patient").admits(Patient(id=BEN), BEN) is False
    assert rows(actor, "Practitioner").admits(Practitioner(id="1"), None) is False


def test_a_road_can_ask_for_the_permission_it_needs() -> None:
    actor = launched("patient/Encounter.s user/Encounter.r")

    assert rows(actor, "Encounter", "s").admits(object(), BEN) is False
    assert rows(actor, "Encounter", "s").admits(object(), ANA) is True
    assert rows(actor, "Encounter", "r").admits(object(), BEN) is True
    assert rows(actor, "Encounter").admits(object(), BEN) is True


@pytest.mark.parametrize(
    ("actor", "resource", "always", "attributes", "narrowing"),
    [
        pytest.param(a_clinician, "Encounter", True, set(), None, id="all encounters"),
        pytest.param(ana, "Encounter", False, {"subject"}, None, id="Ana's encounters"),
        pytest.param(ana, "AllergyIntolerance", False, {"patient"}, None, id="Ana's allergies"),
        pytest.param(ana, "Patient", False, {"id"}, None, id="Ana"),
        pytest.param(ana, "Appointment", False, {"patient_mrn"}, None, id="Ana's appointments"),
        pytest.param(ana, "Engagement", False, {"care_key"}, None, id="Ana's engagement"),
        pytest.param(ana, "Practitioner", True, set(), None, id="all practitioners"),
        pytest.param(the_marketer, "Encounter", False, set(), (), id="no encounter"),
        pytest.param(a_clinician, "Spaceship", False, set(), (), id="no spaceship"),
        pytest.param(
            someone(Audience.PATIENT, "user/*.rs __engagement.read"),
            "Patient",
            False,
            set(),
            (),
            id="nobody, for a patient who is nobody",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, f"user/Observation.rs?category={LAB}"),
            "Observation",
            False,
            {"category"},
            ((("category", LAB),),),
            id="labs",
        ),
        pytest.param(
            launched(f"patient/Observation.rs?category={LAB}"),
            "Observation",
            False,
            {"category", "subject"},
            ((("category", LAB),),),
            id="Ana's labs",
        ),
        pytest.param(
            launched(
                f"patient/Observation.rs?category={VITALS} user/Observation.rs?category={VITALS}"
                f" user/Observation.rs?code=8480-6&category={LAB}"
            ),
            "Observation",
            False,
            {"category", "code", "subject"},
            ((("category", LAB), ("code", "8480-6")), (("category", VITALS),)),
            id="vital signs and one lab, each alternative once",
        ),
        pytest.param(
            launched(f"patient/Observation.rs user/Observation.rs?category={LAB}"),
            "Observation",
            False,
            {"category", "subject"},
            None,
            id="Ana's observations and anyone's labs",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, f"user/Observation.rs user/Observation.rs?category={LAB}"),
            "Observation",
            True,
            set(),
            None,
            id="all observations, labs among them",
        ),
        pytest.param(
            someone(Audience.CLINICIAN, f"user/Observation.rs?category={LAB} user/Observation.rs?date=2026"),
            "Observation",
            False,
            {"category"},
            ((("category", LAB),),),
            id="labs, and what can't be checked",
        ),
    ],
)
def test_what_a_loader_is_told_beforehand(
    actor: Actor,
    resource: str,
    attributes: set[str],
    narrowing: tuple[tuple[tuple[str, str], ...], ...] | None,
    *,
    always: bool,
) -> None:
    rule = rows(actor, resource)

    assert (rule.always, set(rule.attributes), rule.narrowing) == (always, attributes, narrowing)


def test_a_rule_still_without_its_patient_admits_nothing() -> None:
    rule = row_rule(Scopes.parse("patient/*.rs"), "Encounter", Reach(is_own=False, has_patient=True), None)

    assert rule.admits(object(), None) is False
    assert rule.admits(object(), ANA) is False


def test_a_rule_does_not_show_whose_it_is() -> None:
    assert ANA not in repr(rows(ana, "Encounter"))


def test_a_row_rule_is_made_for_the_actor_and_not_for_those_of_the_same_standing() -> None:
    policy = Policy(COORDINATES)
    ben = someone(
        Audience.PATIENT, "patient/*.rs __engagement.read", patient=BEN, fhir_user="Patient/pat-ben"
    )

    anas, bens = policy.grant(ana).rows("Encounter"), policy.grant(ben).rows("Encounter")

    assert [rule.admits(object(), owner) for rule in (anas, bens) for owner in (ANA, BEN)] == [
        True,
        False,
        False,
        True,
    ]


RECORDS = {
    **{kind: getattr(model, kind) for kind in FHIR_TYPES if hasattr(model, kind)},
    "Engagement": Engagement,
}
RECORDS["Account"] = model.Balance


@pytest.mark.parametrize("kind", sorted((COMPARTMENT.keys() | DIRECTORY) - {"PractitionerRole"}))
def test_the_tables_name_attributes_that_the_records_have(kind: str) -> None:
    fields = set(RECORDS[kind].__struct_fields__)

    assert {COMPARTMENT[kind]} <= fields if kind in COMPARTMENT else kind in DIRECTORY
    assert set(PARAMETERS.get(kind, {}).values()) <= fields


def test_whose_the_rows_of_each_type_are() -> None:
    assert " ".join(sorted(COMPARTMENT)) == (
        "Account AllergyIntolerance Appointment CarePlan Condition Coverage DocumentReference Encounter"
        " Engagement Immunization MedicationRequest Observation Patient Procedure"
    )
    assert " ".join(sorted(DIRECTORY)) == "Location Organization Practitioner PractitionerRole"
    assert (set(COMPARTMENT) | DIRECTORY) - {"Engagement"} == FHIR_TYPES


def test_what_a_granular_scope_may_ask_of_each_type() -> None:
    assert {kind: " ".join(sorted(names)) for kind, names in PARAMETERS.items()} == {
        "AllergyIntolerance": "category clinical-status code criticality type verification-status",
        "Appointment": "service-type status",
        "CarePlan": "category intent status",
        "Condition": "category clinical-status code severity verification-status",
        "Coverage": "status",
        "DocumentReference": "category status type",
        "Encounter": "class reason-code status type",
        "Immunization": "status status-reason vaccine-code",
        "Location": "status type",
        "MedicationRequest": "category code intent status",
        "Observation": "category code status",
        "Organization": "type",
        "Procedure": "category code status",
    }


def test_a_granular_scope_can_ask_nothing_of_a_patient() -> None:
    # A private scope opens Patient rows; were there granular ones, it could open what they keep back.
    assert "Patient" not in PARAMETERS
    assert set(PARAMETERS) <= FHIR_TYPES


@pytest.mark.parametrize("letter", ["r", "s"])
def test_who_may_read_by_id_or_search_knows_of_rows_if_no_road_is_named(letter: str) -> None:
    grant = POLICY.grant(someone(Audience.CLINICIAN, f"user/Observation.{letter}"))

    assert grant.rows("Observation").admits(observation(BEN, LAB), BEN) is True
    assert grant.conditions("Observation").rule.admits(observation(BEN, LAB), BEN) is True
