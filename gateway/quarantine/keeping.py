"""Owns the road into the quarantine: refusals are counted in memory, and written down beside the requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from gateway.quarantine.store import Seen, Store, StoreUnusable
from gateway.telemetry import Metrics
from sources.calling import Event, Flaw, Outcome, Upstream

log = logging.getLogger(__name__)

WRITTEN_EVERY_S = 1.0
RELEASES_EVERY = 20
"""Releases are looked for with every so many writes: within a minute."""

HELD = 1_000
"""How many different refusals are held until they are written; more are lost, and counted."""


class Quarantining:
    """Hears of every refusal (an observer of calls), and keeps it in *store*, if there is one.

    *pseudonym* gives what stands for a record, by source, kind and id.

    Nothing here waits, raises, or fails a request: what cannot be kept is counted as lost.
    """

    def __init__(
        self,
        store: Store | None,
        metrics: Metrics,
        pseudonym: Callable[[str, str, str], str],
        every_s: float = WRITTEN_EVERY_S,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._pseudonym = pseudonym
        self._every_s = every_s
        self._held: dict[tuple[str, Flaw], Seen] = {}
        self._known: set[tuple[str, Flaw]] = set()
        self._lost = 0
        self._upstreams: Sequence[Upstream] = ()

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        self._metrics.quarantined.labels(source, flaw.kind).inc()
        key = source, flaw
        self._alarm(key)
        if self._store is None:
            return
        held = self._held.get(key)
        if held is None and len(self._held) >= HELD:
            self._lost += 1
            self._metrics.quarantine_lost.inc()
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        whose = held.record if held is not None else None
        if record is not None and whose is None:
            whose = self._pseudonym(source, flaw.kind, record)
        count, first = (1, now) if held is None else (held.times + 1, held.first)
        self._held[key] = Seen(source, flaw, count, first, now, whose, "")

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None:
        """Calls are none of its business."""

    def on_event(self, source: str, event: Event) -> None:
        """Nor is what happens around them."""

    def on_foreign(self, source: str, kind: str, rows: int) -> None:
        """Nor are rows that conform, and were not asked for."""

    @asynccontextmanager
    async def running(self, upstreams: Sequence[Upstream]) -> AsyncIterator[None]:
        """Refusals are written, and releases reach *upstreams*, for as long as the block runs."""
        self._upstreams = upstreams
        await self._heed()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._write()

    async def _run(self) -> None:
        while True:
            for _ in range(RELEASES_EVERY):
                await asyncio.sleep(self._every_s)
                await self._write()
            await self._heed()

    async def _write(self) -> None:
        """Write down what is held; what cannot be is lost."""
        if self._store is None or not (self._held or self._lost):
            return
        lists = {upstream.name: upstream.allowed.version for upstream in self._upstreams}
        seen = [each._replace(lists=lists.get(each.source, "none")) for each in self._held.values()]
        lost, self._lost = self._lost, 0
        self._held = {}
        try:
            await asyncio.to_thread(self._store.add, seen, lost)
        except StoreUnusable as fault:
            more = sum(each.times for each in seen)
            self._lost += lost + more
            self._metrics.quarantine_lost.inc(more)
            log.error("refusals could not be kept in quarantine", extra={"why": str(fault)})

    async def _heed(self) -> None:
        """Let the sources send what was released."""
        if self._store is None:
            return
        try:
            released = await asyncio.to_thread(self._store.released)
        except StoreUnusable as fault:
            log.error("releases from quarantine could not be read", extra={"why": str(fault)})
            return
        for upstream in self._upstreams:
            fields = {each.field for each in released if each.source == upstream.name}
            if fields != upstream.allowed.released:
                log.info("released fields changed", extra={"source": upstream.name, "count": len(fields)})
                upstream.allowed.release(fields)
            self._metrics.released_fields.labels(upstream.name).set(len(fields))

    def _alarm(self, key: tuple[str, Flaw]) -> None:
        """Say once that a source sends what is refused, and why."""
        if key in self._known or len(self._known) >= HELD:
            return
        self._known.add(key)
        source, flaw = key
        log.warning(
            "a source sends what does not conform; it is refused, and in quarantine",
            extra={"source": source, "kind": flaw.kind, "why": flaw.why},
        )
