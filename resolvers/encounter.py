"""Encounters: the meetings of patients with those who care for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from policies import DataClass
from resolvers.clinical import Condition, DocumentReference, Observation
from resolvers.connection import Connection
from resolvers.datatypes import CodeableConcept, Coding, Identifier, Period
from resolvers.declare import Fields, edge
from resolvers.directory import Location, Organization, Practitioner
from resolvers.node import Node, identity
from resolvers.roads import (
    appointments_by_visit,
    conditions_by_id,
    documents_of_encounter,
    ehr_locations_by_id,
    observations_of_encounter,
    organizations_by_id,
    patients_by_id,
    practitioners_by_id,
)

if TYPE_CHECKING:
    from resolvers.appointment import Appointment
    from resolvers.patient import Patient

encounter = Fields(DataClass.VISIT, "Encounter.r")
part = Fields(DataClass.PART, "")


@strawberry.type(description="Someone who took part in an encounter, other than the patient.")
class EncounterParticipant:
    type: list[CodeableConcept] = part("In what role.")
    period: Period | None = part("From when to when.")
    display: str | None = part(
        "Who, in words: it may be a relative.", data=DataClass.IDENTITY, reads=["individual"]
    )
    practitioner: Practitioner | None = edge(
        practitioners_by_id,
        "Who, if a practitioner.",
        data=DataClass.DIRECTORY,
        needs="Practitioner.r",
        key="practitioner_id",
        reads=["individual"],
    )


@strawberry.type(description="A condition that mattered in an encounter.")
class EncounterDiagnosis:
    use: CodeableConcept | None = part("In what way it mattered.")
    rank: int | None = part("How much it mattered: 1 is the most.")
    condition: Condition | None = edge(
        conditions_by_id,
        "The condition.",
        data=DataClass.CLINICAL,
        needs="Condition.r",
        key="condition_id",
        reads=["condition"],
    )


@strawberry.type(description="A meeting of a patient with those who care for them.")
class Encounter(Node):
    id: strawberry.ID = identity(encounter, "Encounter")
    identifier: list[Identifier] | None = encounter("Identifiers, the visit number among them.")
    status: str | None = encounter("FHIR EncounterStatus.")
    class_: Coding | None = encounter("Ambulatory, virtual and so on.", graphql_name="class")
    type: list[CodeableConcept] | None = encounter("What kind of encounter it was.", data=DataClass.REASON)
    period: Period | None = encounter("From when to when.")
    reason_code: list[CodeableConcept] | None = encounter("Why it took place.", data=DataClass.REASON)
    participant: list[EncounterParticipant] | None = encounter("Who took part.")
    diagnosis: list[EncounterDiagnosis] | None = encounter(
        "The conditions that mattered.", data=DataClass.CLINICAL
    )
    patient: Annotated[Patient, strawberry.lazy("resolvers.patient")] | None = edge(
        patients_by_id,
        "Whose encounter it was.",
        data=DataClass.REFERENCE,
        needs="Encounter.r",
        key="patient_id",
    )
    location: Location | None = edge(
        ehr_locations_by_id,
        "Where it took place.",
        data=DataClass.VISIT,
        needs="Encounter.r",
        key="location_id",
        reads=["location"],
    )
    service_provider: Organization | None = edge(
        organizations_by_id,
        "The organization that was responsible for it.",
        data=DataClass.VISIT,
        needs="Encounter.r",
        key="organization_id",
        reads=["service_provider"],
    )
    appointment: Annotated[Appointment, strawberry.lazy("resolvers.appointment")] | None = edge(
        appointments_by_visit,
        "The booking it came from, in the practice management system.",
        data=DataClass.SCHEDULE,
        needs="Appointment.s",
        key="visit_number",
        reads=["identifier"],
    )
    documents: Connection[DocumentReference] | None = edge(
        documents_of_encounter,
        "Notes and other documents of it.",
        data=DataClass.NOTES,
        needs="DocumentReference.s",
        key="visit",
        reads=["patient_id"],
    )
    observations: Connection[Observation] | None = edge(
        observations_of_encounter,
        "What was measured and found in it.",
        data=DataClass.CLINICAL,
        needs="Observation.s",
        key="visit",
        reads=["patient_id"],
    )
