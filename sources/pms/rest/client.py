"""Owns the PMS's paths, and what is read from each: rows in our words, and rows that could not be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from sources.calling import Nonconforming, Reader, RowReader, Unread, Upstream
from sources.model import Appointment, Balance, Coverage, Location
from sources.pms.clock import PracticeClock
from sources.pms.rest import normalise
from sources.pms.rest.settings import PmsSettings
from sources.pms.rest.wire import (
    AppointmentIdentity,
    Appointments,
    Balances,
    Coverages,
    LocationIdentity,
    Locations,
    OfPatientIdentity,
    Patientlike,
    Practice,
    WireAppointment,
    WireBalance,
    WireCoverage,
    WireLocation,
)

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 (an identity)
W = TypeVar("W")

_APPOINTMENTS = RowReader(
    Appointments, "appointments", WireAppointment, AppointmentIdentity, "appointments", "appointment"
)
_LOCATIONS = RowReader(Locations, "locations", WireLocation, LocationIdentity, "locations", "location")
_COVERAGES = RowReader(Coverages, "coverages", WireCoverage, OfPatientIdentity, "coverages", "coverage")
_PRACTICE: Reader[Practice] = Reader(Practice, "practice")
_BALANCES = RowReader(Balances, "balances", WireBalance, OfPatientIdentity, "balances", "balance")


class Results(NamedTuple, Generic[T, I]):
    """What a search gave; `next` is the cursor of the page after it."""

    rows: list[T]
    unread: list[Unread[I]]
    next: str | None = None


class PmsClient:
    """Asks one practice's REST API; every answer is read strictly."""

    def __init__(self, settings: PmsSettings, upstream: Upstream, clock: PracticeClock) -> None:
        self._settings = settings
        self._upstream = upstream
        self._clock = clock
        self._appointment = partial(normalise.appointment, clock=clock)

    async def search(self, body: dict[str, Any]) -> Results[Appointment, AppointmentIdentity]:
        """Every appointment that matches, following the cursor to the end or the limit, by one deadline."""
        deadline = self._upstream.deadline()
        body = {"limit": self._settings.page_size, **body}
        results = await self.page(body, deadline)
        rows, unread = results.rows, results.unread
        pages, seen = 1, {results.next}
        while results.next is not None and pages < self._settings.page_limit:
            results = await self.page({**body, "cursor": results.next}, deadline)
            if results.next is not None and results.next in seen:
                raise self._upstream.misread("appointments.next_cursor: the pages go round in a circle")
            seen.add(results.next)
            pages += 1
            rows += results.rows
            unread += results.unread
        if results.next is not None:
            self._upstream.cut()
        return Results(
            list({row.id: row for row in rows}.values()) if pages > 1 else rows, unread, results.next
        )

    async def page(
        self, body: dict[str, Any], deadline: float | None = None
    ) -> Results[Appointment, AppointmentIdentity]:
        """One page of appointments."""
        reply = await self._upstream.send("POST", "v1/appointments/search", json=body, deadline=deadline)
        return self._read(
            _APPOINTMENTS,
            reply.body,
            self._appointment,
            lambda row: AppointmentIdentity(row.id, Patientlike(row.patient.mrn), row.visit_number),
        )

    async def locations(self, ids: Sequence[int]) -> Results[Location, LocationIdentity]:
        """The locations of those ids."""
        reply = await self._upstream.send("POST", "v1/locations/search", json={"ids": list(ids)})
        return self._read(_LOCATIONS, reply.body, normalise.location, lambda row: LocationIdentity(row.id))

    async def coverages(self, mrns: Sequence[str]) -> Results[Coverage, OfPatientIdentity]:
        """The coverages of those patients."""
        reply = await self._upstream.send("POST", "v1/coverages/search", json={"patient_mrns": list(mrns)})
        return self._read(_COVERAGES, reply.body, normalise.coverage, _of_patient)

    async def balances(self, mrns: Sequence[str]) -> Results[Balance, OfPatientIdentity]:
        """The balances of those patients."""
        reply = await self._upstream.send("POST", "v1/balances/search", json={"patient_mrns": list(mrns)})
        return self._read(_BALANCES, reply.body, lambda row: normalise.balance(row, self._clock), _of_patient)

    async def practice(self) -> Practice:
        """What the practice says of itself.

        Raises:
            SourceError: it does not answer, or is no practice.
        """
        reply = await self._upstream.send("GET", "v1/practice")
        try:
            return _PRACTICE.read(reply.body)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None

    def _read(
        self,
        reader: RowReader[W, I],
        body: bytes | memoryview,
        ours: Callable[[W], T],
        identity: Callable[[W], I],
    ) -> Results[T, I]:
        try:
            read = reader.read(body, self._upstream.allowed.fields)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        rows: list[T] = []
        unread = read.unread
        for row in read.rows:
            try:
                rows.append(ours(row))
            except Nonconforming as fault:
                unread.append(Unread(str(fault), identity(row)))
        for bad in unread:
            self._upstream.misread(bad.why, _id_of(bad.identity))
        self._upstream.took(len(rows))
        return Results(rows, unread, getattr(read.envelope, "next_cursor", None))


def _id_of(identity: object) -> str | None:
    """The record's id in the PMS, where rows of its kind have one."""
    id_ = getattr(identity, "id", None)
    return None if id_ is None else str(id_)


def _of_patient(row: WireCoverage | WireBalance) -> OfPatientIdentity:
    return OfPatientIdentity(row.patient_mrn)
