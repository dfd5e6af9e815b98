"""Reads what outcomes are counted from: all bookings of a quarter, less those that may not count.

Nothing of a patient leaves this module but in a count. A part of the bookings is never counted for the whole:
where a row, a page, an owner or a consent cannot be had, the outcome fails with that error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from itertools import islice
from typing import TypeVar

from policies.cohort import counted
from resolvers.batching import Loader
from resolvers.cohort import FOLLOW_UP, Booking, Outcome, Quarter, outcome
from resolvers.faults import TooMuch
from resolvers.gate import Gate, Owner
from resolvers.request import Request
from sources.errors import SourceError
from sources.model import Appointment, Mrn, Patient, PatientId
from sources.ports import AppointmentQuery, Wanted

MOST_BOOKINGS = 20_000
"""How many bookings are counted for one quarter and the days after it; where there are more, none are."""

MOST_QUARTERS = 4
"""How many quarters one operation may ask for."""

PAGE = 500

_OF_BOOKING = frozenset({"patient_mrn", "status", "start"})
_OF_PATIENT = frozenset({"mrn"})

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Counting:
    """What is counted over all patients, for one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ehr = request.house.sources.ehr
        self._book = request.house.sources.book
        self._are_kept = request.house.consents.are_kept

    def outcomes(self) -> Loader[Quarter, Outcome]:
        """What came of closed quarters.

        Raises, when loaded:
            TooMuch: there are too many quarters, or one has too many bookings.
            SourceError: what is counted could not be had, all of it.
        """

        async def fetch(quarters: Sequence[Quarter]) -> dict[Quarter, Outcome | SourceError]:
            if len(quarters) > MOST_QUARTERS:
                raise TooMuch(f"at most {MOST_QUARTERS} quarters may be asked for in one operation")
            return {quarter: outcome(quarter, await self._bookings(quarter)) for quarter in quarters}

        return self._request.loader(("outcomes",), fetch)

    async def _bookings(self, quarter: Quarter) -> list[Booking]:
        gates = self._gates("Appointment", _OF_BOOKING)
        rows = await self._rows(quarter, _wanted(gates))
        owners = await self._owners({row.patient_mrn for row in rows.values()})
        kept = await _passed(gates, rows, lambda row: owners.get(row.patient_mrn))
        return [
            Booking.of(owners[row.patient_mrn], row.status, row.start)
            for row in kept.values()
            if row.start is not None and row.patient_mrn in owners
        ]

    async def _rows(self, quarter: Quarter, wanted: Wanted) -> dict[str, Appointment]:
        """All bookings of the quarter and of the days after it, by id."""
        start, end = (
            datetime.combine(day, time(), UTC).isoformat()
            for day in (quarter.first, quarter.next.first + FOLLOW_UP)
        )
        query = AppointmentQuery(start=start, end=end)
        found: dict[str, Appointment] = {}
        bookmark: str | None = None
        for _ in range(MOST_BOOKINGS):
            page = await self._book.search_appointments(query, PAGE, bookmark, wanted)
            if page.missing:
                raise page.missing[0]
            found |= {row.id: row for row in page.rows}
            bookmark = page.next
            if bookmark is None:
                return found
            if len(found) > MOST_BOOKINGS:
                break
        raise TooMuch(f"a quarter of more than {MOST_BOOKINGS} bookings is not counted, nor a part of it")

    async def _owners(self, mrns: set[Mrn]) -> Mapping[Mrn, PatientId]:
        """Whose the charts are, of patients who may count; others' and unknown ones' are not in it."""
        gates = self._gates("Patient", _OF_PATIENT)
        tokens = {mrn: self._ehr.mrn_identifier(mrn) for mrn in mrns}
        asked = list(dict.fromkeys(tokens.values()))
        found = await self._ehr.identified(Patient, asked, _wanted(gates)) if asked else {}
        known = _all_of(found)
        # Of all at once, before they are looked at page by page.
        await self._request.consents().load([row.patient_id for row in known.values()])
        patients = await _passed(gates, known, lambda row: row.patient_id)
        return {mrn: patients[token].patient_id for mrn, token in tokens.items() if token in patients}

    def _gates(self, kind: str, wanted: Wanted) -> list[Gate]:
        request = self._request
        grant = request.grant
        every = counted(grant.actor, kind, datetime.now(UTC), grant.actor_names, consents=self._are_kept)
        return [Gate(one, wanted, request.consents().load, request.touched) for one in every]


def _wanted(gates: Iterable[Gate]) -> Wanted:
    return frozenset().union(*(gate.wanted for gate in gates))


async def _passed(
    gates: Sequence[Gate], rows: Mapping[K, V], owner: Callable[[V], PatientId | None]
) -> dict[K, V]:
    """The rows that pass all gates, looked at a page at a time. Raises the SourceError in place of any."""

    def whose(_: K, row: V | SourceError) -> Owner:
        return row if isinstance(row, SourceError) else owner(row)

    passed: dict[K, V] = {}
    every = iter(rows.items())
    while some := dict(islice(every, PAGE)):
        for gate in gates:
            some = _all_of(await gate.found(some, whose))
        passed |= some
        # All of a quarter at once would keep every other request waiting.
        await asyncio.sleep(0)
    return passed


def _all_of(found: Mapping[K, V | SourceError]) -> dict[K, V]:
    """Raises the SourceError that stands in place of any of them."""
    for row in found.values():
        if isinstance(row, SourceError):
            raise row
    return {key: row for key, row in found.items() if not isinstance(row, SourceError)}
