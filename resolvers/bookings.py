"""The roads to what the PMS books: appointments, and the places they are at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar

import msgspec

from resolvers.admitting import confined_to, nothing
from resolvers.batching import Loader
from resolvers.charts import charted, starts
from resolvers.connection import Rows, size
from resolvers.gate import Gate
from resolvers.records import Records
from resolvers.request import READ, SEARCH, Request, had
from sources.errors import SourceError
from sources.model import Appointment, Charts, Location, Mrn, PatientId
from sources.ports import AppointmentQuery, Found, Listed, Page, Wanted

K = TypeVar("K", bound=Hashable)


class Bookings:
    """The appointment book, for one request. Whose a booking is, the records tell."""

    def __init__(self, request: Request, records: Records) -> None:
        self._request = request
        self._records = records
        self._book = request.house.sources.book

    def appointments(self) -> Loader[str, Appointment]:
        """Appointments by the PMS's ids."""
        book = self._book
        return self._request.loader(("appointments",), lambda ids: self._booked(READ, book.appointments, ids))

    def appointments_by_visit(self) -> Loader[str, Appointment]:
        """Appointments by visit number."""
        book = self._book
        return self._request.loader(
            ("visits",), lambda visits: self._booked(SEARCH, book.appointments_by_visit, visits)
        )

    def appointments_of(self, query: AppointmentQuery) -> Loader[Charts, Listed[Appointment]]:
        """Patients' appointments, narrowed. The key is the charts of one patient whom the actor may know."""

        async def ask(mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Appointment]]:
            return await self._book.appointments_of(mrns, query, wanted)

        return self._request.loader(
            ("appointments_of", query), lambda keys: charted(self._request, "Appointment", ask, keys, starts)
        )

    async def search_appointments(
        self,
        query: AppointmentQuery,
        first: int,
        after: str | None,
        practitioner: str | None = None,
        patient: str | None = None,
    ) -> Rows[Appointment]:
        """One page of the appointments that match and that the actor may know of.

        *practitioner* and *patient* are ids of the EHR: the PMS is asked by what it knows them by.
        """
        gate = self._request.gate("Appointment", SEARCH)
        if gate.admits_nothing:
            return nothing()
        confined = confined_to(gate.rule)
        if confined is not None and patient not in (None, confined):
            return nothing()
        whose = confined if confined is not None else patient
        if whose is not None:
            query = msgspec.structs.replace(query, mrns=await self._records.mrns(PatientId(whose)))
        if practitioner is not None:
            query = msgspec.structs.replace(query, npis=await self._records.npis(practitioner))
        if (whose is not None and not query.mrns) or (practitioner is not None and not query.npis):
            return nothing()

        async def page(count: int, bookmark: str | None) -> Page[Appointment]:
            return await self._book.search_appointments(query, count, bookmark, gate.wanted)

        async def admit(rows: Sequence[Appointment]) -> Sequence[bool]:
            kept = had(await self._admitted_bookings(gate, dict(enumerate(rows))))
            return [index in kept for index in range(len(rows))]

        searching = self._request.search(
            f"appointments:{query!r}", gate, page, admit, of_someone=whose is not None
        )
        found = await searching.rows(size(first), after)
        self._request.touched.charts.update(row.patient_mrn for row in found.nodes)
        return found

    def locations(self) -> Loader[str, Location]:
        """The PMS's locations by their ids."""
        book = self._book

        async def fetch(ids: Sequence[str]) -> Found[str, Location]:
            gate = self._request.gate("Location", READ)
            if gate.admits_nothing:
                return {}
            return await gate.found(await book.locations(ids, gate.wanted), lambda *_: None)

        return self._request.loader(("locations",), fetch)

    async def _booked(
        self,
        letter: str,
        ask: Callable[[Sequence[K], Wanted], Awaitable[Found[K, Appointment]]],
        keys: Sequence[K],
    ) -> Found[K, Appointment]:
        gate = self._request.gate("Appointment", letter)
        if gate.admits_nothing:
            return {}
        kept = await self._admitted_bookings(gate, await ask(keys, gate.wanted))
        self._request.touched.charts.update(
            row.patient_mrn for row in kept.values() if not isinstance(row, SourceError)
        )
        return kept

    async def _admitted_bookings(self, gate: Gate, found: Found[K, Appointment]) -> Found[K, Appointment]:
        """Those the actor may know of. A booking names its patient by MRN: whose it is, the EHR tells."""
        mrns = {row.patient_mrn for row in found.values() if not isinstance(row, SourceError)}
        owners = await self._records.owners(mrns) if gate.needs_owner else {}
        return await gate.found(found, lambda _, row: owners.get(row.patient_mrn))
