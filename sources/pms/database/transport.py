"""Owns the way of a question to a database and of its rows back, as `sources.calling.Transport`.

So that a database is called as every source is: by a deadline, in a bulkhead, behind a breaker, counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    NoSuchTableError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted

from sources.calling import Fault, Reply, Request, TransportFault
from sources.pms.database.mapping import Table, There
from sources.pms.database.questions import Question, statement
from sources.pms.database.rights import may_write

_QUESTION = msgspec.json.Decoder(Question)
_encode = msgspec.json.Encoder().encode

_CANCELLED = frozenset({"57014", "3024", "1969", "1222"})
"""A statement took too long: PostgreSQL, MySQL, MariaDB, SQL Server (waiting for a lock)."""

_CREDENTIALS = frozenset({"28000", "28P01", "1044", "1045", "1698", "18456"})
"""The account or its password is not accepted."""

_RIGHTS = frozenset({"42501", "1142", "1143", "229", "230", "25006"})
"""The account may not do that."""

_ABSENT = frozenset({"42P01", "42703", "3F000", "1146", "1054", "1049", "208", "207", "3D000"})
"""There is no such database, table or column."""

_WORDS = {"authentication failed": "28P01", "does not exist": "3D000", "permission denied": "42501"}


class DatabaseTransport:
    """Asks *engine*, in worker threads of its own, as many as it may have connections.

    A statement that is given up on ends by its own time limit.
    """

    def __init__(self, engine: Engine, tables: Mapping[str, Table], connections: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="database")
        self._tables = dict(tables)
        self._found: dict[str, There] = {}

    async def send(self, request: Request, timeout_s: float) -> Reply:
        question = _QUESTION.decode(request.body or b"")
        try:
            async with asyncio.timeout(timeout_s):
                loop = asyncio.get_running_loop()
                rows = await loop.run_in_executor(self._threads, self._rows, question)
        except TimeoutError:
            raise TransportFault(Fault.SLOW) from None
        except SQLAlchemyError as error:
            return _refused(error)
        except KeyError:  # a column that is not there
            return Reply(404, {}, b"")
        try:
            return Reply(200, {}, _encode({"rows": rows}))
        except (TypeError, ValueError):  # a column of a type that has no text, such as a picture
            raise TransportFault(Fault.UNREADABLE) from None

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._engine.dispose)

    def _rows(self, question: Question) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            if question.rights:
                return [{"may_write": may_write(connection, self._tables[question.of])}]
            asked = statement(question, self._there(question.of, connection))
            if asked is None:
                return []
            result = connection.execute(asked)
            names = tuple(result.keys())
            return [dict(zip(names, map(_plain, row), strict=True)) for row in result]

    def _there(self, kind: str, connection: Connection) -> There:
        if kind not in self._found:
            self._found[kind] = There.reflected(self._tables[kind], connection)
        return self._found[kind]


def _plain(value: Any) -> Any:
    """A value as it was meant: columns of a fixed width come filled up with blanks."""
    return value.rstrip(" ") if isinstance(value, str) else value


def _refused(error: SQLAlchemyError) -> Reply:
    """The status that HTTP has for what the database said.

    Raises:
        TransportFault: there was no answer.
    """
    if isinstance(error, NoSuchTableError):
        return Reply(404, {}, b"")
    code = _code(error)
    if isinstance(error, PoolExhausted) or code in _CANCELLED:
        raise TransportFault(Fault.SLOW) from None
    if code in _CREDENTIALS:
        return Reply(401, {}, b"")
    if code in _RIGHTS:
        return Reply(403, {}, b"")
    if code in _ABSENT:
        return Reply(404, {}, b"")
    if isinstance(error, OperationalError | InterfaceError):
        raise TransportFault(Fault.BROKEN) from None
    return Reply(400 if isinstance(error, ProgrammingError) else 500, {}, b"")


def _code(error: SQLAlchemyError) -> str:
    """The database's own code of an error: SQLSTATE, or the vendor's number."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return ""
    first = error.orig.args[0] if error.orig.args else ""
    number = first[0] if isinstance(first, tuple) else first
    if isinstance(number, int):
        return str(number)
    state = getattr(error.orig, "sqlstate", None)
    # While it connects, PostgreSQL's driver knows no SQLSTATE, only the server's words.
    return state or next((code for words, code in _WORDS.items() if words in str(first)), "")
