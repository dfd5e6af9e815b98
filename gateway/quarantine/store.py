"""Owns the file of the quarantine: what was refused, by source, kind and reason, and what was released.

SQLite, readable by its owner alone; processes of one host share it. It holds no value of any record.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from sources.calling import Flaw

AT_MOST = 10_000
"""How many groups are kept; the ones seen longest ago go first."""

BUSY_S = 5.0

_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, why TEXT NOT NULL,
    is_extra INTEGER NOT NULL, count INTEGER NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL,
    record TEXT, lists TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entry_by_age ON entry (last_seen);
CREATE TABLE IF NOT EXISTS released (
    source TEXT NOT NULL, field TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (source, field)
) STRICT;
CREATE TABLE IF NOT EXISTS lost (what TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT;
"""

_ADD = """
INSERT INTO entry
VALUES (:id, :source, :kind, :field, :why, :is_extra, :count, :first, :last, :record, :lists)
ON CONFLICT (id) DO UPDATE SET count = count + excluded.count, last_seen = excluded.last_seen,
    record = coalesce(excluded.record, record), lists = excluded.lists
"""
_BOUND = """
DELETE FROM entry WHERE id IN (
    SELECT id FROM entry ORDER BY last_seen DESC, id LIMIT -1 OFFSET :most)
"""
_LOSE = "INSERT INTO lost VALUES (?, ?) ON CONFLICT (what) DO UPDATE SET count = count + excluded.count"


class StoreUnusable(Exception):
    """The file cannot be read or written; the text says what to do."""


class NotReleasable(Exception):
    """What was asked to be released cannot be; the text says why, and what helps."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """All refusals of one *source* for one reason.

    `field` is the path of the field, its kind in front. `record` is the pseudonym of the record that was
    refused last, as in the audit if it is a patient. `lists` are the versions of the source's allow-lists.
    """

    id: str
    source: str
    kind: str
    field: str
    why: str
    is_extra: bool
    count: int
    first_seen: str
    last_seen: str
    record: str | None
    lists: str


class Released(NamedTuple):
    """A field that a person allowed a source to send."""

    source: str
    field: str
    by: str
    at: str
    entry: str


class Seen(NamedTuple):
    """How often something was refused since it was last told, when first and last, and of which record."""

    source: str
    flaw: Flaw
    times: int
    first: str
    last: str
    record: str | None
    lists: str


def fingerprint(source: str, flaw: Flaw) -> str:
    """The id of the entry of all that *source* sent with that *flaw*."""
    return sha256("\n".join((source, flaw.kind, flaw.why)).encode()).hexdigest()[:12]


class Store:
    """The quarantine in the file *path*. Every method opens it anew, and is for a thread of its own.

    Raises:
        StoreUnusable: from every method, if the file cannot be used.
    """

    def __init__(self, path: Path, at_most: int = AT_MOST) -> None:
        self.path = path
        self._at_most = at_most

    def add(self, seen: Iterable[Seen], lost: int = 0) -> None:
        """Keep what was *seen*; *lost* more were not told."""
        rows = [
            {
                "id": fingerprint(it.source, it.flaw),
                "source": it.source,
                **it.flaw._asdict(),
                "count": it.times,
                "first": it.first,
                "last": it.last,
                "record": it.record,
                "lists": it.lists,
            }
            for it in seen
        ]
        with self._opened(makes=True) as connection:
            connection.executemany(_ADD, rows)
            dropped = connection.execute(_BOUND, {"most": self._at_most}).rowcount
            for what, count in (("dropped", dropped), ("lost", lost)):
                if count:
                    connection.execute(_LOSE, (what, count))

    def entries(self, source: str | None = None) -> list[Entry]:
        """What is kept, of one *source* or all, seen last first."""
        asked = "SELECT * FROM entry WHERE :source IS NULL OR source = :source ORDER BY last_seen DESC, id"
        with self._opened() as connection:
            return [_entry(row) for row in connection.execute(asked, {"source": source})]

    def find(self, id_: str) -> Entry | None:
        """The entry of that id."""
        with self._opened() as connection:
            row = connection.execute("SELECT * FROM entry WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _entry(row)

    def drop(self, id_: str) -> bool:
        """Let go of the entry; whether there was one. What is refused again makes it anew."""
        with self._opened() as connection:
            return connection.execute("DELETE FROM entry WHERE id = ?", (id_,)).rowcount > 0

    def release(self, id_: str, by: str) -> Released:
        """Allow the source to send the field that the entry tells of, and let go of the entry.

        Raises:
            NotReleasable: there is no such entry, or it is not about a field that nobody knows.
        """
        entry = self.find(id_)
        if entry is None:
            raise NotReleasable(
                f"there is no `{id_}` in quarantine; `caregraph quarantine list` tells what is"
            )
        if not entry.is_extra:
            raise NotReleasable(
                f"`{entry.field}` is no field beside those that are known, but one that does not conform;"
                " have it corrected at the source, or describe it in the settings"
            )
        at = datetime.now(UTC).isoformat(timespec="seconds")
        released = Released(entry.source, entry.field, by[:64], at, id_)
        with self._opened() as connection:
            connection.execute("INSERT OR IGNORE INTO released VALUES (?, ?, ?, ?, ?)", released)
            connection.execute("DELETE FROM entry WHERE id = ?", (id_,))
        return released

    def withdraw(self, source: str, field: str) -> bool:
        """Take a release back; whether there was one."""
        with self._opened() as connection:
            gone = connection.execute("DELETE FROM released WHERE source = ? AND field = ?", (source, field))
            return gone.rowcount > 0

    def released(self) -> list[Released]:
        """The fields that were released, by source; none where there is no file yet."""
        if not self.path.exists():
            return []
        with self._opened() as connection:
            return [Released(*row) for row in connection.execute("SELECT * FROM released ORDER BY 1, 2")]

    def lost(self) -> Mapping[str, int]:
        """How many entries were `dropped` for newer ones, how many refusals `lost` before they came here."""
        with self._opened() as connection:
            return dict(connection.execute("SELECT what, count FROM lost").fetchall())

    @contextmanager
    def _opened(self, *, makes: bool = False) -> Iterator[sqlite3.Connection]:
        if not makes and not self.path.exists():
            raise StoreUnusable(f"there is no quarantine at `{self.path}`; give --config or --path")
        try:
            _make_private(self.path)
            with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as connection, connection:
                connection.executescript(f"PRAGMA journal_mode = WAL; {_TABLES}")
                yield connection
        except (sqlite3.Error, OSError):
            raise StoreUnusable(
                f"the quarantine at `{self.path}` cannot be read or written;"
                " is it the file the settings name, and may this account use it?"
            ) from None


def _entry(row: tuple[object, ...]) -> Entry:
    fields = dict(zip(Entry.__struct_fields__, row, strict=True))
    return msgspec.convert(fields | {"is_extra": bool(fields["is_extra"])}, Entry)


def _make_private(path: Path) -> None:
    """The file, readable by its owner alone before there is anything in it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
