"""A feed of HL7 v2 messages for tests: a listener on a free port, and the sandbox's book sent to it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sandbox.dataset import Dataset
from sandbox.pms.messages import Messages
from sandbox.pms.sender import line
from sources.model import Appointment
from sources.pms.hl7v2 import Hl7Practice, Hl7Settings, ListenerSettings
from sources.pms.hl7v2.observing import Outcome
from sources.pms.projection import Store
from tests.sources.practice import appointments

SETTINGS = Hl7Settings(
    "pms",
    "America/Chicago",
    facility="CLINIC1",
    statuses={"arrived": "arrived"},
    telehealth_services=frozenset({"VID30", "BHV50"}),
)
WITHIN_S = 30.0


class Counted:
    """What was told of messages."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def on_message(self, source: str, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


@asynccontextmanager
async def feed(
    folder: Path,
    settings: Hl7Settings = SETTINGS,
    observers: Sequence[object] = (),
    url: str | None = None,
    **listener: Any,
) -> AsyncIterator[Hl7Practice]:
    """A practice whose feed is listened to on a free port, kept in the database at *url* or in *folder*."""
    store = Store(settings.name, url or f"sqlite:///{folder}/pms.sqlite3")
    practice = Hl7Practice(store, settings, ListenerSettings(port=0, **listener), observers, timeout_s=30.0)
    async with practice.running():
        await port_of(practice)
        yield practice


async def port_of(practice: Hl7Practice) -> int:
    async with asyncio.timeout(WITHIN_S):
        return await practice.listening()


async def fill(practice: Hl7Practice, held: Dataset) -> None:
    """Send the whole book of the sandbox."""
    messages = Messages(held.pms.time_zone)
    async with line(await port_of(practice)) as sender:
        for row in held.pms.appointments:
            answer = await sender.send(messages.booked(row))
            assert "\rMSA|AA|" in answer, answer


def told(held: Dataset) -> Iterator[Appointment]:
    """What the sandbox's book holds, as far as messages tell it: they have no place for a link to a video."""
    for row in appointments(held):
        yield replace(row, video_url=None)
