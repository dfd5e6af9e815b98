"""Practices that nobody asks over HTTP: files in a folder, HL7 v2 messages, and a database of their own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from sandbox.pms.export import Export
from sandbox.pms.messages import Messages
from sandbox.pms.sender import line
from sandbox.records import Dataset
from tests.sources import filed
from tests.sources.practice_tables import MAPPED, STATUSES, laid_out

STAMP = "20260101000000"
LOOK_EVERY_S, LISTENS_WITHIN_S = 0.2, 60.0

Table = dict[str, Any]
Filled = Callable[[], None]


def files(dataset: Dataset, folder: Path) -> tuple[Table, Filled]:
    """The settings of a practice that writes files there, and what writes them."""
    written = folder / "written"
    written.mkdir(parents=True)
    feeds = {each.name: _feed(each) for each in filed.SETTINGS.feeds}
    kept = {"directory": str(folder), "path": str(written), "look_every_s": LOOK_EVERY_S}
    export = Export(written, dataset.pms)
    return {"kind": "files", "feeds": feeds, **kept}, lambda: export.all(STAMP)


def _feed(made: Any) -> Table:
    names = ("kind", "pattern", "format", "mode", "whole", "row", "most_deleted")
    given = {name: getattr(made, name) for name in names}
    return given | {"columns": dict(made.columns), "statuses": dict(made.statuses)}


def messages(dataset: Dataset, folder: Path) -> tuple[Table, Filled]:
    """The settings of a practice that sends messages, and what sends those of its whole book."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    table = {"kind": "hl7v2", "port": port, "directory": str(folder)}
    return table, lambda: asyncio.run(_send(port, dataset))


async def _send(port: int, dataset: Dataset) -> None:
    written = Messages(dataset.pms.time_zone)
    await _listening(port)
    async with line(port) as sender:
        for row in dataset.pms.appointments:
            answer = await sender.send(written.booked(row))
            assert "\rMSA|AA|" in answer, "a message was refused"


async def _listening(port: int) -> None:
    """Returns when the gateway listens, which it begins to beside everything else."""
    async with asyncio.timeout(LISTENS_WITHIN_S):
        while True:
            with suppress(ConnectionRefusedError):
                async with line(port):
                    return
            await asyncio.sleep(0.05)


def database(dataset: Dataset, url: str) -> tuple[Table, Filled]:
    """The settings of a practice whose database is at *url*, and nothing more to do."""
    held = deepcopy(dataset)
    for place in held.pms.locations:
        place["address"]["state"] = "IL"  # the table has room for two letters
    laid_out(url, held).dispose()
    tables = {of: {"table": it.name, "columns": dict(it.columns)} for of, it in MAPPED.items()}
    return {"kind": "database", "url": url, "statuses": STATUSES, **tables}, lambda: None
