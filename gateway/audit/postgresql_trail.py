"""A trail in PostgreSQL as it is read: as it is at one moment, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from gateway.audit.chain import Head, Span, beginning
from gateway.audit.trail import Part, Stored, TrailMissing, TrailUnreachable, TrailUnreadable

_AT_ONCE = 1_000
_CHAIN = "SELECT name, seal FROM caregraph_audit.chain"
_LAST = "SELECT seq, hash, seal FROM caregraph_audit.records ORDER BY seq DESC LIMIT 1"
_PLANS = "SELECT digest, body FROM caregraph_audit.plans"
_RECORDS = "SELECT seq, hash, body FROM caregraph_audit.records ORDER BY seq"


@contextmanager
def opened(url: str) -> Iterator[Part]:
    """The trail in that database, all of it, as it is at this moment.

    Raises:
        TrailUnreachable: the database can't be reached, or does not let us read.
        TrailMissing: there is none.
        TrailUnreadable: while it is read.
    """
    where = place(url)
    try:
        with psycopg.connect(url, connect_timeout=10, application_name="caregraph audit") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            span, seal = _span(connection, where)
            plans: dict[str, object] = dict(connection.execute(_PLANS).fetchall())
            with connection.cursor("records") as records:
                records.itersize = _AT_ONCE
                records.execute(_RECORDS)
                yield Part(where, span, seal, plans, (Stored(*row) for row in records))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise TrailMissing(where) from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as fault:
        raise TrailUnreachable(where, type(fault).__name__) from None
    except psycopg.Error:
        raise TrailUnreadable(where) from None


def place(url: str) -> str:
    """How the database is called in messages: without its user and password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "an address that does not begin with postgresql://"
    host, port, name = (parts.get(part) for part in ("host", "port", "dbname"))
    return f"postgresql://{host or ''}{f':{port}' if port else ''}/{name or ''}"


def _span(connection: psycopg.Connection[TupleRow], where: str) -> tuple[Span, object]:
    chain = connection.execute(_CHAIN).fetchone()
    last = connection.execute(_LAST).fetchone()
    if chain is None and last is None:
        raise TrailMissing(where)
    if chain is None:
        raise TrailUnreadable(where)
    name, begun = chain
    begin = beginning(name)
    if last is None:
        return Span(name, begin, begin, is_closed=False), begun
    seq, hash_, seal = last
    return Span(name, begin, Head(seq, hash_), is_closed=False), seal
