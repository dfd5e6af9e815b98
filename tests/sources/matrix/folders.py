"""Owns the files over SFTP in the matrix: a real server, a line to it that can be spoilt, and wrong files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from sandbox.pms.export import Export
from sandbox.records import Pms
from sources.pms.files import FeedSettings, FilesPractice, FilesSettings, State
from sources.pms.files.sftp import SftpFolder, SftpSettings
from tests.sources.filed import practice, sftp_server
from tests.sources.matrix.practices import ask_appointments
from tests.sources.matrix.spoilt_line import Line, Relay, cut, frozen_after, passed, reset, silence
from tests.sources.matrix.trying import SAID, Trial

COLUMNS = {"id": "ID", "mrn": "CHART", "status": "STATUS", "start": "STARTS", "minutes": "MIN"}
FEED = FeedSettings("book", "appointments", "book_{stamp}.csv", COLUMNS, whole="sha256")
HOUSE = FilesSettings("it", "America/Chicago", (FEED,), max_bytes=5_000)
HEADER = ",".join(COLUMNS.values())
ROWS = [f"{n},M{n},booked,2026-12-01T10:00,30" for n in range(1, 31)]

RELAYS: dict[str, Relay] = {
    "reset": reset,
    "slow first byte": silence,
    "cut connection": cut,
}
FILES: dict[str, tuple[list[str], list[State]]] = {
    "HTML": (["<html>", SAID, "</html>"], [State.REFUSED]),
    "wrong type": ([HEADER, *ROWS, f"31,M31,{SAID},2026-12-01T10:00,30"], [State.APPLIED]),
    "unknown field": ([f"{HEADER},VENDOR", *(f"{row},{SAID}" for row in ROWS)], [State.REFUSED]),
    "duplicate row": ([HEADER, *ROWS, ROWS[0]], [State.APPLIED]),
    "empty page": ([HEADER], [State.HELD]),
    "endless paging": ([HEADER, *ROWS * 10], [State.REFUSED]),
}
"""What the next file holds, and what becomes of it."""


class Files:
    """The adapter whose practice puts files on an SFTP server; one file was taken, unless none could be."""

    @asynccontextmanager
    async def under(self, fault: str, folder: Path) -> AsyncIterator[Trial]:
        """See `Subject`."""
        data, inbox, keys = (folder / name for name in ("data", "in", "keys"))
        for each in (data, inbox, keys):
            each.mkdir()
        export = Export(inbox, Pms())
        async with sftp_server(inbox, keys) as port:
            line = Line(port, passed)
            await line.open()
            _known(keys, line.port)
            made = practice(data, _sftp(keys, line.port), HOUSE)
            export.write("book_20261120010000.csv", _csv([HEADER, *ROWS]))
            assert await _looked(made) == [State.APPLIED]
            await _wrong(fault, line, keys, export, made)

            async def heal() -> None:
                await line.mend()
                _known(keys, line.port)
                export.write("book_20261122010000.csv", _csv([HEADER, *ROWS]))
                assert (await _looked(made))[-1] is State.APPLIED

            try:
                yield Trial(lambda: ask_appointments(made), heal)
            finally:
                await line.close()
                await made.close()


async def _wrong(fault: str, line: Line, keys: Path, export: Export, made: FilesPractice) -> None:
    """Bring the fault about, and see what a look at the folder comes to."""
    if fault in FILES:
        rows, states = FILES[fault]
        export.write("book_20261121010000.csv", _csv(rows))
        assert await _looked(made) == states
        return
    if fault == "cut JSON":
        path = export.write("book_20261121010000.csv", _csv([HEADER, *ROWS]))
        path.write_bytes(path.read_bytes()[:40])
        assert [await _looked(made) for _ in range(3)] == [[], [State.REFUSED], []]
        return
    given = line.given
    if fault == "slow body":  # more is to come than came the last time
        export.write("book_20261121010000.csv", _csv([HEADER, *ROWS]))
    await line.close()
    if fault != "refused":
        line.relay = frozen_after(given - 100) if fault == "slow body" else RELAYS.get(fault, passed)
        await line.open()
    await _not_looked(fault, line, keys, made)


async def _not_looked(fault: str, line: Line, keys: Path, made: FilesPractice) -> None:
    changed: dict[str, dict[str, Any]] = {
        "revoked credential": {"key": None, "password": SAID},
        "no rights": {"path": "/nowhere"},
    }
    if fault == "TLS failure":
        others = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        (keys / "known_hosts").write_text(f"[127.0.0.1]:{line.port} {others}")
    usual = made.looks._folder
    made.looks._folder = _sftp(keys, line.port, timeout_s=2.0, **changed.get(fault, {}))
    with pytest.raises(OSError) as raised:  # noqa: PT011 - which one depends on how far it came
        await made.looks.look()
    made.looks._folder = usual
    assert SAID not in str(raised.value)


async def _looked(made: FilesPractice) -> list[State]:
    return [one.state for one in await made.looks.look()]


def _known(keys: Path, port: int) -> None:
    """The server is known at that port."""
    saved = keys / "saved"
    if not saved.exists():
        saved.write_text((keys / "known_hosts").read_text().partition(" ")[2])
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {saved.read_text()}")


def _sftp(keys: Path, port: int, **given: Any) -> SftpFolder:
    options = {"path": "/", "port": port, "key": f"{keys}/id", "known_hosts": f"{keys}/known_hosts", **given}
    return SftpFolder(SftpSettings("127.0.0.1", "caregraph", **options))


def _csv(rows: list[str]) -> bytes:
    return "\n".join([*rows, ""]).encode()
