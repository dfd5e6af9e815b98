"""A trail as it is read: its parts in order, each with its records and the plans they refer to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.audit.chain import Head, Span
from gateway.audit.entries import Record, decoded

NAME = re.compile(r"\d{12}\.db")
"""A part's file: the number of its first record."""

CHECKPOINTS = "checkpoints"
"""The file beside the parts that says where the chain stood from time to time."""


SPAN = "SELECT chain, begin_seq, begin_hash, seq, hash, closed, seal FROM trail"

Row = tuple[str, int, bytes, int, bytes, int, bytes]


class Stored(NamedTuple):
    """One record as it lies there; each of them may have been tampered with."""

    seq: int
    hash: object
    body: object

    def record(self) -> Record:
        """The record it is. Raises RecordUnreadable."""
        if not isinstance(self.body, bytes):
            raise RecordUnreadable(self.seq)
        try:
            return decoded(self.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise RecordUnreadable(self.seq) from None


class RecordUnreadable(Exception):
    """What lies under that number is no record."""


class Part(NamedTuple):
    """A part of a trail, as it lies there. `records` come in the order of their numbers, and only once."""

    name: str
    span: Span
    seal: object
    plans: Mapping[str, object]
    records: Iterable[Stored]


class TrailUnreadable(Exception):
    """What is there is no audit trail, or is damaged so that it can't be read. The text says where."""

    def __init__(self, where: Path | str) -> None:
        super().__init__(f"`{where}` can't be read as an audit trail: it is damaged, or something else")


class TrailMissing(Exception):
    """There is no trail. The text says where."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"there is no audit trail at `{where}`; name its directory, a file of it, or its --url"
        )


class TrailUnreachable(Exception):
    """It can't be told whether there is a trail. The text says where, and has a class of error."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"the audit trail at `{where}` can't be reached ({why}); check address, role and rights"
        )


def files(path: Path) -> list[Path]:
    """The parts' files: *path* itself, or those in that directory, in order.

    Raises:
        FileNotFoundError: there is none.
    """
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if NAME.fullmatch(file.name))
        if found:
            return found
    elif path.exists():
        return [path]
    raise FileNotFoundError(path)


@contextmanager
def opened(path: Path) -> Iterator[Part]:
    """The part in that file, as it is at this moment: what is added meanwhile is not in it.

    Raises:
        TrailUnreadable: there or while it is read.
    """
    try:
        with closing(_connected(path)) as connection:
            connection.execute("BEGIN")
            span, seal = _span(connection.execute(SPAN).fetchone(), path)
            plans = dict(connection.execute("SELECT digest, body FROM plans"))
            records = connection.execute("SELECT seq, hash, body FROM records ORDER BY seq")
            yield Part(path.name, span, seal, plans, (_stored(row, path) for row in records))
    except (sqlite3.Error, UnicodeDecodeError):  # the latter from a text that is damaged
        raise TrailUnreadable(path) from None


def _stored(row: tuple[Any, ...], path: Path) -> Stored:
    if not isinstance(row[0], int):  # a damaged page can give a key that no table holds
        raise TrailUnreadable(path)
    return Stored(*row)


def _span(row: object, path: Path) -> tuple[Span, bytes]:
    try:
        chain, begin_seq, begin_hash, seq, hash_, closed, seal = msgspec.convert(row, Row)
    except msgspec.ValidationError:
        raise TrailUnreadable(path) from None
    return Span(chain, Head(begin_seq, begin_hash), Head(seq, hash_), bool(closed)), seal


def _connected(path: Path) -> sqlite3.Connection:
    address = path.absolute().as_uri()
    # A file whose writers are gone has no journal beside it, and may lie where nobody can make one.
    is_at_rest = not path.with_name(path.name + "-wal").exists()
    return sqlite3.connect(f"{address}?mode=ro{'&immutable=1' if is_at_rest else ''}", uri=True)
