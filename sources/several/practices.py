"""Owns the PMS ports over any number of practice management systems."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from sources.errors import SourceError, SourceMisread, SourceRejected
from sources.model import Appointment, Balance, Coverage, Location, Mrn
from sources.naming import Ambiguous, Naming
from sources.ports import (
    AppointmentQuery,
    Appointments,
    Billing,
    Checked,
    Found,
    Health,
    Listed,
    Page,
    Wanted,
)
from sources.several import renaming
from sources.several.fanning import by_source, each

V = TypeVar("V")

_LAST = datetime.max.replace(tzinfo=UTC)


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """How far a search has read in one practice: the bookmark of a page, and how many of its rows were given.

    `page` is None on the first page; a practice that has no more has no place.
    """

    page: str | None = None
    given: int = 0


_PLACES = msgspec.json.Decoder(dict[str, _Place])


class SeveralPractices:
    """Practices as one `sources.ports.Appointments` and `Billing`. *billing* are those that tell of money."""

    kind = "pms"

    def __init__(
        self, books: Mapping[str, Appointments], billing: Mapping[str, Billing], naming: Naming
    ) -> None:
        self.name = "+".join(books)
        self._books = dict(books)
        self._billing = dict(billing)
        self._naming = naming

    def health(self) -> Health:
        """Up while one of them is; each has a health of its own."""
        every = [one.health() for one in self._books.values()]
        since = max((health.since for health in every), default="")
        return Health(self.name, self.kind, any(health.up for health in every), since)

    async def check(self) -> Checked:
        found = [await one.check() for one in self._books.values()]
        return Checked(all(one.ok for one in found), tuple(line for one in found for line in one.said))

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]:
        return await by_source(
            self._naming,
            ids,
            lambda pms, mine: self._books[pms].appointments(mine, wanted),
            self._appointment,
        )

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]:
        async def ask(pms: str, mine: Sequence[str]) -> Found[str, Listed[Appointment]]:
            found = await self._books[pms].appointments_of([Mrn(mrn) for mrn in mine], query, wanted)
            return {str(mrn): listed for mrn, listed in found.items()}

        return await by_source(self._naming, mrns, ask, self._listed(self._appointment))

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]:
        return await by_source(
            self._naming,
            visit_numbers,
            lambda pms, mine: self._books[pms].appointments_by_visit(mine, wanted),
            self._appointment,
        )

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        def named(pms: str, row: Location) -> Location:
            return self._named(pms, row, renaming.location)

        return await by_source(
            self._naming, ids, lambda pms, mine: self._books[pms].locations(mine, wanted), named
        )

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        async def ask(pms: str, mine: Sequence[str]) -> Found[str, Listed[Coverage]]:
            found = await self._bills(pms).coverages_of([Mrn(mrn) for mrn in mine], wanted)
            return {str(mrn): listed for mrn, listed in found.items()}

        def named(pms: str, row: Coverage) -> Coverage:
            return self._named(pms, row, renaming.coverage)

        return await by_source(self._naming, mrns, ask, self._listed(named))

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        async def ask(pms: str, mine: Sequence[str]) -> Found[str, Balance]:
            found = await self._bills(pms).balances([Mrn(mrn) for mrn in mine], wanted)
            return {str(mrn): balance for mrn, balance in found.items()}

        def named(pms: str, row: Balance) -> Balance:
            return msgspec.structs.replace(row, patient_mrn=Mrn(self._naming.given(pms, row.patient_mrn)))

        return await by_source(self._naming, mrns, ask, named)

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        """The practices' books as one, by start.

        A practice that fails is told in `missing` and asked again for the next page: what it then gives may
        start before what was given already.
        """
        queries = self._queries(query)
        places = self._places(bookmark) if bookmark is not None else {pms: _Place() for pms in queries}
        asked = {pms: place for pms, place in places.items() if pms in queries}
        answers = await each(
            {
                pms: self._books[pms].search_appointments(queries[pms], count, place.page, wanted)
                for pms, place in asked.items()
            }
        )
        pages = {pms: page for pms, page in answers.items() if not isinstance(page, SourceError)}
        missing = tuple(page for page in answers.values() if isinstance(page, SourceError))
        if missing and not pages:
            raise missing[0]
        rows, left = self._merged(pages, asked, count)
        left |= {pms: place for pms, place in asked.items() if pms not in pages}
        following = msgspec.json.encode(left).decode() if left and (rows or pages) else None
        return Page(
            rows, following, (*missing, *(error for page in pages.values() for error in page.missing))
        )

    def _merged(
        self, pages: Mapping[str, Page[Appointment]], places: Mapping[str, _Place], count: int
    ) -> tuple[tuple[Appointment, ...], dict[str, _Place]]:
        """The first rows of all pages by start, *count* at most, and where each practice's book goes on.

        Where a page is read to its end and has another behind it, what comes next is not known yet.
        """
        rest = {pms: page.rows[places[pms].given :] for pms, page in pages.items()}
        left_of = {pms: len(rows) for pms, rows in rest.items()}
        taken: list[tuple[str, Appointment]] = []
        for pms, row in heapq.merge(
            *([(pms, row) for row in rows] for pms, rows in rest.items()), key=_start
        ):
            if len(taken) == count or any(not left_of[one] and pages[one].next is not None for one in pages):
                break
            left_of[pms] -= 1
            taken.append((pms, row))
        left: dict[str, _Place] = {}
        for pms, page in pages.items():
            given = places[pms].given + sum(1 for one, _ in taken if one == pms)
            if given < len(page.rows):
                left[pms] = _Place(places[pms].page, given)
            elif page.next is not None:
                left[pms] = _Place(page.next)
        return tuple(self._appointment(pms, row) for pms, row in taken), left

    def _queries(self, query: AppointmentQuery) -> dict[str, AppointmentQuery]:
        """The query of each practice; where it names patients, of those who have a chart there alone."""
        if not query.mrns:
            return dict.fromkeys(self._books, query)
        mine: dict[str, list[Mrn]] = {}
        for mrn in query.mrns:
            if (local := self._naming.local(mrn)) is not None:
                mine.setdefault(local[0], []).append(Mrn(local[1]))
        return {pms: msgspec.structs.replace(query, mrns=tuple(mrns)) for pms, mrns in mine.items()}

    def _places(self, bookmark: str) -> dict[str, _Place]:
        try:
            places = _PLACES.decode(bookmark)
        except (msgspec.DecodeError, ValueError):
            places = {}
        if not places or not places.keys() <= self._books.keys():
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self.name, why)
        return places

    def _bills(self, pms: str) -> Billing:
        billing = self._billing.get(pms)
        if billing is None:
            raise SourceRejected(pms, "it tells nothing of money; leave those fields out")
        return billing

    def _appointment(self, pms: str, row: Appointment) -> Appointment:
        return self._named(pms, row, renaming.appointment)

    def _listed(self, named: Callable[[str, V], V]) -> Callable[[str, Listed[V]], Listed[V]]:
        def listed(pms: str, given: Listed[V]) -> Listed[V]:
            return Listed(tuple(named(pms, row) for row in given.rows), given.complete, given.missing)

        return listed

    def _named(self, pms: str, row: V, rename: Callable[[V, Naming, str], V]) -> V:
        try:
            return rename(row, self._naming, pms)
        except Ambiguous:
            raise SourceMisread(pms, "an id begins with the name of another source") from None


def _start(one: tuple[str, Any]) -> datetime:
    start = one[1].start
    return datetime.fromisoformat(start) if start is not None else _LAST
