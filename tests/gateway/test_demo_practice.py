"""The demo's practice, where it tells by itself: the gateway comes to have its book, and hears of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.adapters.assembling import Adapters, adapters
from gateway.cli import change as change_command
from gateway.cli.demo import demo_table
from gateway.cli.demo_practice import described, telling
from gateway.settings import read_settings
from sandbox.addresses import Addresses
from sandbox.dataset import generate
from sandbox.pms.telling import ByMessages
from sandbox.serve import Options, background
from sources.errors import SourceUnavailable
from sources.model import Appointment
from sources.pms.hl7v2 import Hl7Practice
from sources.ports import Appointments

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()
DATASET = generate(5, today=date(2026, 11, 22))
IDS = [str(row["id"]) for row in DATASET.pms.appointments]
ANYWHERE = Addresses.after(20_000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def house(kind: str, folder: Path) -> Adapters:
    """The adapters of the demo's settings, with a practice of that kind."""
    key = ECKey.generate_key("P-384", {"kid": "test-1", "use": "sig", "alg": "ES384"}, private=True)
    table: dict[str, Any] = demo_table(ANYWHERE, key.as_dict(private=True), DATASET)
    alike = {name: table["pms"]["pms"][name] for name in ("time_zone", "mrn_system", "visit_system")}
    table["pms"]["pms"] = described(kind, ANYWHERE, folder, alike) | {"timeout_s": 30.0}
    if kind == "hl7v2":
        table["pms"]["pms"]["port"] = 0
    return adapters(read_settings(environ={}, table=table), [])


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await holds():  # noqa: ASYNC110 - others do it, by themselves
            await asyncio.sleep(0.1)


async def has_all(book: Appointments) -> bool:
    try:
        found = await book.appointments(IDS, ANY)
    except SourceUnavailable:
        return False
    return sum(isinstance(row, Appointment) for row in found.values()) == len(IDS)


@pytest.mark.parametrize("kind", ["hl7v2", "files"])
async def test_a_practice_that_tells_by_itself_tells_its_book_and_what_changes(
    kind: str, tmp_path: Path
) -> None:
    teller = telling(kind, ANYWHERE, tmp_path)
    kept = house(kind, tmp_path)
    book = kept.sources.book

    async with kept.running():
        for source in kept.sources.every:
            if isinstance(source, Hl7Practice):
                teller = ByMessages(await source.listening())
        with background(DATASET, options=Options(telling=teller)) as addresses:
            await until(lambda: has_all(book))
            (told,) = [one for one in kept.changes if one.name == "pms"]
            _, bookmark = await told.changes(None)
            with httpx.Client(base_url=addresses.pms, timeout=30) as staff:
                changed = await asyncio.to_thread(change_command._change, staff, IDS[0], "Moved by telephone")

            async def is_told() -> bool:
                noticed, _ = await told.changes(bookmark)
                return [it.change.id for it in noticed] == [changed]

            await until(is_told)
            (row,) = (await book.appointments([changed], ANY)).values()

    assert isinstance(row, Appointment)
    assert [it.text for it in row.reason_code] == ["Moved by telephone"]


async def test_a_listener_that_comes_later_is_told_all_the_same(tmp_path: Path) -> None:
    kept = house("hl7v2", tmp_path / "first")
    (practice,) = [source for source in kept.sources.every if isinstance(source, Hl7Practice)]
    async with kept.running():
        port = await practice.listening()
    later = house("hl7v2", tmp_path / "second")
    (practice,) = [source for source in later.sources.every if isinstance(source, Hl7Practice)]
    practice._listener._settings = type(practice._listener._settings)(port=port)

    with background(DATASET, options=Options(telling=ByMessages(port))):
        async with later.running():
            await until(lambda: has_all(practice))
            patients = {row["mrn"] for row in DATASET.pms.patients}
            _, end = await practice.changes(None)
            noticed, _ = await practice.changes(f"{end.partition('.')[0]}.0")
            assert {it.mrn for it in noticed if it.change.type.value == "Patient"} == patients
