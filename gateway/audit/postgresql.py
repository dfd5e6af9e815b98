"""The trail in PostgreSQL: one chain, which every gateway that writes there lengthens.

A batch is one transaction of two round trips. The first takes a lock, for so long as the transaction lasts,
and reads where the chain ends; the second adds the records behind it, the last with a seal, and commits. Two
writers can't add the same number, lock or no lock. The writer's role needs to INSERT and to SELECT only.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from gateway.audit.chain import Head, Seals, Span, beginning
from gateway.audit.checkpoints import Checkpoints
from gateway.audit.postgresql_schema import DEFINITION, LOCK
from gateway.audit.sink import AuditUnavailable, Item

log = logging.getLogger(__name__)

CONNECT_S = 2
"""The longest we wait for a connection; libpq waits no shorter."""

IDLE_S = 5
"""A gateway that stands still in its turn for so long loses it."""

_NETWORK: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
"""A server that is gone without a word counts as gone after so long."""

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_TURN = f"SELECT pg_advisory_xact_lock({LOCK})"
_END = (
    "SELECT name, seq, hash FROM caregraph_audit.chain LEFT JOIN"
    " (SELECT seq, hash FROM caregraph_audit.records ORDER BY seq DESC LIMIT 1) AS last ON true"
)
_ADD_CHAIN = "INSERT INTO caregraph_audit.chain (name, seal) VALUES (%s, %s)"
_ADD_PLAN = "INSERT INTO caregraph_audit.plans VALUES (%s, %s) ON CONFLICT DO NOTHING"
_ADD_RECORD = "INSERT INTO caregraph_audit.records VALUES (%s, %s, %s, %s)"

Connection = psycopg.Connection[TupleRow]


class PostgresSink:
    """The trail in the database at *url* (libpq's form). Checkpoints of it are kept outside of it.

    For our turn we wait up to *timeout_s*; then those who wait for the records are told that they are not.
    """

    def __init__(self, url: str, seals: Seals, checkpoints: Checkpoints, *, timeout_s: float) -> None:
        self._url = url
        self._seals = seals
        self._checkpoints = checkpoints
        self._session = (
            f"SET lock_timeout = '{int(timeout_s * 1e3)}ms';"
            f" SET idle_in_transaction_session_timeout = '{IDLE_S}s'"
        )
        self._connection: Connection | None = None
        self._plans: set[str] = set()

    def append(self, items: Sequence[Item]) -> Head:
        try:
            connection = self._connection or self._open()
            span = self._appended(connection, items)
        except (psycopg.Error, UnicodeError) as fault:  # the latter from a URL that is none
            self._let_go()
            raise AuditUnavailable(type(fault).__name__) from None
        self._checkpoints.note(span)
        return span.end

    def close(self) -> None:
        self._checkpoints.write()
        self._let_go()

    def _open(self) -> Connection:
        connection = self._connection = psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="caregraph", **_NETWORK
        )
        self._plans.clear()
        connection.execute(self._session, prepare=False)
        found = connection.execute("SELECT to_regclass('caregraph_audit.records')").fetchone()
        if found is None or found[0] is None:
            self._define(connection)
        return connection

    def _define(self, connection: Connection) -> None:
        try:
            connection.execute(f"{_BEGIN}; {_TURN}; {DEFINITION}; COMMIT", prepare=False)
        except psycopg.errors.InsufficientPrivilege:
            log.error("the audit tables are not there; have their owner run `caregraph audit sql`")
            raise
        log.warning("the audit tables were made by the gateway's own role, which may change them, too")

    def _appended(self, connection: Connection, items: Sequence[Item]) -> Span:
        chain, begin = self._turn(connection)
        head = begin
        rows: list[tuple[int, bytes, bytes, bytes | None]] = []
        for item in items:
            head = head.then(item.body)
            rows.append((head.seq, head.hash, item.body, None))
        span = Span(chain, beginning(chain), head, is_closed=False)
        rows[-1] = (*rows[-1][:3], self._seals.of(span))
        plans = {item.plan for item in items if item.plan is not None and item.plan.digest not in self._plans}
        with connection.pipeline(), connection.cursor() as cursor:
            if plans:
                cursor.executemany(_ADD_PLAN, plans)
            cursor.executemany(_ADD_RECORD, rows)
            cursor.execute("COMMIT")
        self._plans |= {plan.digest for plan in plans}
        return span

    def _turn(self, connection: Connection) -> tuple[str, Head]:
        """Begins the transaction in which it is our turn: the chain, and where it ends."""
        # One message, but three statements: one that began before the lock would not see the end.
        cursor = connection.execute(f"{_BEGIN}; {_TURN}; {_END}", prepare=False)
        while cursor.nextset():
            pass
        row = cursor.fetchone()
        if row is None:
            return self._begun(connection)
        name, seq, hash_ = row
        return name, beginning(name) if seq is None else Head(seq, hash_)

    def _begun(self, connection: Connection) -> tuple[str, Head]:
        chain = secrets.token_hex(8)
        begin = beginning(chain)
        connection.execute(_ADD_CHAIN, (chain, self._seals.of(Span(chain, begin, begin, is_closed=False))))
        log.warning("an audit trail begins: there was none")
        return chain, begin

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
