"""From the log to the subscribers: the log is read once a process, and nobody waits for anybody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from gateway.changes.backoff import Backoff
from gateway.changes.follower import Follower, Wants
from gateway.changes.log import Batch, Gap, Item, Log, LogUnavailable
from gateway.changes.observing import Observer, Unobserved
from gateway.changes.place import Place

_log = logging.getLogger(__name__)

R = TypeVar("R")

_WAIT_S = 2.0
_CATCHING_UP_S = 0.5


class HubStopped(Exception):
    """The hub no longer runs; subscribe again, elsewhere or later, with the last cursor."""

    def __init__(self) -> None:
        super().__init__("changes are no longer told here; subscribe again with the last cursor")


class Hub:
    """Tells subscribers the changes they want, in the log's order, each once.

    A subscriber is either *live*, and handed what the hub reads; or *behind*, and reads the log for itself
    until it has all that the hub has. Those who come with a cursor begin behind, and those fall behind for
    whom more than *room* changes wait, so that a slow one costs the others nothing, and itself no change that
    the log still keeps. What the log no longer keeps is told as a Gap, wanted or not.

    Whether a subscriber may have a change is not decided here, but at its delivery. *first* hears of all that
    the hub reads, before any subscriber does.
    """

    def __init__(
        self,
        log: Log,
        *,
        room: int = 256,
        observer: Observer | None = None,
        first: Callable[[Item], None] = lambda _: None,
    ) -> None:
        self._log = log
        self._first = first
        self._room = room
        self._observer = observer or Unobserved()
        self._place: Place | None = None
        self._live: set[Follower] = set()
        self._subscribers = 0
        self._begun = asyncio.Event()
        self._is_stopped = False
        self._is_answered = True

    @property
    def subscribers(self) -> int:
        """How many there are now."""
        return self._subscribers

    async def run(self) -> None:
        """Read the log until cancelled; once in the life of a hub. Its subscribers end with it."""
        try:
            cursor = await self._patiently(self._log.latest)
            self._place = Place.of(cursor)
            self._begun.set()
            while True:
                batch = await self._patiently(partial(self._log.read, cursor, wait_s=_WAIT_S))
                await self._tell(batch)
                cursor = batch.cursor
        finally:
            self._is_stopped = True
            for follower in self._live:
                follower.wake()

    async def ready(self) -> None:
        """Wait until it knows where the log ends.

        Who subscribes before that without a cursor is told what is appended after it first asks.
        """
        await self._begun.wait()

    async def _tell(self, batch: Batch) -> None:
        for item in batch.items:
            place = Place.of(item.cursor)
            # INVARIANT: no await between the two, so that who goes live misses nothing and has nothing twice.
            self._hand_out(item, place)
            self._place = place
            # Those who are quick enough take it now, and keep their room for the rest of the batch.
            await asyncio.sleep(0)

    def _hand_out(self, item: Item, place: Place) -> None:
        self._first(item)
        self._time(item)
        back = self._place is not None and self._place.covers(place)
        overrun = [each for each in self._live if not each.offer(item, place, goes_back=back)]
        for follower in overrun:
            self._live.discard(follower)
            self._observer.on_overflow()

    def _time(self, item: Item) -> None:
        if isinstance(item, Gap):
            return
        try:
            received = datetime.fromisoformat(item.received)
        except ValueError:
            return
        if received.tzinfo is not None:
            self._observer.on_lag((datetime.now(UTC) - received).total_seconds())

    def subscribe(self, wants: Wants, after: str | None = None) -> AsyncGenerator[Item, None]:
        """The changes that *wants* picks, after a cursor; without one, those appended from now on.

        Close it, or cancel whoever iterates it, and nothing of it stays. It ends by itself only with the hub
        (HubStopped), or with what *wants* raises.

        Raises:
            CursorMalformed: *after* is no cursor; at once.
        """
        place = self._place if after is None else Place.of(after)
        return self._stream(wants, place)

    async def _stream(self, wants: Wants, place: Place | None) -> AsyncGenerator[Item, None]:
        self._count(1)
        follower = None
        try:
            begin = place or Place.of(await self._patiently(self._log.latest))
            follower = Follower(wants, begin, self._room)
            while True:
                for item in await self._next(follower):
                    if isinstance(item, Gap):
                        self._observer.on_gap()
                    yield item
        finally:
            if follower is not None:
                self._live.discard(follower)
            self._count(-1)

    def _count(self, more: int) -> None:
        self._subscribers += more
        self._observer.on_subscribers(self._subscribers)

    async def _next(self, follower: Follower) -> Sequence[Item]:
        """What there is for it next; nothing, when it has come to or left the live ones."""
        if self._is_stopped:
            raise HubStopped
        if follower in self._live:
            return await follower.taken()
        if self._place is not None and follower.place.covers(self._place):
            follower.begins()
            self._live.add(follower)
            return ()
        return await self._caught_up(follower)

    async def _caught_up(self, follower: Follower) -> Sequence[Item]:
        # A long way to catch up is walked in steps, between which others have their turn.
        await asyncio.sleep(0)
        read = partial(self._log.read, follower.place.cursor, wait_s=_CATCHING_UP_S)
        batch = await self._patiently(read)
        follower.place = Place.of(batch.cursor)
        return [item for item in batch.items if isinstance(item, Gap) or follower.wants(item)]

    async def _patiently(self, ask: Callable[[], Awaitable[R]]) -> R:
        """The log's answer, asked for again until it comes."""
        backoff = Backoff(0.1, 5.0)
        while True:
            try:
                answer = await ask()
            except LogUnavailable as unavailable:
                self._heard(unavailable)
            else:
                self._heard(None)
                return answer
            await asyncio.sleep(backoff.failed())

    def _heard(self, unavailable: LogUnavailable | None) -> None:
        """Write down that the log fell silent, or answers again; once, however many ask."""
        if unavailable is not None and self._is_answered:
            _log.warning("the log of changes does not answer", extra={"why": unavailable.why})
        elif unavailable is None and not self._is_answered:
            _log.info("the log of changes answers again")
        self._is_answered = unavailable is None
