"""Owns the projection's database: opened in one version for one source, read by many, written by one.

The database is driven synchronously in worker threads. SQLite has no other way (its asyncio drivers are
threads, too), a read takes less than a millisecond, and the same statements serve PostgreSQL.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from sources.errors import SourceRejected, SourceUnavailable
from sources.pms.projection.exclusive import exclusive, lock_number
from sources.pms.projection.tables import SCHEMA_VERSION, meta, metadata
from sources.ports import Health

T = TypeVar("T")

READERS = 4
"""How many reads one process has under way; the others wait for their turn."""

BUSY_MS = 5_000
"""How long SQLite waits for another process's commit."""

_log = logging.getLogger(__name__)


class Store:
    """The projection of the source *name* at *url* (`sqlite:///path`, `postgresql+psycopg://…`).

    It is opened by its first use, so that a database that is down at the start costs nothing but answers.

    Raises:
        ValueError: *url* is no URL of a database that a projection can be in.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = _parsed(url)
        self._reading: Engine | None = None
        self._writing: Engine | None = None
        self._opening = threading.Lock()
        self._readers = anyio.CapacityLimiter(READERS)
        self._writer = anyio.CapacityLimiter(1)
        self._up = True
        self._since = _now()

    def health(self, kind: str) -> Health:
        """Whether the last use of the database went well."""
        return Health(self.name, kind, self._up, self._since)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What *work* gives in a transaction that only reads.

        Raises:
            SourceUnavailable: the database does not answer.
        """

        def run() -> T:
            with self._faults(), self._opened()[0].connect() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(run, limiter=self._readers, abandon_on_cancel=True)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What *work* gives in a transaction of its own: durable when this returns, undone if it raises.

        Raises:
            SourceUnavailable: the database does not answer; nothing was changed.
            DBAPIError: what was to be written does not fit.
        """
        return await anyio.to_thread.run_sync(lambda: self.write_here(work), limiter=self._writer)

    def write_here(self, work: Callable[[Connection], T]) -> T:
        """The same in this thread."""
        with self._faults(), self._opened()[1].begin() as connection:
            _alone(connection, self.name)
            return work(connection)

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[bool]:
        """Whether this process, and no other, may write for as long as the block runs.

        Raises:
            SourceUnavailable: the database does not answer.
        """
        held = ExitStack()

        def take() -> bool:
            with self._faults():
                self._opened()
                return held.enter_context(exclusive(self._url, self.name))

        try:
            yield await anyio.to_thread.run_sync(take)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(held.close)

    async def close(self) -> None:
        """Let go of every connection."""
        for engine in (self._reading, self._writing):
            if engine is not None:
                await anyio.to_thread.run_sync(engine.dispose)
        self._reading = self._writing = None

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, DataError):
            raise  # it does answer: what it was given does not fit, and will not the next time either
        except (SQLAlchemyError, OSError) as fault:
            self._saw(False)
            # Its class alone: a driver's message may quote the row.
            _log.warning("projection fails", extra={"source": self.name, "error": type(fault).__name__})
            raise SourceUnavailable(self.name, "the projection's database does not answer") from None
        self._saw(True)

    def _saw(self, is_well: bool) -> None:
        if is_well != self._up:
            self._up, self._since = is_well, _now()

    def _opened(self) -> tuple[Engine, Engine]:
        with self._opening:
            if self._reading is None or self._writing is None:
                if self._url.get_backend_name() == "sqlite":
                    _make_private(Path(self._url.database or ""))
                writing = _engine(self._url, 1, is_reader=False)
                with writing.begin() as connection:
                    _migrate(connection, self.name)
                self._writing, self._reading = writing, _engine(self._url, READERS, is_reader=True)
            return self._reading, self._writing


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise ValueError("the projection's database is no URL of SQLite or PostgreSQL") from None
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("a projection is in SQLite or PostgreSQL; set its database to a URL of one of them")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ValueError("a projection in SQLite needs a file, such as sqlite:///projection/pms.sqlite3")
    return parsed


def _make_private(path: Path) -> None:
    """The file, readable by its owner alone before there is anything in it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)


def _engine(url: URL, connections: int, *, is_reader: bool) -> Engine:
    options: dict[str, Any] = {"pool_size": connections, "max_overflow": 0, "hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"check_same_thread": False}, **options)
        _drive_sqlite(engine, is_reader)
        return engine
    isolation = "REPEATABLE READ" if is_reader else "READ COMMITTED"
    options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}, "isolation_level": isolation}
    return create_engine(url, **options)


def _drive_sqlite(engine: Engine, is_reader: bool) -> None:
    """Transactions are begun by us: a writer takes its lock at once, a reader has one view of all rows."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"busy_timeout = {BUSY_MS}",
            "secure_delete = ON",
            f"query_only = {'ON' if is_reader else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if is_reader else "BEGIN IMMEDIATE")


def _alone(connection: Connection, name: str) -> None:
    """One transaction that writes after the other, of all processes: an operator's command writes, too."""
    if connection.dialect.name == "postgresql":  # SQLite has its lock by now
        number = {"number": lock_number(f"{name}, writing")}
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), number)


def _migrate(connection: Connection, name: str) -> None:
    """Make the tables, or see that they are this source's and of this version."""
    if connection.dialect.name == "postgresql":  # SQLite has its lock by now
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": lock_number("schema")})
    found = _found(connection)
    if not found:
        metadata.create_all(connection)
        rows = {"version": str(SCHEMA_VERSION), "source": name, "store": os.urandom(8).hex()}
        connection.execute(insert(meta), [{"name": key, "value": value} for key, value in rows.items()])
    elif found.get("version") != str(SCHEMA_VERSION):
        versions = f"is of schema version {found.get('version')}, and this CareGraph's is {SCHEMA_VERSION}"
        step = "move it away (it holds patient data) or name a new one, and have the feed send all again"
        raise SourceRejected(name, f"the projection's database {versions}; {step}")
    elif found.get("source") != name:
        raise SourceRejected(name, "the projection's database is another source's; give each one its own")


def _found(connection: Connection) -> dict[str, str]:
    """What the database says of itself; nothing if it is new."""
    if not inspect(connection).has_table(meta.name):
        return {}
    return {row.name: row.value for row in connection.execute(select(meta))}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
