"""What the EHR knows of a patient's health: conditions, results, medications and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from policies import DataClass
from resolvers.datatypes import Attachment, CodeableConcept, Dosage, Period, Quantity, words
from resolvers.declare import Fields, edge
from resolvers.directory import Practitioner
from resolvers.node import Node, identity
from resolvers.roads import encounters_by_id, practitioners_by_id

if TYPE_CHECKING:
    from resolvers.encounter import Encounter

condition = Fields(DataClass.CLINICAL, "Condition.r")
observation = Fields(DataClass.CLINICAL, "Observation.r")
medication = Fields(DataClass.CLINICAL, "MedicationRequest.r")
allergy = Fields(DataClass.CLINICAL, "AllergyIntolerance.r")
immunization = Fields(DataClass.CLINICAL, "Immunization.r")
procedure = Fields(DataClass.CLINICAL, "Procedure.r")
plan = Fields(DataClass.CLINICAL, "CarePlan.r")
document = Fields(DataClass.NOTES, "DocumentReference.r")
part = Fields(DataClass.PART, "")


@strawberry.type(description="A problem, diagnosis or health concern.")
class Condition(Node):
    id: strawberry.ID = identity(condition, "Condition")
    clinical_status: CodeableConcept | None = condition("Whether it is active.")
    verification_status: CodeableConcept | None = condition("How sure it is.")
    category: list[CodeableConcept] | None = condition(
        "Problem list item, encounter diagnosis or health concern."
    )
    severity: CodeableConcept | None = condition("How bad it is.")
    code: CodeableConcept | None = condition("What it is.")
    onset_date_time: str | None = condition("When it began.")
    abatement_date_time: str | None = condition("When it ended.")
    recorded_date: str | None = condition("When it was recorded.")


@strawberry.type(description="One of several results of an observation.")
class ObservationComponent:
    code: CodeableConcept | None = part("What was observed.")
    value_quantity: Quantity | None = part("The result, as an amount.")
    value_codeable_concept: CodeableConcept | None = part("The result, as a concept.")
    value_string: str | None = words("The result, in words.")


@strawberry.type(description="A measurement or finding.")
class Observation(Node):
    id: strawberry.ID = identity(observation, "Observation")
    status: str | None = observation("FHIR ObservationStatus.")
    category: list[CodeableConcept] | None = observation("Vital sign, laboratory, survey and so on.")
    code: CodeableConcept | None = observation("What was observed.")
    effective_date_time: str | None = observation("When it was so.")
    effective_period: Period | None = observation("From when to when it was so.")
    issued: str | None = observation("When the result became available.")
    value_quantity: Quantity | None = observation("The result, as an amount.")
    value_codeable_concept: CodeableConcept | None = observation("The result, as a concept.")
    value_string: str | None = observation("The result, in words.", data=DataClass.NOTES)
    value_boolean: bool | None = observation("The result, as yes or no.")
    value_integer: int | None = observation("The result, as a whole number.")
    value_date_time: str | None = observation("The result, as a time.")
    interpretation: list[CodeableConcept] | None = observation("High, low, normal and so on.")
    component: list[ObservationComponent] | None = observation("Results that belong together.")


@strawberry.type(description="An order for a medication.")
class MedicationRequest(Node):
    id: strawberry.ID = identity(medication, "MedicationRequest")
    status: str | None = medication("FHIR MedicationRequestStatus.")
    intent: str | None = medication("FHIR MedicationRequestIntent.")
    category: list[CodeableConcept] | None = medication("Where it is to be taken.")
    medication_codeable_concept: CodeableConcept | None = medication("What is to be taken.")
    authored_on: str | None = medication("When it was ordered.")
    reason_code: list[CodeableConcept] | None = medication("Why it was ordered.")
    dosage_instruction: list[Dosage] | None = medication("How it is to be taken.")
    requester: Practitioner | None = edge(
        practitioners_by_id,
        "Who ordered it.",
        data=DataClass.CLINICAL,
        needs="MedicationRequest.r",
        key="requester_id",
        reads=["requester"],
    )


@strawberry.type(description="What an allergy did.")
class AllergyReaction:
    manifestation: list[CodeableConcept] = part("The signs of it.")
    severity: str | None = part("FHIR AllergyIntoleranceSeverity.")


@strawberry.type(description="A propensity to react badly to a substance.")
class AllergyIntolerance(Node):
    id: strawberry.ID = identity(allergy, "AllergyIntolerance")
    clinical_status: CodeableConcept | None = allergy("Whether it is active.")
    verification_status: CodeableConcept | None = allergy("How sure it is.")
    type: str | None = allergy("FHIR AllergyIntoleranceType.")
    category: list[str] | None = allergy("FHIR AllergyIntoleranceCategory.")
    criticality: str | None = allergy("FHIR AllergyIntoleranceCriticality.")
    code: CodeableConcept | None = allergy("What it is to.")
    onset_date_time: str | None = allergy("When it began.")
    recorded_date: str | None = allergy("When it was recorded.")
    reaction: list[AllergyReaction] | None = allergy("What it did.")


@strawberry.type(description="A vaccine given or refused.")
class Immunization(Node):
    id: strawberry.ID = identity(immunization, "Immunization")
    status: str | None = immunization("FHIR ImmunizationStatus.")
    status_reason: CodeableConcept | None = immunization("Why it was not given.")
    vaccine_code: CodeableConcept | None = immunization("The vaccine.")
    occurrence_date_time: str | None = immunization("When it was given.")
    occurrence_string: str | None = immunization("When it was given, in words.", data=DataClass.NOTES)
    lot_number: str | None = immunization("The lot.")
    primary_source: bool | None = immunization("Whether it was recorded by who gave it.")


@strawberry.type(description="Something done to or for a patient.")
class Procedure(Node):
    id: strawberry.ID = identity(procedure, "Procedure")
    status: str | None = procedure("FHIR EventStatus.")
    category: CodeableConcept | None = procedure("What kind of procedure it is.")
    code: CodeableConcept | None = procedure("What was done.")
    performed_date_time: str | None = procedure("When it was done.")
    performed_period: Period | None = procedure("From when to when it was done.")
    reason_code: list[CodeableConcept] | None = procedure("Why it was done.")


@strawberry.type(description="What is intended for a patient's care.")
class CarePlan(Node):
    id: strawberry.ID = identity(plan, "CarePlan")
    status: str | None = plan("FHIR RequestStatus.")
    intent: str | None = plan("FHIR CarePlanIntent.")
    category: list[CodeableConcept] | None = plan("What kind of plan it is.")
    title: str | None = plan("What it is called.", data=DataClass.NOTES)
    description: str | None = plan("What it is about.", data=DataClass.NOTES)
    period: Period | None = plan("When it holds.")


@strawberry.type(description="A document in one form.")
class DocumentContent:
    attachment: Attachment | None = part("The document.")


@strawberry.type(description="A clinical note or other document.")
class DocumentReference(Node):
    id: strawberry.ID = identity(document, "DocumentReference")
    status: str | None = document("FHIR DocumentReferenceStatus.")
    doc_status: str | None = document("FHIR CompositionStatus.")
    type: CodeableConcept | None = document("What kind of document it is.")
    category: list[CodeableConcept] | None = document("The category, such as `clinical-note`.")
    date: str | None = document("When the reference was made.")
    description: str | None = document("The document in a sentence.")
    content: list[DocumentContent] | None = document("The document itself, in each of its forms.")
    encounters: list[Annotated[Encounter, strawberry.lazy("resolvers.encounter")] | None] | None = edge(
        encounters_by_id,
        "The encounters it belongs to.",
        data=DataClass.VISIT,
        needs="Encounter.r",
        key="encounter_ids",
        each=True,
        reads=["context"],
    )
