"""Owns the PMS ports over a feed of HL7 v2 messages, and the feed's life: who listens, and until when."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from sources.pms.hl7v2 import checking
from sources.pms.hl7v2.intake import Intake
from sources.pms.hl7v2.listener import Listener, ListenerSettings
from sources.pms.hl7v2.settings import Hl7Settings
from sources.pms.projection import Keeping, Leading, ProjectedPractice, Quarantine, Store
from sources.ports import Checked, Health

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
        keeping: Keeping = Keeping(),  # noqa: B008 - it never changes
        timeout_s: float = 2.0,
    ) -> None:
        super().__init__(store, keeping=keeping, observers=observers, timeout_s=timeout_s)
        self.intake = Intake(store, settings, observers)
        self.quarantine = Quarantine(store, self.intake.again)
        self._is_listening = asyncio.Event()
        self._port = 0
        self._listener = Listener(settings.name, self.intake, listener, observers)
        self._line = listener
        self._keep = timedelta(days=keep_days)
        self._leading = Leading(store, self._listen, "is the port free, and the database up?")

    def health(self) -> Health:
        return self._leading.health(super().health())

    def running(self) -> AbstractAsyncContextManager[None]:
        """The feed is listened to for as long as the block runs, by this process or another; then every
        connection is closed."""
        return self._running(self._leading)

    async def _tried(self) -> Checked:
        return await checking.tried(self._store, self._line)

    async def listening(self) -> int:
        """The port, as soon as this process listens at it."""
        await self._is_listening.wait()
        return self._port

    async def _listen(self) -> None:
        recovered = await self.intake.recover()
        if recovered:
            extra = {"source": self.name, "messages": recovered}
            _log.info("messages that were kept before the last end are applied", extra=extra)
        async with self._listener.listening() as self._port:
            self._leading.succeeded()
            self._is_listening.set()
            _log.info("the feed is listened to", extra={"source": self.name, "port": self._port})
            try:
                while True:
                    await self.intake.forget(self._keep)
                    await asyncio.sleep(_HOUR_S)
            finally:
                self._is_listening.clear()
