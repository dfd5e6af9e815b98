"""Owns the PMS ports over a feed of HL7 v2 messages, and the feed's life: who listens, and until when."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sources.errors import SourceError
from sources.pms.hl7v2.intake import Intake
from sources.pms.hl7v2.listener import Listener, ListenerSettings
from sources.pms.hl7v2.settings import Hl7Settings
from sources.pms.projection import ProjectedPractice, Quarantine, Store
from sources.ports import Health

_AGAIN_S = 2.0
_HOUR_S = 3_600.0

_log = logging.getLogger(__name__)


class Hl7Practice(ProjectedPractice):
    """A practice that sends ADT and SIU messages over MLLP, as `sources.ports.Appointments` and `Changes`.

    Of the processes that share a projection one listens; if it ends, another one begins to. *keep_days* is
    how long messages are kept that were dealt with.
    """

    def __init__(
        self,
        store: Store,
        settings: Hl7Settings,
        listener: ListenerSettings,
        observers: Sequence[object] = (),
        *,
        keep_days: float = 30.0,
        timeout_s: float = 2.0,
    ) -> None:
        super().__init__(store, timeout_s=timeout_s)
        self.intake = Intake(store, settings, observers)
        self.quarantine = Quarantine(store)
        self._is_listening = asyncio.Event()
        self._port = 0
        self._listener = Listener(settings.name, self.intake, listener, observers)
        self._keep = timedelta(days=keep_days)
        self._failing_since: str | None = None

    def health(self) -> Health:
        health = super().health()
        return health if self._failing_since is None else health._replace(up=False, since=self._failing_since)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The feed is listened to for as long as the block runs, by this process or another; then every
        connection is closed."""
        try:
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(self._run())
                try:
                    yield
                finally:
                    task.cancel()
        finally:
            await self.close()

    async def listening(self) -> int:
        """The port, as soon as this process listens at it."""
        await self._is_listening.wait()
        return self._port

    async def _run(self) -> None:
        while True:
            try:
                async with self._store.exclusively() as is_ours:
                    if is_ours:
                        await self._listen()
            except (SourceError, OSError) as error:
                self._failing_since = self._failing_since or time.strftime(
                    "%Y-%m-%dT%H:%M:%SZ", time.gmtime()
                )
                # The class alone: the system's words may name files.
                extra = {"source": self.name, "error": type(error).__name__}
                _log.error("the feed is not listened to; is its port free, and its database up?", extra=extra)
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self) -> None:
        recovered = await self.intake.recover()
        if recovered:
            extra = {"source": self.name, "messages": recovered}
            _log.info("messages that were kept before the last end are applied", extra=extra)
        async with self._listener.listening() as self._port:
            self._failing_since = None
            self._is_listening.set()
            _log.info("the feed is listened to", extra={"source": self.name, "port": self._port})
            try:
                while True:
                    await self.intake.forget(self._keep)
                    await asyncio.sleep(_HOUR_S)
            finally:
                self._is_listening.clear()
