"""The change pipeline, put together: sources are asked, what they notice is logged, the hub tells it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from gateway.changes.hub import Hub
from gateway.changes.intake import Intake
from gateway.changes.log import Gap, Item, Log
from gateway.changes.memory import MemoryLog
from gateway.changes.observing import Observer
from gateway.changes.redis_streams import RedisLog, connected
from gateway.changes.worker import Poller
from gateway.settings import Changes as Settings
from resolvers.consents import Consents
from sources.errors import SourceError
from sources.model import Change, ChangeType, Mrn, Patient, PatientId
from sources.ports import Changes, ClinicalRecords

READY_WITHIN_S = 5.0


class Changing:
    """The log, its hub, and a poller for each source that can be asked what changed."""

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[Changes],
        ehr: ClinicalRecords,
        observer: Observer,
        consents: Consents,
    ) -> None:
        self._settings = settings
        self._sources = tuple(sources)
        self._ehr = ehr
        self._observer = observer
        self._consents = consents
        self._hub: Hub | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The pipeline at work for as long as the block runs; it belongs to one event loop."""
        log = self._log()
        hub = self._hub = Hub(log, observer=self._observer, first=self._heard)
        intake = Intake(log, self._patients, observer=self._observer)
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(hub.run())]
                # Without its log the gateway starts all the same; subscribers wait for it.
                with suppress(TimeoutError):
                    await asyncio.wait_for(hub.ready(), READY_WITHIN_S)
                for source in self._sources:
                    poller = Poller(source, intake, log, self._settings.poll_seconds, observer=self._observer)
                    running.append(tasks.create_task(poller.run()))
                try:
                    yield
                finally:
                    for task in running:
                        task.cancel()
        finally:
            self._hub = None
            await log.aclose()

    def _heard(self, item: Item) -> None:
        """A consent that changed is no longer remembered; where changes were missed, none is."""
        if isinstance(item, Gap):
            self._consents.forget_all()
        elif item.type is ChangeType.CONSENT:
            self._consents.forget(item.patient_id)

    def subscribe(self, wants: Callable[[Change], bool], after: str | None) -> AsyncGenerator[Item, None]:
        """The changes wanted, after a cursor or from now on.

        Raises:
            RuntimeError: the pipeline is not running.
            ValueError: *after* is no cursor.
        """
        if self._hub is None:
            raise RuntimeError("the change pipeline is not running")
        return self._hub.subscribe(wants, after)

    def _log(self) -> Log:
        if self._settings.redis_url is not None and self._settings.log == "redis":
            return RedisLog(connected(self._settings.redis_url.reveal()))
        return MemoryLog()

    async def _patients(self, mrns: Sequence[Mrn]) -> Mapping[Mrn, PatientId | SourceError]:
        asked = {mrn: self._ehr.mrn_identifier(mrn) for mrn in mrns}
        found = await self._ehr.identified(Patient, list(dict.fromkeys(asked.values())), frozenset({"mrn"}))
        rows = {mrn: found[token] for mrn, token in asked.items() if token in found}
        return {mrn: row if isinstance(row, SourceError) else row.patient_id for mrn, row in rows.items()}
