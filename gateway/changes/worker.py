"""Asks a source what changed, again and again, and never forgets how far it came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.changes.backoff import Backoff
from gateway.changes.intake import Intake, PatientsUnanswered
from gateway.changes.log import Log, LogUnavailable
from gateway.changes.observing import Observer, Unobserved
from sources.calling.breaker import Standing
from sources.errors import BookmarkLost, SourceError
from sources.ports import Changes, Health, Noticed

_log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 60.0


class Poller:
    """Asks *source* every *every_s* seconds, and less often while that fails.

    The bookmark is kept in *log* and only after all before it was taken in, so that a process may be killed
    at any time. Several processes may ask one source: the log takes each change once.
    """

    def __init__(
        self,
        source: Changes,
        intake: Intake,
        log: Log,
        every_s: float,
        *,
        answer_within_s: float = 30.0,
        observer: Observer | None = None,
    ) -> None:
        self._source = source
        self._intake = intake
        self._log = log
        self._every_s = every_s
        self._answer_within_s = answer_within_s
        self._observer = observer or Unobserved()
        self._backoff = Backoff(every_s, max(every_s, _LONGEST_WAIT_S))
        self._standing = Standing()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            wait_s = self._every_s if await self._asked() else self._backoff.failed()
            await asyncio.sleep(wait_s)

    def health(self) -> Health:
        """Whether the last round brought all that the source had to tell into the log."""
        return Health(self._source.name, self._source.kind, self._standing.up, self._standing.since)

    async def _asked(self) -> bool:
        """One round; whether it did all it had to."""
        try:
            await self._round()
        except (SourceError, LogUnavailable, PatientsUnanswered, TimeoutError) as error:
            return self._ended(error)
        except Exception as error:  # noqa: BLE001 - a fault in one source's adapter must not end the others
            return self._ended(error)
        self._backoff.succeeded()
        return self._ended(None)

    async def _round(self) -> None:
        bookmark = await self._log.bookmark(self._source.name)
        async with asyncio.timeout(self._answer_within_s):
            try:
                noticed, following = await self._source.changes(bookmark)
            except BookmarkLost:
                if bookmark is None:
                    raise
                noticed, following = await self._begun_again(bookmark)
        await self._intake.take(noticed)
        if following != bookmark:
            await self._log.keep_bookmark(self._source.name, following)

    async def _begun_again(self, bookmark: str) -> tuple[Sequence[Noticed], str]:
        """What changed after *bookmark* cannot be told any more: that is, and what changes from now on."""
        begun = await self._source.changes(None)
        if await self._log.lost(self._source.name, bookmark):
            extra = {"source": self._source.name}
            _log.error(
                "changes are lost: the source has forgotten them; subscribers are told of it", extra=extra
            )
        return begun

    def _ended(self, error: Exception | None) -> bool:
        is_well = error is None
        if not is_well and self._standing.up:
            # The class alone: an adapter's fault may quote a record.
            _log.warning(
                "changes are not taken in",
                extra={"source": self._source.name, "error": type(error).__name__},
            )
        elif is_well and not self._standing.up:
            _log.info("changes are taken in again", extra={"source": self._source.name})
        self._standing.saw(is_well)
        self._observer.on_poll(self._source.name, is_well)
        return is_well
