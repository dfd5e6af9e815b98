"""What the tests of changes are made of: changes, observers that remember, and logs that come and go."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from gateway.changes import Gap, Log, MemoryLog, Outcome, RedisLog, Unobserved, connected
from gateway.changes.log import KEPT, Item
from sources.errors import SourceError
from sources.model import Change, ChangeKind, ChangeType, Mrn, PatientId, Told
from sources.ports import Checked, Health, Noticed

_numbers = itertools.count()


def change(
    id: str = "5001", version: int | str = 1, patient: str = "p1", source: str = "pms", **more: Any
) -> Change:
    """A change of an appointment."""
    made: dict[str, Any] = {
        "kind": ChangeKind.UPDATED,
        "type": ChangeType.APPOINTMENT,
        "occurred": "2026-11-22T14:00:00Z",
        "received": "2026-11-22T14:00:01Z",
    }
    return Change(**(made | more), source=source, id=id, version=str(version), patient_id=PatientId(patient))


def noticed(id: str = "5001", version: int | str = 1, mrn: str | None = "M1", **more: Any) -> Noticed:
    """A change as a PMS tells it: without our patient."""
    return Noticed(change(id, version, patient="", **more), None if mrn is None else Mrn(mrn))


def said(items: Sequence[Item]) -> list[str]:
    """What was told, in short: `id.version`, or `gap`."""
    return ["gap" if isinstance(item, Gap) else f"{item.id}.{item.version}" for item in items]


def whole(told: Told) -> Change:
    """The change that was appended."""
    return Change(**{name: getattr(told, name) for name in Change.__struct_fields__})


class Remembering(Unobserved):
    """An observer that counts what it is told."""

    def __init__(self) -> None:
        self.changes: Counter[tuple[str, Outcome]] = Counter()
        self.polls: Counter[tuple[str, bool]] = Counter()
        self.unreadable = 0
        self.gaps = 0
        self.overflows = 0
        self.subscribers: list[int] = []
        self.lags: list[float] = []

    def on_change(self, source: str, outcome: Outcome) -> None:
        self.changes[source, outcome] += 1

    def on_poll(self, source: str, answered: bool) -> None:
        self.polls[source, answered] += 1

    def on_unreadable(self) -> None:
        self.unreadable += 1

    def on_gap(self) -> None:
        self.gaps += 1

    def on_overflow(self) -> None:
        self.overflows += 1

    def on_subscribers(self, count: int) -> None:
        self.subscribers.append(count)

    def on_lag(self, seconds: float) -> None:
        self.lags.append(seconds)


class Opened(Protocol):
    """Opens a log of one kind; every one of them is a log of its own."""

    def __call__(self, kept: int = KEPT) -> Awaitable[Log]: ...


@asynccontextmanager
async def logs(kind: str, redis_url: str) -> AsyncIterator[Opened]:
    """Opens logs of that kind, and closes them in the end."""
    opened: list[Log] = []

    async def open_one(kept: int = KEPT) -> Log:
        log: Log = MemoryLog(kept, 3) if kind == "memory" else redis_log(redis_url, kept=kept, letters=3)
        opened.append(log)
        return log

    try:
        yield open_one
    finally:
        for log in opened:
            await log.aclose()


def redis_log(url: str, prefix: str | None = None, **more: Any) -> RedisLog:
    """A log at that Redis; one of its own, unless the prefix is given."""
    return RedisLog(connected(url), prefix=prefix or fresh_prefix(), **more)


def fresh_prefix() -> str:
    return f"{{test-{next(_numbers)}}}:changes"


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    """*work* goes on beside the block, and is over after it; what it raised, the block raises."""

    async def task_of() -> None:
        await work

    task = asyncio.create_task(task_of())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for it; fails if it does not come about."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


async def until_true(ask: Callable[[], Awaitable[object]], within_s: float = 10.0) -> None:
    """Ask until the answer is yes; fails if it does not come."""
    async with asyncio.timeout(within_s):
        while not await ask():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.005)


async def first(stream: AsyncIterator[Item], count: int, within_s: float = 10.0) -> list[Item]:
    """The next *count* items; fails if they do not come."""
    async with asyncio.timeout(within_s):
        return [await anext(stream) for _ in range(count)]


class Chart:
    """Tells patients by MRN; what it is asked is remembered, and it can be made to fail."""

    def __init__(self, **patients: str) -> None:
        self.patients: dict[Mrn, PatientId | SourceError] = {
            Mrn(mrn): PatientId(patient) for mrn, patient in patients.items()
        }
        self.asked: list[list[str]] = []
        self.fault: Exception | None = None

    async def __call__(self, mrns: Sequence[Mrn]) -> Mapping[Mrn, PatientId | SourceError]:
        self.asked.append(list(mrns))
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        return {mrn: self.patients[mrn] for mrn in mrns if mrn in self.patients}


class Feed:
    """A source of changes: a list, of which a bookmark is the number of those that were told."""

    name = "pms"
    kind = "rest"

    def __init__(self, *changes: Noticed, page: int = 100, again: int = 0) -> None:
        self.changes_made: list[Noticed] = list(changes)
        self.faults: list[Exception] = []
        self.asked: list[str | None] = []
        self._page = page
        self._again = again

    def health(self) -> Health:
        return Health(self.name, self.kind, True, "2026-11-22T14:00:00Z")

    async def check(self) -> Checked:
        return Checked(True)

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        self.asked.append(bookmark)
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        if bookmark is None:
            return (), str(len(self.changes_made))
        begin = int(bookmark)
        end = min(begin + self._page, len(self.changes_made))
        return self.changes_made[max(0, begin - self._again) : end], str(end)
