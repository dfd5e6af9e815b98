"""Patients: the anchor in the EHR, and the edges to all three systems."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.ages import age
from resolvers.appointment import Appointment
from resolvers.clinical import (
    AllergyIntolerance,
    CarePlan,
    Condition,
    DocumentReference,
    Immunization,
    MedicationRequest,
    Observation,
    Procedure,
)
from resolvers.connection import Connection
from resolvers.datatypes import Address, CodeableConcept, ContactPoint, HumanName, Identifier
from resolvers.declare import Fields, edge
from resolvers.directory import Practitioner
from resolvers.encounter import Encounter
from resolvers.engagement import Engagement
from resolvers.node import Node
from resolvers.practice import Balance, Coverage
from resolvers.roads import (
    appointments_of_patient,
    balance_of_patient,
    coverages_of_patient,
    engagement_of_patient,
    listing,
    observations_of_patient,
    practitioners_by_id,
)
from sources import model

patient = Fields(DataClass.DEMOGRAPHICS, "Patient.r")


@strawberry.type(
    description="A person in care. The EHR's record is the anchor; the edges lead to all systems."
)
class Patient(Node):
    id: strawberry.ID = Fields(DataClass.REFERENCE, "Patient.r or __engagement.read")(
        "The global id.", name="id", convert=lambda logical: f"Patient/{logical}"
    )
    active: bool | None = patient("Whether the record is in use.")
    identifier: list[Identifier] | None = patient("Business identifiers.", data=DataClass.IDENTITY)
    mrn: str | None = patient("The medical record number.", data=DataClass.IDENTITY, reads=["mrn"])
    name: list[HumanName] | None = patient("Names.", data=DataClass.IDENTITY)
    telecom: list[ContactPoint] | None = patient("How to reach the person.", data=DataClass.CONTACT)
    address: list[Address] | None = patient("Where the person lives.", data=DataClass.CONTACT)
    gender: str | None = patient("FHIR AdministrativeGender.")
    birth_date: str | None = patient("When the person was born: a FHIR date.")
    age: str | None = patient(
        "The age today (UTC), in whole years; of the dead, the age they would have.",
        name="birth_date",
        convert=age,
    )
    deceased: bool | None = patient("Whether the person has died.")
    deceased_date_time: str | None = patient("When the person died.")
    postal_code: str | None = patient(
        "The postal code of the address in use, the home's before others.", reads=["address"]
    )
    marital_status: CodeableConcept | None = patient("Marital status.")
    last_updated: str | None = patient(
        "When the record last changed.", data=DataClass.REFERENCE, reads=["last_updated"]
    )
    general_practitioner: list[Practitioner | None] | None = edge(
        practitioners_by_id,
        "Who usually looks after the person.",
        data=DataClass.SCHEDULE,
        needs="Patient.r",
        key="general_practitioner_ids",
        each=True,
        reads=["general_practitioner"],
    )
    appointments: Connection[Appointment] | None = edge(
        appointments_of_patient,
        "Bookings, by start, from the practice management system.",
        data=DataClass.SCHEDULE,
        needs="Appointment.s",
        key="charts",
        reads=["mrn"],
    )
    encounters: Connection[Encounter] | None = edge(
        listing(model.Encounter),
        "Encounters, from the EHR.",
        data=DataClass.VISIT,
        needs="Encounter.s",
        key="patient_id",
    )
    conditions: Connection[Condition] | None = edge(
        listing(model.Condition),
        "Problems and diagnoses, from the EHR.",
        data=DataClass.CLINICAL,
        needs="Condition.s",
        key="patient_id",
    )
    observations: Connection[Observation] | None = edge(
        observations_of_patient,
        "Measurements and findings, from the EHR.",
        data=DataClass.CLINICAL,
        needs="Observation.s",
        key="patient_id",
    )
    medications: Connection[MedicationRequest] | None = edge(
        listing(model.MedicationRequest),
        "Orders for medications, from the EHR.",
        data=DataClass.CLINICAL,
        needs="MedicationRequest.s",
        key="patient_id",
    )
    allergies: Connection[AllergyIntolerance] | None = edge(
        listing(model.AllergyIntolerance),
        "Allergies and intolerances, from the EHR.",
        data=DataClass.CLINICAL,
        needs="AllergyIntolerance.s",
        key="patient_id",
    )
    immunizations: Connection[Immunization] | None = edge(
        listing(model.Immunization),
        "Vaccines given or refused, from the EHR.",
        data=DataClass.CLINICAL,
        needs="Immunization.s",
        key="patient_id",
    )
    procedures: Connection[Procedure] | None = edge(
        listing(model.Procedure),
        "What was done, from the EHR.",
        data=DataClass.CLINICAL,
        needs="Procedure.s",
        key="patient_id",
    )
    care_plans: Connection[CarePlan] | None = edge(
        listing(model.CarePlan),
        "What is intended, from the EHR.",
        data=DataClass.CLINICAL,
        needs="CarePlan.s",
        key="patient_id",
    )
    documents: Connection[DocumentReference] | None = edge(
        listing(model.DocumentReference),
        "Notes and other documents, from the EHR.",
        data=DataClass.NOTES,
        needs="DocumentReference.s",
        key="patient_id",
    )
    coverage: list[Coverage] | None = edge(
        coverages_of_patient,
        "Insurance, from the practice management system.",
        data=DataClass.FINANCIAL,
        needs="Coverage.s",
        key="charts",
        reads=["mrn"],
    )
    balance: Balance | None = edge(
        balance_of_patient,
        "What the person owes, from the practice management system.",
        data=DataClass.FINANCIAL,
        needs="Account.r",
        key="charts",
        reads=["mrn"],
    )
    engagement: Engagement | None = edge(
        engagement_of_patient,
        "The relationship with the practice, from the CRM.",
        data=DataClass.ENGAGEMENT,
        needs="__engagement.read",
        key="patient_id",
    )
