"""The PMS ports over the rig's PMS, which knows patients by their plain id and times as instants.

It answers one question only: which appointments these patients have. Every other is refused.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, Generic, Literal, NoReturn, TypeVar

from msgspec import Meta, Struct, field

from benchmarks.peer.crosswalk import Crosswalk
from sources.calling import Nonconforming, Reply, RowReader, Unasked, Upstream, in_chunks, many_each
from sources.errors import SourceError, SourceRejected
from sources.model import (
    Appointment,
    Balance,
    Booked,
    CodeableConcept,
    Coding,
    Coverage,
    Location,
    Mrn,
    PatientId,
)
from sources.ports import AppointmentQuery, Checked, Found, Health, Listed, Page, Wanted

T = TypeVar("T")

_IDS_PER_CALL = 500
_EVERYTHING = AppointmentQuery()

Instant = Annotated[str, Meta(min_length=20, max_length=32)]
"""That it is one shows when the row is put in its place."""

Status = Literal["booked", "confirmed", "arrived", "cancelled"]


class Booking(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One appointment as it comes."""

    id: str = field(name="appointment_id")
    patient_id: PatientId
    status: Status
    service_code: str
    service_name: str
    starts_at: Instant
    ends_at: Instant
    duration_min: Annotated[int, Meta(ge=0, le=7 * 24 * 60)]
    practitioner_id: str
    practitioner_name: str
    location_id: str
    location_name: str
    room: str
    is_telehealth: bool
    reminder_sent: bool
    created_at: Instant
    updated_at: Instant


class BookingIdentity(Struct, frozen=True, gc=False):
    """What tells whose an appointment is, when the rest of it cannot be read."""

    patient_id: PatientId


class Bookings(Struct, Generic[T], frozen=True, gc=False, forbid_unknown_fields=True):
    """The answer."""

    appointments: tuple[T, ...]


_BOOKINGS = RowReader(Bookings, "appointments", Booking, BookingIdentity, "appointments", "appointment")


class RigPms:
    """The rig's PMS as `sources.ports.Appointments` and `Billing`."""

    def __init__(self, name: str, upstream: Upstream, crosswalk: Crosswalk) -> None:
        self.name = name
        self.kind = "pms"
        self._upstream = upstream
        self._crosswalk = crosswalk

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        """Ask for the appointments of the rig's first patient, as cheap a question as there is."""
        await self._upstream.send("GET", "v1/appointments", query=[("patient_ids", "pat-00000001")])
        return Checked(True)

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]:
        if query != _EVERYTHING:
            self._refuse()
        mrn_of = {id_: mrn for mrn in mrns if (id_ := self._crosswalk.by_mrn(mrn)) is not None}

        async def ask(chunk: Sequence[PatientId]) -> Found[PatientId, Listed[Appointment]]:
            reply = await self._upstream.send(
                "GET", "v1/appointments", query=[("patient_ids", ",".join(chunk))]
            )
            return self._found(reply, {id_: mrn_of[id_] for id_ in chunk})

        found = await in_chunks(list(mrn_of), _IDS_PER_CALL, ask)
        return {mrn_of[id_]: listed for id_, listed in found.items()}

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]:
        self._refuse()

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]:
        self._refuse()

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        self._refuse()

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        self._refuse()

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        self._refuse()

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        self._refuse()

    def _dropped(self, rows: int) -> None:
        self._upstream.foreign("appointment", rows)

    def _found(
        self, reply: Reply, mrn_of: dict[PatientId, Mrn]
    ) -> dict[PatientId, Listed[Appointment] | SourceError]:
        """Each patient's appointments, ordered by start as the port promises; they come in no order."""
        try:
            read = _BOOKINGS.read(reply.body)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        unread = [(bad.identity.patient_id, bad.why) for bad in read.unread]
        placed: list[tuple[datetime, Booking]] = []
        for row in read.rows:
            try:
                placed.append((begins(row), row))
            except ValueError:
                unread.append((row.patient_id, "appointment: a time is no instant"))
        for _, why in unread:
            self._upstream.misread(why)
        placed.sort(key=itemgetter(0))
        try:
            lists = many_each(
                self.name, [(row.patient_id, row) for _, row in placed], unread, mrn_of, self._dropped
            )
        except Unasked:
            raise self._upstream.misread("appointments: most rows are not what was asked for") from None
        return {
            id_: mine
            if isinstance(mine, SourceError)
            else Listed(tuple(appointment(row, mrn_of[id_]) for row in mine))
            for id_, mine in lists.items()
        }

    def _refuse(self) -> NoReturn:
        raise SourceRejected(self.name, "this PMS only tells which appointments a patient has")


def begins(row: Booking) -> datetime:
    """When it starts.

    Raises:
        ValueError: one of its times is no instant.
    """
    start, *others = map(datetime.fromisoformat, (row.starts_at, row.ends_at, row.updated_at))
    if start.tzinfo is None or any(other.tzinfo is None for other in others):
        raise ValueError
    return start


def appointment(row: Booking, mrn: Mrn) -> Appointment:
    """*row* as a domain record. A confirmed booking is `booked` in FHIR's words."""
    return Appointment(
        id=row.id,
        patient_mrn=mrn,
        status="booked" if row.status == "confirmed" else row.status,
        start=row.starts_at,
        end=row.ends_at,
        minutes_duration=row.duration_min,
        service_type=_service(row.service_code, row.service_name),
        booked=_booked(row.practitioner_name),
        location_id=row.location_id,
        location_name=row.location_name,
        is_telehealth=row.is_telehealth,
        last_updated=row.updated_at,
    )


@lru_cache(maxsize=4096)
def _service(code: str, name: str) -> tuple[CodeableConcept, ...]:
    return (CodeableConcept(coding=(Coding(code=code, display=name),), text=name),)


@lru_cache(maxsize=4096)
def _booked(name: str) -> tuple[Booked, ...]:
    return (Booked(display=name),)
