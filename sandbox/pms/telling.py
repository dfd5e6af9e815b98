"""Owns a practice that cannot be asked and tells by itself: all it has, and then whatever changes."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sandbox.pms.book import AppointmentBook
from sandbox.pms.export import Export, stamp
from sandbox.pms.messages import Messages
from sandbox.pms.sender import Line, line
from sandbox.records import Json, Pms

LOOK_EVERY_S = 1.0
AGAIN_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ByMessages:
    """It sends HL7 v2 messages to whoever listens at *port*: patients first, then appointments."""

    port: int

    async def tell(self, pms: Pms, book: AppointmentBook) -> None:
        """Until it is cancelled; whoever does not listen yet, or no longer, is told as soon as they do."""
        messages = Messages(pms.time_zone)
        patients = list(pms.patients)
        changes = _Changes(book)
        began = datetime.now(ZoneInfo(pms.time_zone))
        while True:
            try:
                async with line(self.port) as sender:
                    while patients:
                        await _sent(sender, messages.patient(patients[0], began))
                        patients.pop(0)
                    while True:
                        for row in changes.waiting():
                            await _sent(sender, messages.booked(row))
                            changes.told(row)
                        await asyncio.sleep(LOOK_EVERY_S)
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(AGAIN_S)


async def _sent(sender: Line, message: str) -> None:
    """Send *message* until it is answered by anything but "later"; one that is refused is left at that."""
    while True:
        answer = await sender.send(message)
        if "|AA|" in answer:
            return
        if "|AE|" in answer:
            _log.warning("a message of the sandbox's practice was refused")
            return
        await asyncio.sleep(AGAIN_S)


@dataclass(frozen=True)
class ByFiles:
    """It writes files into *folder*: all it has at the start, and from then on what changed."""

    folder: Path

    async def tell(self, pms: Pms, book: AppointmentBook) -> None:
        """Until it is cancelled."""
        zone = ZoneInfo(pms.time_zone)
        export = Export(self.folder, pms)
        await asyncio.to_thread(export.all, stamp(datetime.now(zone)))
        changes = _Changes(book, told=pms.appointments)
        while True:
            # Two files of one second would be one.
            await asyncio.sleep(2 * LOOK_EVERY_S)
            rows = changes.waiting()
            if rows:
                name = f"appointments_{stamp(datetime.now(zone))}.csv"
                await asyncio.to_thread(export.appointments, rows, name)
                for row in rows:
                    changes.told(row)


class _Changes:
    """What of the book has not been told."""

    def __init__(self, book: AppointmentBook, told: Iterable[Json] = ()) -> None:
        self._book = book
        self._told = {row["id"]: row["version"] for row in told}

    def waiting(self) -> list[Json]:
        """The appointments that were never told, or changed since, as they are now."""
        return [dict(row) for row in self._book.every() if self._told.get(row["id"]) != row["version"]]

    def told(self, row: Json) -> None:
        """*row* was told as it is."""
        self._told[row["id"]] = row["version"]


Telling = ByMessages | ByFiles
