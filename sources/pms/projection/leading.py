"""Owns who feeds a projection: of the processes that share it one at a time, until it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sources.errors import SourceError
from sources.pms.projection.store import Store
from sources.ports import Health

_AGAIN_S = 2.0

_log = logging.getLogger(__name__)


class Leading:
    """Does *work*, which goes on until it is cancelled or fails, whenever it is this process's turn.

    What fails is tried again; *hint* tells an operator where to look.
    """

    def __init__(self, store: Store, work: Callable[[], Awaitable[None]], hint: str) -> None:
        self._store = store
        self._work = work
        self._hint = hint
        self._failing_since: str | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The work is done, by this process or another, for as long as the block runs."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._run())
            try:
                yield
            finally:
                task.cancel()

    def health(self, health: Health) -> Health:
        """*health*, unless the work fails."""
        return health if self._failing_since is None else health._replace(up=False, since=self._failing_since)

    def failed(self, error: Exception) -> None:
        """To be told when a part of the work fails that the work itself goes on without."""
        if self._failing_since is None:
            self._failing_since = datetime.now(UTC).isoformat(timespec="seconds")
            # The class alone: the system's words may name files, or quote what is in them.
            extra = {"source": self._store.name, "error": type(error).__name__}
            if isinstance(error, SourceError):
                extra["why"] = error.why
            _log.error("nothing is taken in: %s", self._hint, extra=extra)

    def succeeded(self) -> None:
        """To be told when the work goes well."""
        if self._failing_since is not None:
            _log.info("it is taken in again", extra={"source": self._store.name})
        self._failing_since = None

    async def _run(self) -> None:
        while True:
            try:
                async with self._store.exclusively() as is_ours:
                    if is_ours:
                        await self._work()
            except Exception as error:  # noqa: BLE001 - a fault in one feed must not end the gateway
                self.failed(error)
            await asyncio.sleep(_AGAIN_S)
