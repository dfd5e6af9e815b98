"""Owns how a database is reached: driver, sessions that only read, and a limit to each statement's time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

CONNECT_S = 5

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
    "sqlserver": "mssql+pymssql",
}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql", "mssql": "sqlserver"}


class DatabaseUnusable(ValueError):
    """The URL is none of a database that can be read, or its driver is not installed. Holds nothing of it."""


def engine(url: str, timeout_s: float, connections: int) -> Engine:
    """The database at *url* (`postgresql://`, `mysql://`, `mariadb://`, `sqlserver://`).

    Nothing is connected yet. A statement takes at most *timeout_s*, and cannot change anything.

    Raises:
        DatabaseUnusable: see there.
    """
    address = _address(url)
    dialect = address.get_backend_name()
    try:
        made = create_engine(
            address,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=timeout_s,
            pool_pre_ping=True,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            connect_args=_arguments(dialect, timeout_s),
        )
    except ModuleNotFoundError:
        extra = _EXTRAS[dialect]
        raise DatabaseUnusable(f"its driver is not installed; install caregraph[{extra}]") from None

    def begin(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            for line in _session(dialect, timeout_s):
                cursor.execute(line)
        connection.commit()

    event.listen(made, "connect", begin)
    return made


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        driver = _DRIVERS[address.get_backend_name()]
    except (ArgumentError, KeyError, ValueError):
        known = ", ".join(f"{scheme}://" for scheme in ("postgresql", "mysql", "mariadb", "sqlserver"))
        raise DatabaseUnusable(
            f"it is no URL of a database that can be read; begin it with {known}"
        ) from None
    return address.set(drivername=driver)


def _arguments(dialect: str, timeout_s: float) -> dict[str, Any]:
    """What the driver is told: to give up by itself, too, should the server not."""
    whole = max(1, int(timeout_s) + 1)
    if dialect == "postgresql":
        return {"connect_timeout": CONNECT_S}
    if dialect == "mssql":
        return {"login_timeout": CONNECT_S, "timeout": whole}
    return {"connect_timeout": CONNECT_S, "read_timeout": whole, "write_timeout": whole}


def _session(dialect: str, timeout_s: float) -> list[str]:
    """What every session begins with."""
    ms = max(1, int(timeout_s * 1000))
    if dialect == "postgresql":
        return [
            f"SET statement_timeout = {ms}",
            "SET default_transaction_read_only = on",
            "SET TIME ZONE 'UTC'",
        ]
    if dialect == "mssql":
        return [f"SET LOCK_TIMEOUT {ms}"]
    limit = (
        f"SET SESSION max_statement_time = {timeout_s:.3f}"
        if dialect == "mariadb"
        else f"SET SESSION max_execution_time = {ms}"
    )
    return [limit, "SET SESSION TRANSACTION READ ONLY", "SET SESSION time_zone = '+00:00'"]
