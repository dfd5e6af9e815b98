"""Owns the PMS's records as they come: every field known by name and type, any other refused."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")

LOCAL = Annotated[str, Meta(min_length=19, max_length=26)]
"""A naive local time; that it is one shows when it is made an instant."""

AMOUNT = Annotated[str, Meta(pattern=r"\A-?[0-9]{1,12}(?:\.[0-9]{1,4})?\Z")]
CURRENCY = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
MINUTES = Annotated[int, Meta(ge=0, le=7 * 24 * 60)]

Status = Literal[
    "scheduled", "confirmed", "arrived", "checked_in", "in_session", "completed", "cancelled", "no_show"
]


class Row(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What all records share: strict, and trees of immutable parts."""


class Practice(Row, frozen=True, gc=False):
    """The practice itself; `time_zone` is an IANA name."""

    name: str
    time_zone: str


class Who(Row, frozen=True, gc=False):
    """The patient of an appointment."""

    id: int
    mrn: str


class Provider(Row, frozen=True, gc=False):
    """The practitioner of an appointment."""

    id: int
    npi: str
    name: str


class Place(Row, frozen=True, gc=False):
    """The location of an appointment."""

    id: int
    name: str


class WireAppointment(Row, frozen=True, gc=False):
    """One appointment."""

    id: int
    patient: Who
    practitioner: Provider | None
    location: Place | None
    status: Status
    service_code: str
    service_name: str
    reason: str | None
    starts_at: LOCAL
    duration_minutes: MINUTES
    is_telehealth: bool
    video_url: str | None
    visit_number: str | None
    created_at: LOCAL
    updated_at: LOCAL
    version: int


class WireAddress(Row, frozen=True, gc=False):
    """Where a location is."""

    line: str
    city: str
    state: str
    postal_code: str


class WireLocation(Row, frozen=True, gc=False):
    """A place appointments are at, or the video line."""

    id: int
    name: str
    kind: Literal["video", "site"]
    address: WireAddress | None
    phone: str | None


class WireCoverage(Row, frozen=True, gc=False):
    """An insurance of a patient."""

    id: int | str
    patient_mrn: str
    payer_name: str
    plan_name: str | None
    member_id: str | None
    status: Literal["active", "inactive"]
    starts_on: date | None
    ends_on: date | None


class WireBalance(Row, frozen=True, gc=False):
    """What a patient owes."""

    patient_mrn: str
    amount_due: AMOUNT
    currency: CURRENCY
    as_of: LOCAL


class Appointments(Row, Generic[T], frozen=True, gc=False):
    """One page of appointments."""

    appointments: tuple[T, ...]
    next_cursor: str | None


class Locations(Row, Generic[T], frozen=True, gc=False):
    """The locations that were asked for."""

    locations: tuple[T, ...]


class Coverages(Row, Generic[T], frozen=True, gc=False):
    """The coverages of the patients that were asked for."""

    coverages: tuple[T, ...]


class Balances(Row, Generic[T], frozen=True, gc=False):
    """The balances of the patients that were asked for."""

    balances: tuple[T, ...]


class Patientlike(Struct, frozen=True, gc=False):
    """What tells whose an appointment is, when the rest of it cannot be read: the patient's part."""

    mrn: str | None = None


class AppointmentIdentity(Struct, frozen=True, gc=False):
    """What tells whose an appointment is, when the rest of it cannot be read."""

    id: int
    patient: Patientlike = Patientlike()
    visit_number: str | None = None


class LocationIdentity(Struct, frozen=True, gc=False):
    """The same for a location."""

    id: int


class OfPatientIdentity(Struct, frozen=True, gc=False):
    """The same for a coverage or a balance."""

    patient_mrn: str
