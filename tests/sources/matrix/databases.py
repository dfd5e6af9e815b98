"""Owns the database adapter in the matrix: a real PostgreSQL, and a line to it that can be spoilt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from sources.calling import Limits, Upstream
from sources.pms.database import DatabasePractice, DatabaseSettings, DatabaseTransport, Table
from sources.pms.database.connecting import engine
from tests.sources.authority import Authority
from tests.sources.matrix.practices import ask_appointments
from tests.sources.matrix.spoilt_line import (
    Line,
    Relay,
    cut,
    over_tls,
    page,
    passed,
    postgres_says,
    reset,
    silence,
    trickle,
)
from tests.sources.matrix.trying import ATTEMPTS, Trial, timeout_s

COLUMNS = {"id": "id", "mrn": "chart", "status": "state", "start": "begins", "minutes": "minutes"}
TABLES = {"appointments": Table("appointments", "held", COLUMNS)}
ROWS = "INSERT INTO held VALUES (1, 'M1', 'in', '2026-12-01', 30), (2, 'M2', 'in', '2026-12-01', 30)"

RELAYS: dict[str, Relay] = {
    "reset": reset,
    "slow first byte": silence,
    "slow body": trickle,
    "cut connection": cut,
    "500": postgres_says("XX000"),
    "503": postgres_says("57P03"),
    "HTML": page,
}
SPOILT: dict[str, tuple[str, str]] = {
    "wrong type": ("UPDATE held SET state = 'Jane' WHERE id = 1", "UPDATE held SET state = 'in'"),
    "unknown field": ("ALTER TABLE held ADD vendor text DEFAULT 'Jane'", "ALTER TABLE held DROP vendor"),
    "duplicate row": ("INSERT INTO held SELECT * FROM held WHERE id = 1", "DELETE FROM held; " + ROWS),  # noqa: S608
    "empty page": ("DELETE FROM held", ROWS),
    "endless paging": (
        "INSERT INTO held SELECT n, 'M1', 'in', '2026-12-01 10:00', 30 FROM generate_series(3, 30) n",
        "DELETE FROM held WHERE id > 2",
    ),
    "429": ("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1"),
    "revoked credential": ("ALTER ROLE {role} PASSWORD 'x'", "ALTER ROLE {role} PASSWORD 'a-password'"),
    "no rights": ("REVOKE ALL ON held FROM {role}", "GRANT SELECT ON held TO {role}"),
}
"""What the database's owner does, and how that is undone."""


class Database:
    """The adapter over a table of its own in the database at *url*, whose owner may do anything."""

    def __init__(self, url: str) -> None:
        self._owner = make_url(url)

    @asynccontextmanager
    async def under(self, fault: str, folder: Path) -> AsyncIterator[Trial]:
        """See `Subject`."""
        role = f"reader_{token_hex(4)}"
        self._do(f"CREATE ROLE {role} LOGIN PASSWORD 'a-password'")
        self._do("CREATE TABLE held (id int, chart text, state text, begins timestamp, minutes int)", ROWS)
        self._do(f"GRANT SELECT ON held TO {role}")
        done, undone = (it.format(role=role) for it in SPOILT.get(fault, ("", "")))
        self._do(done)
        assert self._owner.port is not None
        line = Line(self._owner.port, RELAYS.get(fault, passed))
        await line.open()
        url = self._owner.set(username=role, password="a-password", port=line.port)
        if fault == "refused":
            await line.close()

        async def heal() -> None:
            self._do(undone)
            await line.mend()
            if fault == "TLS failure":
                line.relay = trusted

        if fault == "TLS failure":
            ours, others = Authority(folder), Authority(folder, "other")
            line.relay = over_tls(others.serving(others.issued("impostor")))
            trusted = over_tls(ours.serving(ours.issued("server")))
            url = url.update_query_dict({"sslmode": "verify-full", "sslrootcert": str(ours.certificate)})
        adapter = _adapter(url, fault)
        try:
            yield Trial(lambda: ask_appointments(adapter), heal)
        finally:
            await line.close()
            await adapter.close()

    def _do(self, *statements: str) -> None:
        made = create_engine(self._owner.set(drivername="postgresql+psycopg"))
        with made.begin() as connection:
            for one in filter(None, statements):
                connection.execute(text(one))
        made.dispose()


def _adapter(url: URL, fault: str) -> DatabasePractice:
    limits = Limits(timeout_s=timeout_s(fault), attempts=ATTEMPTS, trip_after=1000)
    settings = DatabaseSettings("it", "America/Chicago", TABLES, {"in": "booked"}, rows_per_call=10)
    made = engine(url.render_as_string(hide_password=False), limits.timeout_s, 4)
    transport = DatabaseTransport(made, settings.tables, 4)
    return DatabasePractice(settings, Upstream("it", "it", "sql://it", limits=limits, transport=transport))
