"""Owns the PMS ports over a projection: they answer from what the feed has told, and never ask the PMS."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import anyio
from sqlalchemy import Connection

from sources.calling import Tally, current_operation
from sources.errors import BookmarkLost, SourceError, SourceRejected, SourceTimeout, SourceUnavailable
from sources.model import Appointment, Balance, Coverage, Location, Mrn
from sources.pms.projection import reading, tables
from sources.pms.projection.leading import Leading
from sources.pms.projection.store import Store
from sources.pms.projection.upkeep import Keeping, Upkeep, age
from sources.pms.projection.writing import APPOINTMENTS
from sources.ports import AppointmentQuery, Checked, Found, Health, Listed, Noticed, Page, Wanted

T = TypeVar("T")

_UNFED = "its feed has not told what there is; wait for it"


class ProjectedPractice:
    """A projection as `sources.ports.Appointments` and `Changes`.

    Until the feed has told what there is, every question about records fails: an empty book that was never
    filled is no answer. A question that takes longer than *timeout_s* fails, too.
    """

    def __init__(
        self,
        store: Store,
        *,
        keeping: Keeping = Keeping(),  # noqa: B008 - it never changes
        observers: Sequence[object] = (),
        timeout_s: float = 2.0,
    ) -> None:
        self.name = store.name
        self.kind = "pms"
        self.upkeep = Upkeep(store, keeping, observers)
        self._store = store
        self._timeout_s = timeout_s

    def health(self) -> Health:
        return self.upkeep.health(self._store.health(self.kind))

    @asynccontextmanager
    async def _running(self, leading: Leading) -> AsyncIterator[None]:
        """The feed is led for as long as the block runs, by this process or another; then every connection is
        closed."""
        try:
            async with leading.running(), self.upkeep.running():
                yield
        finally:
            await self.close()

    async def check(self) -> Checked:
        feed = await self._tried()
        known = await self._read(reading.known)
        self.upkeep.as_of = known.as_of
        is_stale = known.as_of is not None and self.upkeep.is_stale
        lines = [f"projection, schema version {tables.SCHEMA_VERSION}", *_said(known)]
        if is_stale:
            lines.append("that is longer ago than `stale_after_h`: see that its sender runs, and reaches us")
        ok = known.is_fed if feed is None else feed.ok
        return Checked(ok and not is_stale, (*(() if feed is None else feed.said), *lines))

    async def _tried(self) -> Checked | None:
        """What is found of the feed itself; None: there is nothing to try."""
        return None

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

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        told = partial(reading.noticed, self.name)
        try:
            return await self._read(partial(reading.since, bookmark=bookmark, told=told))
        except reading.BadBookmark:
            raise BookmarkLost(self.name) from None

    async def _ask(self, question: Callable[[Connection], T], kind: str = APPOINTMENTS) -> T:
        def asked(connection: Connection) -> tuple[T, str | None]:
            if not reading.has_been_fed(connection, kind):
                raise SourceUnavailable(self.name, _UNFED)
            return question(connection), reading.told_as_of(connection)

        started = time.perf_counter()
        operation = current_operation()
        tally = Tally().of(self.name) if operation is None else operation.tally.of(self.name)
        try:
            answer, as_of = await self._read(asked)
        except SourceError as error:
            tally.failed(error, time.perf_counter() - started)
            raise
        tally.answered(time.perf_counter() - started)
        self.upkeep.saw(as_of)
        tally.as_of, tally.is_stale = self.upkeep.as_of, self.upkeep.is_stale
        return answer

    async def _read(self, question: Callable[[Connection], T]) -> T:
        try:
            with anyio.fail_after(self._timeout_s):
                return await self._store.read(question)
        except TimeoutError:
            raise SourceTimeout(self.name, "the projection did not answer in time") from None


def _said(known: reading.Known) -> Iterator[str]:
    fed = "its feed has told what there is" if known.is_fed else _UNFED
    yield fed if known.as_of is None else f"{fed}, last {age(known.as_of, datetime.now(UTC))}"
    if known.refused:
        yield f"{known.refused} messages, files or rows are in quarantine: `caregraph quarantine list`"


class BilledPractice(ProjectedPractice):
    """A projection whose feed tells of money, too: `sources.ports.Billing` besides."""

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        asked = partial(reading.of_mrns, table=tables.coverage, mrns=mrns, kind=Coverage)
        found = await self._ask(asked, "coverages")
        return {mrn: Listed(tuple(rows)) for mrn, rows in found.items()}

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        asked = partial(reading.of_mrns, table=tables.balance, mrns=mrns, kind=Balance)
        found = await self._ask(asked, "balances")
        return {mrn: rows[0] for mrn, rows in found.items()}
