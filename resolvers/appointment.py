"""Appointments: the practice management system's bookings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from policies import DataClass
from resolvers.datatypes import CodeableConcept
from resolvers.declare import Fields, edge
from resolvers.directory import Location, Practitioner
from resolvers.encounter import Encounter
from resolvers.node import Node, identity
from resolvers.roads import (
    encounters_by_visit,
    patients_by_mrn,
    pms_locations_by_id,
    practitioners_by_npi,
)

if TYPE_CHECKING:
    from resolvers.patient import Patient

appointment = Fields(DataClass.SCHEDULE, "Appointment.r")


@strawberry.type(description="A booking in the practice management system.")
class Appointment(Node):
    id: strawberry.ID = identity(appointment, "Appointment")
    status: str | None = appointment("FHIR AppointmentStatus.")
    start: str | None = appointment("When it starts: an instant.")
    end: str | None = appointment("When it ends: an instant.")
    minutes_duration: int | None = appointment("How long it takes, in minutes.")
    service_type: list[CodeableConcept] | None = appointment("What is to be done.", data=DataClass.REASON)
    reason_code: list[CodeableConcept] | None = appointment("Why it was booked.", data=DataClass.REASON)
    is_telehealth: bool | None = appointment("Whether it is held by video.")
    video_url: str | None = appointment("Where to join it: whoever has the link may.", data=DataClass.JOINING)
    location_name: str | None = appointment("Where it is held, in words.")
    last_updated: str | None = appointment("When the booking last changed: an instant.")
    patient: Annotated[Patient, strawberry.lazy("resolvers.patient")] | None = edge(
        patients_by_mrn,
        "Whose appointment it is.",
        data=DataClass.REFERENCE,
        needs="Appointment.r",
        key="patient_mrn",
    )
    practitioners: list[Practitioner | None] | None = edge(
        practitioners_by_npi,
        "With whom it is, as the EHR knows them.",
        data=DataClass.SCHEDULE,
        needs="Appointment.r",
        key="npis",
        each=True,
        reads=["booked"],
    )
    location: Location | None = edge(
        pms_locations_by_id,
        "Where it is held.",
        data=DataClass.SCHEDULE,
        needs="Appointment.r",
        key="location_id",
    )
    encounter: Encounter | None = edge(
        encounters_by_visit,
        "The encounter that came of it, in the EHR.",
        data=DataClass.VISIT,
        needs="Encounter.s",
        key="visit_number",
    )
