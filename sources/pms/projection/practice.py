"""Owns the PMS ports over a projection: they answer from what the feed has told, and never ask the PMS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from sources.errors import SourceRejected, SourceUnavailable
from sources.model import Appointment, Balance, Coverage, Location, Mrn
from sources.pms.projection import reading, tables
from sources.pms.projection.store import Store
from sources.ports import AppointmentQuery, Checked, Found, Health, Listed, Noticed, Page, Wanted

T = TypeVar("T")


class ProjectedPractice:
    """A projection as `sources.ports.Appointments`, `Billing` and `Changes`.

    Until the feed has told what there is, every question about records fails: an empty book that was never
    filled is no answer. *bills*: the feed tells of coverages and balances, too; else to ask for them fails.
    """

    def __init__(self, store: Store, *, bills: bool) -> None:
        self.name = store.name
        self.kind = "pms"
        self._store = store
        self._bills = bills

    def health(self) -> Health:
        return self._store.health(self.kind)

    async def check(self) -> Checked:
        await self._ask(lambda connection: None)
        return Checked(True, (f"projection, schema version {tables.SCHEMA_VERSION}",))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._store.close()

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]:
        return await self._ask(partial(reading.by_column, name="id", keys=ids))

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]:
        return await self._ask(partial(reading.of_patients, mrns=mrns, query=query))

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]:
        return await self._ask(partial(reading.by_column, name="visit_number", keys=visit_numbers))

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        try:
            return await self._ask(partial(reading.page, query=query, count=count, bookmark=bookmark))
        except reading.BadBookmark:
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self.name, why) from None

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        return await self._ask(partial(reading.kept, table=tables.location, ids=ids, kind=Location))

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        self._must_bill()
        found = await self._ask(partial(reading.of_mrns, table=tables.coverage, mrns=mrns, kind=Coverage))
        return {mrn: Listed(tuple(rows)) for mrn, rows in found.items()}

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        self._must_bill()
        found = await self._ask(partial(reading.of_mrns, table=tables.balance, mrns=mrns, kind=Balance))
        return {mrn: rows[0] for mrn, rows in found.items()}

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        told = partial(reading.noticed, self.name)
        try:
            return await self._store.read(partial(reading.since, bookmark=bookmark, told=told))
        except reading.BadBookmark:
            why = "the bookmark is not one of ours; begin again without it"
            raise SourceRejected(self.name, why) from None

    def _must_bill(self) -> None:
        if not self._bills:
            raise SourceRejected(
                self.name, "its feed does not tell of money; name another source for billing"
            )

    async def _ask(self, question: Callable[[Connection], T]) -> T:
        def asked(connection: Connection) -> T:
            if not reading.has_been_fed(connection):
                raise SourceUnavailable(self.name, "its feed has not told what there is; wait for it")
            return question(connection)

        return await self._store.read(asked)
