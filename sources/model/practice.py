"""The records a practice management system keeps: appointments, coverages and balances."""

from __future__ import annotations

from sources.model.datatypes import CodeableConcept, Money, Mrn, Period, Record


class Booked(Record, frozen=True, kw_only=True):
    """A practitioner an appointment is with: the NPI joins them to the EHR's Practitioner."""

    npi: str | None = None
    display: str | None = None


class Appointment(Record, frozen=True):
    """A booking; `status` is a FHIR AppointmentStatus code, `start` and `end` are instants with an offset."""

    id: str
    patient_mrn: Mrn
    status: str
    start: str | None = None
    end: str | None = None
    minutes_duration: int | None = None
    service_type: tuple[CodeableConcept, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    booked: tuple[Booked, ...] = ()
    location_id: str | None = None
    location_name: str | None = None
    is_telehealth: bool | None = None
    video_url: str | None = None
    visit_number: str | None = None
    last_updated: str | None = None
    version: str | None = None

    @property
    def npis(self) -> tuple[str, ...]:
        return tuple(booked.npi for booked in self.booked if booked.npi is not None)


class Coverage(Record, frozen=True, kw_only=True):
    """An insurance that may pay for a patient's care."""

    id: str
    patient_mrn: Mrn
    status: str
    payor: str | None = None
    plan: str | None = None
    subscriber_id: str | None = None
    period: Period | None = None


class Balance(Record, frozen=True, kw_only=True):
    """What a patient owes the practice; `as_of` is an instant."""

    patient_mrn: Mrn
    amount: Money
    as_of: str | None = None
