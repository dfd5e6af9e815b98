"""The trail in SQLite files, one after the other in a directory that several processes of a host may share.

A file holds its records, the plans they refer to, and one row that says which span of the chain it is. When
it is full it is closed, and the chain goes on in the next: closed files may be moved elsewhere. The end of
the chain is read under SQLite's own write lock, so that all writers lengthen the same chain.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.audit.chain import Head, Seals, Span, beginning
from gateway.audit.checkpoints import Checkpoints
from gateway.audit.sink import AuditUnavailable, Item
from gateway.audit.trail import CHECKPOINTS, NAME, SPAN, Row

log = logging.getLogger(__name__)

FULL = 1_000_000
"""How many records a file holds before the next one is begun."""

LOCK_S = 1.0
"""The longest we wait for another process that writes."""

SCHEMA = (
    "CREATE TABLE trail (one INTEGER PRIMARY KEY CHECK (one = 1), chain TEXT NOT NULL,"
    " begin_seq INTEGER NOT NULL, begin_hash BLOB NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,"
    " closed INTEGER NOT NULL, seal BLOB NOT NULL)",
    "CREATE TABLE records (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE plans (digest TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    # Against mistakes: who means to change a record can drop these, and is found by the chain.
    "CREATE TRIGGER records_stay BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END",
    "CREATE TRIGGER records_last BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'append-only'); END",
)


class SqliteSink:
    """The trail in *directory*, made if need be, readable by its owner alone."""

    def __init__(self, directory: Path, seals: Seals, *, full: int = FULL) -> None:
        self._directory = directory
        self._seals = seals
        self._full = full
        self._file: _File | None = None
        self._checkpoints = Checkpoints(directory / CHECKPOINTS, seals)

    def append(self, items: Sequence[Item]) -> Head:
        try:
            span = self._appended(items)
        except (sqlite3.Error, OSError) as fault:
            self._let_go()
            raise AuditUnavailable(_class_of(fault)) from None
        self._checkpoints.note(span)
        return span.end

    def close(self) -> None:
        if self._file is not None:
            self._checkpoints.write()
        self._let_go()

    def _appended(self, items: Sequence[Item]) -> Span:
        if self._file is not None and not self._file.is_in_place():
            log.error("the file of the audit trail was taken away; a checkpoint says how far it went")
            self._checkpoints.write()
            self._let_go()
        file = self._file or self._open()
        while (span := file.append(items, self._full)) is None:
            self._let_go()
            file = self._open()
        if span.is_closed:
            self._let_go()
        return span

    def _open(self) -> _File:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._directory) as directory:
            file = self._newest()
            os.fsync(directory)  # so that the file's name survives as its records do
            return file

    def _newest(self) -> _File:
        """The last file; if there is none, or it is closed, the next one."""
        names = sorted(name for name in os.listdir(self._directory) if NAME.fullmatch(name))
        while names:
            file = self._file = _File(self._directory / names.pop(), self._seals)
            # Whoever made a file may have been stopped before anything was in it.
            span = file.span() if file.is_begun() else None
            if span is not None and not span.is_closed:
                return file
            self._let_go()
            if span is not None:
                return self._begun(span.chain, span.end)
        chain = secrets.token_hex(8)
        log.warning("an audit trail begins: there was none")
        return self._begun(chain, beginning(chain))

    def _begun(self, chain: str, begin: Head) -> _File:
        file = self._file = _File(self._directory / f"{begin.seq + 1:012d}.db", self._seals)
        file.begin(Span(chain, begin, begin, is_closed=False))
        return file

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class _File:
    """One file, open. It is created empty if it is not there."""

    def __init__(self, path: Path, seals: Seals) -> None:
        self._path = path
        self._seals = seals
        self._plans: set[str] = set()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._inode = path.stat().st_ino
        self._connection = sqlite3.connect(
            path, timeout=LOCK_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            self._connection.close()
            raise

    def is_in_place(self) -> bool:
        """Whether what we write to is still what lies under that name."""
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def is_begun(self) -> bool:
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'trail'")
        return found.fetchone() is not None

    def span(self) -> Span:
        """Which part of the chain it holds."""
        row: Row = self._connection.execute(SPAN).fetchone()
        chain, begin_seq, begin_hash, seq, hash_, closed, _ = row
        return Span(chain, Head(begin_seq, begin_hash), Head(seq, hash_), bool(closed))

    def begin(self, span: Span) -> None:
        with self._transaction():
            for statement in SCHEMA:
                self._connection.execute(statement)
            chain, begin, end, closed = span
            self._connection.execute(
                "INSERT INTO trail VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                (chain, begin.seq, begin.hash, end.seq, end.hash, closed, self._seals.of(span)),
            )

    def append(self, items: Sequence[Item], full: int) -> Span | None:
        """The span with these records at its end; None where the file was closed and nothing is done."""
        with self._transaction():
            span = self.span()
            if span.is_closed:
                return None
            head = span.end
            rows = []
            for item in items:
                head = head.then(item.body)
                rows.append((head.seq, head.hash, item.body))
            self._connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
            plans = self._new_plans(items)
            span = span._replace(end=head, is_closed=head.seq - span.begin.seq >= full)
            self._connection.execute(
                "UPDATE trail SET seq = ?, hash = ?, closed = ?, seal = ?",
                (head.seq, head.hash, span.is_closed, self._seals.of(span)),
            )
        self._plans |= plans
        return span

    def _new_plans(self, items: Sequence[Item]) -> set[str]:
        new = {item.plan for item in items if item.plan is not None and item.plan.digest not in self._plans}
        if new:
            self._connection.executemany("INSERT OR IGNORE INTO plans VALUES (?, ?)", new)
        return {plan.digest for plan in new}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()


def _class_of(fault: Exception) -> str:
    """SQLite's name of the error, or the system's, or the exception's."""
    if isinstance(fault, sqlite3.Error) and getattr(fault, "sqlite_errorname", None):
        return fault.sqlite_errorname
    if isinstance(fault, OSError) and fault.errno is not None:
        return errno.errorcode.get(fault.errno, "OSError")
    return type(fault).__name__


@contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """One process at a time opens files there, so that two do not begin the same one."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)
