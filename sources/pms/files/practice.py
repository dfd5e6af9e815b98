"""Owns the PMS ports over a practice's files, and the looks at its folder."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
from sqlalchemy import Connection, select

from sources.pms.files import checking
from sources.pms.files.folders import Folder
from sources.pms.files.looking import Looks
from sources.pms.files.retrying import Retrying
from sources.pms.files.settings import FilesSettings
from sources.pms.projection import BilledPractice, Keeping, Leading, Quarantine, Store
from sources.pms.projection.tables import file
from sources.ports import Checked, Health


class KnownFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was dealt with: its content's hash, its feed, name and time, what became of it, and how
    many of its rows were put aside."""

    digest: str
    feed: str
    name: str
    stamp: str
    received: str
    state: str
    bad: int


class FilesPractice(BilledPractice):
    """A practice that writes files, as `sources.ports.Appointments`, `Billing` and `Changes`."""

    def __init__(
        self,
        store: Store,
        settings: FilesSettings,
        folder: Folder,
        observers: Sequence[object] = (),
        *,
        keeping: Keeping = Keeping(),  # noqa: B008 - it never changes
        timeout_s: float = 2.0,
    ) -> None:
        super().__init__(store, keeping=keeping, observers=observers, timeout_s=timeout_s)
        self.looks = Looks(folder, store, settings, observers)
        self.quarantine = Quarantine(store, Retrying(settings).again)
        self._settings = settings
        self._folder = folder
        self._leading = Leading(store, self._look, "can the folder be reached, and is the database up?")

    def health(self) -> Health:
        return self._leading.health(super().health())

    def running(self) -> AbstractAsyncContextManager[None]:
        """The folder is looked at for as long as the block runs, by this process or another; then every
        connection is closed."""
        return self._running(self._leading)

    async def _tried(self) -> Checked:
        return await checking.tried(self._folder, self._settings)

    async def files(self) -> Sequence[KnownFile]:
        """The files that were dealt with, newest first."""
        return await self._store.read(_files)

    async def _look(self) -> None:
        while True:
            await self.looks.look()
            self._leading.succeeded()
            await asyncio.sleep(self._settings.look_every_s)


def _files(connection: Connection) -> list[KnownFile]:
    rows = connection.execute(select(file).order_by(file.c.received.desc(), file.c.stamp.desc()))
    return [
        KnownFile(
            digest=row.digest.hex(),
            feed=row.feed,
            name=row.name,
            stamp=row.stamp,
            received=row.received,
            state=row.state,
            bad=row.bad,
        )
        for row in rows
    ]
