"""Owns where files come from: a folder that is listed and read, and never written to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import anyio.to_thread

from sources.pms.files.faults import BadFile

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
"""Names' ends by which those who write files mark what they have not finished."""


class Entry(NamedTuple):
    """A file as a listing has it; the time is only compared."""

    name: str
    size: int
    modified: int


class Opened(Protocol):
    """A folder that is open."""

    async def entries(self) -> Sequence[Entry]:
        """Its files, but for those that are hidden or not finished. Raises: OSError."""
        ...

    async def read(self, name: str, most: int) -> bytes:
        """A file's content. Raises: OSError; BadFile if it is longer than *most* bytes."""
        ...


class Folder(Protocol):
    """A folder, which is opened for each look."""

    @asynccontextmanager
    def opened(self) -> AsyncIterator[Opened]:
        """Raises: OSError if it cannot be reached."""
        ...


class LocalFolder:
    """A folder of this machine, or mounted here."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LocalFolder]:
        yield self

    async def entries(self) -> Sequence[Entry]:
        return await anyio.to_thread.run_sync(self._entries)

    def _entries(self) -> Sequence[Entry]:
        # A link may lead out of the folder: only files that lie in it are read.
        files = [path for path in self._path.iterdir() if path.is_file() and not path.is_symlink()]
        found = [(path.name, path.stat()) for path in files if is_finished(path.name)]
        return [Entry(name, stat.st_size, stat.st_mtime_ns) for name, stat in found]

    async def read(self, name: str, most: int) -> bytes:
        return await anyio.to_thread.run_sync(self._read, name, most)

    def _read(self, name: str, most: int) -> bytes:
        with (self._path / name).open("rb") as file:
            return bounded(file.read(most + 1), most)


def is_finished(name: str) -> bool:
    """Whether a file of that name may be looked at."""
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED)


def bounded(content: bytes, most: int) -> bytes:
    """*content*, of which one byte more was read than it may have.

    Raises:
        BadFile: it has it.
    """
    if len(content) > most:
        raise BadFile("it is longer than a file may be")
    return content
