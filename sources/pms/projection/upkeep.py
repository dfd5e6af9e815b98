"""Owns what is done for a projection beside its feed: what is old is let go of, and silence is noticed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from sqlalchemy import Connection, delete, func, insert, select, update

from sources.errors import SourceError
from sources.pms.projection.reading import told_as_of
from sources.pms.projection.store import Store
from sources.pms.projection.tables import FORGOTTEN, journal, meta, quarantine
from sources.ports import Health

LOOK_EVERY_S = 15.0
PRUNE_EVERY_S = 3_600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Keeping:
    """How long a feed may be silent before that is told, and how long its changes and what it refused are
    kept."""

    stale_after: timedelta = timedelta(hours=72)
    changes: timedelta = timedelta(days=30)
    refused: timedelta = timedelta(days=90)


@runtime_checkable
class Observer(Protocol):
    """Whoever wants to know as of when feeds have told; it must not raise."""

    def on_told(self, source: str, as_of: datetime, is_stale: bool) -> None: ...


def age(as_of: str, now: datetime) -> str:
    """How long ago that instant is, in words: `5 hours ago`."""
    seconds = max(0, int((now - datetime.fromisoformat(as_of)).total_seconds()))
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} seconds ago"


class Forgotten(NamedTuple):
    """How many changes, and how much of the quarantine, were let go of."""

    changes: int
    refused: int


class Upkeep:
    """Of one projection, in every process that has it.

    A feed that has told nothing yet is as old as this process.
    """

    def __init__(self, store: Store, keeping: Keeping, observers: Sequence[object] = ()) -> None:
        self._store = store
        self._keeping = keeping
        self._observers = [one for one in observers if isinstance(one, Observer)]
        self._began = datetime.now(UTC)
        self._is_stale = False
        self.as_of: str | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the feed has been silent for longer than it may be."""
        return datetime.now(UTC) - self._last > self._keeping.stale_after

    @property
    def _last(self) -> datetime:
        return self._began if self.as_of is None else datetime.fromisoformat(self.as_of)

    def health(self, health: Health) -> Health:
        """*health*, with what is known of the feed's silence."""
        return health._replace(as_of=self.as_of, is_stale=self.is_stale)

    def saw(self, as_of: str | None) -> None:
        """To be told as of when the feed has told, as often as that is known."""
        self.as_of = as_of or self.as_of
        is_stale = self.is_stale
        for one in self._observers:
            one.on_told(self._store.name, self._last, is_stale)
        if is_stale != self._is_stale:
            self._is_stale = is_stale
            self._alarm()

    def _alarm(self) -> None:
        extra = {"source": self._store.name, "as_of": self.as_of}
        if self._is_stale:
            _log.error("a feed has been silent for too long: does its sender run, and reach us?", extra=extra)
        else:
            _log.info("a feed tells again", extra=extra)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Done for as long as the block runs."""
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(self._look()), tasks.create_task(self._prune())]
            try:
                yield
            finally:
                for task in work:
                    task.cancel()

    async def _look(self) -> None:
        while True:
            try:
                self.saw(await self._store.read(told_as_of))
            except SourceError:  # the store has told of it
                self.saw(None)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _prune(self) -> None:
        while True:
            with suppress(SourceError):  # the store has told of it; the next hour will do
                await self.prune()
            await asyncio.sleep(PRUNE_EVERY_S)

    async def prune(self) -> Forgotten:
        """Let go of what is older than it is kept. Raises: SourceError."""
        now = datetime.now(UTC)
        gone = await self._store.write(
            partial(_forget, changes=now - self._keeping.changes, refused=now - self._keeping.refused)
        )
        if gone.refused:
            extra = {"source": self._store.name, "count": gone.refused}
            _log.warning("what nobody dealt with in time is let go of: it was in quarantine", extra=extra)
        return gone


def _forget(connection: Connection, changes: datetime, refused: datetime) -> Forgotten:
    """Let go of changes and refusals from before those moments; up to which change is written down."""
    old = journal.c.received < changes.isoformat(timespec="milliseconds")
    last = connection.execute(select(func.max(journal.c.seq)).where(old)).scalar()
    count = 0
    if last is not None:
        count = connection.execute(delete(journal).where(journal.c.seq <= last)).rowcount
        known = update(meta).where(meta.c.name == FORGOTTEN).values(value=str(last))
        if connection.execute(known).rowcount == 0:
            connection.execute(insert(meta).values(name=FORGOTTEN, value=str(last)))
    before = quarantine.c.received < refused.isoformat(timespec="seconds")
    return Forgotten(count, connection.execute(delete(quarantine).where(before)).rowcount)
