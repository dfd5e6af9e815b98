"""A change of a consent that comes through the log drops what is remembered of that patient."""

from __future__ import annotations

import asyncio

import pytest

from gateway.changes import Gap, Unobserved
from gateway.changes.entries import told
from gateway.changes.hub import Hub
from gateway.changes.log import Item
from gateway.changes.memory import MemoryLog
from gateway.changing import Changing
from gateway.settings import Changes as Settings
from resolvers.consents import NoConsents
from sources.memory import MemoryRecords
from sources.model import ChangeType, PatientId
from tests.gateway.changes.made import change


class Remembered(NoConsents):
    """Consents that note whose are forgotten."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def forget(self, patient: PatientId) -> None:
        self.forgotten.append(patient)

    def forget_all(self) -> None:
        self.forgotten.append("everybody")


def test_a_consent_that_changed_is_forgotten_and_where_changes_were_missed_all_are() -> None:
    consents = Remembered()
    changing = Changing(Settings(), (), MemoryRecords(()), Unobserved(), consents)

    changing._heard(told(change("1", patient="p1"), "1"))
    changing._heard(told(change("2", patient="p2", type=ChangeType.CONSENT), "2"))
    changing._heard(Gap("3"))

    assert consents.forgotten == ["p2", "everybody"]


@pytest.mark.anyio
async def test_the_hub_tells_it_without_any_subscriber() -> None:
    heard: list[Item] = []
    has_heard = asyncio.Event()

    def first(item: Item) -> None:
        heard.append(item)
        has_heard.set()

    log = MemoryLog()
    hub = Hub(log, first=first)
    running = asyncio.create_task(hub.run())
    await hub.ready()
    await log.append(change("2", patient="p2", type=ChangeType.CONSENT))
    await asyncio.wait_for(has_heard.wait(), 20)
    running.cancel()

    assert [(item.type, item.patient_id) for item in heard if not isinstance(item, Gap)] == [
        (ChangeType.CONSENT, "p2")
    ]
