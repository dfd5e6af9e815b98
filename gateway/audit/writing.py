"""Many operations wait for one transaction: a thread takes all that has come in, and commits it at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from gateway.audit.sink import AuditUnavailable, Item, Sink
from sources.calling import Alarms

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""With more records than this waiting, the sink counts as dead."""

MOST_AT_ONCE = 1_000
"""How many records one transaction takes."""


class Waiting(NamedTuple):
    """One record, and who waits for it to be durable, if anybody does."""

    item: Item
    done: asyncio.Future[None] | None = None


class Writing:
    """The thread at work, for one event loop."""

    def __init__(self, sink: Sink, timeout_s: float) -> None:
        self._sink = sink
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._alarms = Alarms()
        self._is_failing = False
        self._is_ending = False
        self._thread = Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    async def put(self, item: Item) -> None:
        """Returns when the record is durable.

        Raises:
            AuditUnavailable: it is not, or not in time.
        """
        self._refuse_more()
        done = self._loop.create_future()
        self._queue.put(Waiting(item, done))
        alarm = self._alarms.at(self._loop.time() + self._timeout_s, partial(_give_up, done))
        try:
            await done
        finally:
            alarm.cancel()

    def add(self, item: Item) -> None:
        """Puts it behind what waits, and does not wait.

        Raises:
            AuditUnavailable: no more are taken.
        """
        self._refuse_more()
        self._queue.put(Waiting(item))

    def _refuse_more(self) -> None:
        if self._is_ending:
            raise AuditUnavailable("ended")
        if self._queue.qsize() >= MOST_WAITING:
            raise AuditUnavailable("overload")

    async def end(self) -> None:
        """Commit what waits, and let go of the sink; a sink that hangs is left behind."""
        self._is_ending = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, self._timeout_s)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._batch()
            if batch:
                why = self._commit(batch)
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(_tell, batch, why)
        self._sink.close()

    def _batch(self) -> tuple[list[Waiting], bool]:
        """Waits for a record, then takes all that came in meanwhile; and whether it is the last time."""
        batch: list[Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == MOST_AT_ONCE:
                return batch, False
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: Sequence[Waiting]) -> str | None:
        """Why the batch could not be committed; None if it was."""
        why: str | None = None
        try:
            self._sink.append([waiting.item for waiting in batch])
        except AuditUnavailable as fault:
            why = fault.why
        except Exception as fault:  # noqa: BLE001 - whatever breaks, the thread lives on and those who wait are told
            why = type(fault).__name__
        if (why is not None) != self._is_failing:
            self._is_failing = why is not None
            if why is not None:
                log.error("the audit trail can't be written", extra={"error": why, "count": len(batch)})
            else:
                log.warning("the audit trail can be written again")
        return why


def _give_up(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(AuditUnavailable("timeout"))


def _tell(batch: Sequence[Waiting], why: str | None) -> None:
    for _, done in batch:
        if done is None or done.done():
            continue  # nobody waits, or its operation was cancelled, or gave up
        if why is None:
            done.set_result(None)
        else:
            done.set_exception(AuditUnavailable(why))
