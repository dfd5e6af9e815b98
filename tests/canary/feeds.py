"""Practices that nobody asks over HTTP: files in a folder, HL7 v2 messages, and a database of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.pms.export import Export
from sandbox.pms.messages import Messages
from sandbox.pms.sender import line
from sandbox.records import Dataset
from tests.canary import spoiling
from tests.sources import filed
from tests.sources.practice_tables import MAPPED, STATUSES, laid_out

STAMP = "20260101000000"
LOOK_EVERY_S, LISTENS_WITHIN_S = 0.2, 60.0

Table = dict[str, Any]


@dataclass(frozen=True)
class Feed:
    """A practice's settings, and what it does: it tells what it has, and tells it wrongly.

    `spoil` has each way of doing so, given a number to choose rows by; `mend` puts right what would last.
    `said` is what the gateway answered.
    """

    table: Table
    fill: Callable[[], None] = lambda: None
    spoil: Mapping[str, Callable[[int], None]] = field(default_factory=dict)
    mend: Callable[[], None] = lambda: None
    said: list[str] = field(default_factory=list)


def files(dataset: Dataset, folder: Path) -> Feed:
    """A practice that writes files there."""
    written, drafts = folder / "written", folder / "drafts"
    for each in (written, drafts):
        each.mkdir(parents=True)
    feeds = {each.name: _feed(each) for each in filed.SETTINGS.feeds}
    kept = {"directory": str(folder), "path": str(written), "look_every_s": LOOK_EVERY_S}
    export, draft = Export(written, dataset.pms), Export(drafts, dataset.pms)

    def rows(spoilt: spoiling.OfText) -> Callable[[int], None]:
        def write(number: int) -> None:
            whole = draft.appointments(dataset.pms.appointments, "draft.csv").read_bytes()
            export.write(f"appointments_{_stamp(number)}.csv", spoilt(whole, number))

        return write

    def elements(spoilt: spoiling.OfText) -> Callable[[int], None]:
        def write(number: int) -> None:
            whole = draft.coverages("draft.xml").read_bytes()
            export.write(f"coverages_{_stamp(number)}.xml", spoilt(whole, number))

        return write

    spoil = {name: rows(how) for name, how in spoiling.ROWS.items()}
    spoil |= {name: elements(how) for name, how in spoiling.ELEMENTS.items()}
    return Feed({"kind": "files", "feeds": feeds, **kept}, lambda: export.all(STAMP), spoil)


def _stamp(number: int) -> str:
    return str(int(STAMP) + number)


def _feed(made: Any) -> Table:
    names = ("kind", "pattern", "format", "mode", "whole", "row", "most_deleted")
    given = {name: getattr(made, name) for name in names}
    return given | {"columns": dict(made.columns), "statuses": dict(made.statuses)}


def messages(dataset: Dataset, folder: Path) -> Feed:
    """A practice that sends messages, those of its whole book first."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said: list[str] = []

    def message(spoilt: spoiling.OfText) -> Callable[[int], None]:
        def send(number: int) -> None:
            row = dataset.pms.appointments[number % len(dataset.pms.appointments)]
            # A name for the sender of its own: its control ids are those of no other.
            body = Messages(dataset.pms.time_zone).booked(row).replace("|MSG", f"|BAD{number}X", 1)
            asyncio.run(_sent(port, spoilt(body.encode(), number), said))

        return send

    return Feed(
        {"kind": "hl7v2", "port": port, "directory": str(folder)},
        lambda: asyncio.run(_send(port, dataset)),
        {name: message(how) for name, how in spoiling.MESSAGES.items()},
        said=said,
    )


async def _send(port: int, dataset: Dataset) -> None:
    written = Messages(dataset.pms.time_zone)
    await _listening(port)
    async with line(port) as sender:
        for row in dataset.pms.appointments:
            answer = await sender.send(written.booked(row))
            assert "\rMSA|AA|" in answer, "a message was refused"


async def _sent(port: int, body: bytes, said: list[str]) -> None:
    async with line(port) as sender:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            said.append(await sender.send(body))


async def _listening(port: int) -> None:
    """Returns when the gateway listens, which it begins to beside everything else."""
    async with asyncio.timeout(LISTENS_WITHIN_S):
        while True:
            with suppress(ConnectionRefusedError):
                async with line(port):
                    return
            await asyncio.sleep(0.05)


def database(dataset: Dataset, url: str) -> Feed:
    """A practice whose database is at *url*."""
    held = deepcopy(dataset)
    for place in held.pms.locations:
        place["address"]["state"] = "IL"  # the table has room for two letters
    owner = laid_out(url, held)
    owner.dispose()  # as after each change: no connection of ours outlasts it
    tables = {of: {"table": it.name, "columns": dict(it.columns)} for of, it in MAPPED.items()}
    rows = held.pms.appointments

    def change(how: spoiling.OfRow) -> Callable[[int], None]:
        return lambda number: spoiling.written(owner, rows[number % len(rows)], how)

    return Feed(
        {"kind": "database", "url": url, "statuses": STATUSES, **tables},
        spoil={name: change(how) for name, how in spoiling.COLUMNS.items()},
        mend=lambda: spoiling.written_anew(owner, rows),
    )
