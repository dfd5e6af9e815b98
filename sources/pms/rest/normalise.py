"""Owns the PMS's records in the words of FHIR. Pure."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from sources.calling import Nonconforming
from sources.model import (
    Address,
    Appointment,
    Balance,
    Booked,
    CodeableConcept,
    Coding,
    ContactPoint,
    Coverage,
    Location,
    Money,
    Mrn,
    Period,
)
from sources.pms.clock import PracticeClock
from sources.pms.rest.wire import Status, WireAppointment, WireBalance, WireCoverage, WireLocation

STATUS: dict[Status, str] = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}
"""Each of the PMS's statuses as a FHIR AppointmentStatus (https://hl7.org/fhir/R4/valueset-appointmentstatus.html)."""


def statuses_of(codes: tuple[str, ...]) -> list[str]:
    """The PMS's statuses that are one of the FHIR *codes*."""
    return [status for status, code in STATUS.items() if code in codes]


def appointment(row: WireAppointment, clock: PracticeClock) -> Appointment:
    """*row* as a domain record.

    Raises:
        Nonconforming: one of its times is none.
    """
    try:
        start, end = clock.span(row.starts_at, row.duration_minutes)
        updated = clock.instant(row.updated_at)
    except ValueError:
        raise Nonconforming("appointment: a time is malformed") from None
    location, practitioner, reason = row.location, row.practitioner, row.reason
    # By place, in the order of the record: by keyword, so many attributes take ten times as long.
    return Appointment(
        str(row.id),
        Mrn(row.patient.mrn),
        STATUS[row.status],
        start,
        end,
        row.duration_minutes,
        _service(row.service_code, row.service_name),
        () if reason is None else (CodeableConcept(text=reason),),
        () if practitioner is None else _booked(practitioner.npi, practitioner.name),
        None if location is None else str(location.id),
        None if location is None else location.name,
        row.is_telehealth,
        row.video_url,
        row.visit_number,
        updated,
        str(row.version),
    )


@lru_cache(maxsize=4096)
def _service(code: str, name: str) -> tuple[CodeableConcept, ...]:
    """A practice has few services; every row of one shares the concept."""
    return (CodeableConcept(coding=(Coding(code=code, display=name),), text=name),)


@lru_cache(maxsize=4096)
def _booked(npi: str, name: str) -> tuple[Booked, ...]:
    """A practice has few practitioners, too."""
    return (Booked(npi=npi, display=name),)


def is_between(appointment: Appointment, start: str | None, end: str | None) -> bool:
    """Whether it begins at *start* or later, and before *end*; None does not bound."""
    if appointment.start is None:
        return False
    begins = datetime.fromisoformat(appointment.start)
    if start is not None and begins < datetime.fromisoformat(start):
        return False
    return end is None or begins < datetime.fromisoformat(end)


def location(row: WireLocation) -> Location:
    """*row* as a domain record."""
    return Location(
        id=str(row.id),
        status="active",
        name=row.name,
        mode="instance",
        type=(CodeableConcept(text="Video" if row.kind == "video" else "Site"),),
        telecom=() if row.phone is None else (ContactPoint(system="phone", value=row.phone, use="work"),),
        address=None
        if row.address is None
        else Address(
            line=(row.address.line,),
            city=row.address.city,
            state=row.address.state,
            postal_code=row.address.postal_code,
        ),
    )


def coverage(row: WireCoverage) -> Coverage:
    """*row* as a domain record; `inactive` is FHIR's `cancelled`."""
    return Coverage(
        id=str(row.id),
        patient_mrn=Mrn(row.patient_mrn),
        status="active" if row.status == "active" else "cancelled",
        payor=row.payer_name,
        plan=row.plan_name,
        subscriber_id=row.member_id,
        period=Period(
            start=None if row.starts_on is None else row.starts_on.isoformat(),
            end=None if row.ends_on is None else row.ends_on.isoformat(),
        ),
    )


def balance(row: WireBalance, clock: PracticeClock) -> Balance:
    """*row* as a domain record.

    Raises:
        Nonconforming: its time is none.
    """
    try:
        as_of = clock.instant(row.as_of)
    except ValueError:
        raise Nonconforming("balance.as_of: malformed") from None
    return Balance(
        patient_mrn=Mrn(row.patient_mrn),
        amount=Money(value=row.amount_due, currency=row.currency),
        as_of=as_of,
    )
