"""Debian's databases: a practice's tables in them, read by our adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pymysql

from sandbox.dataset import generate
from tests.interop.checks import Done
from tests.interop.kits import Kits
from tests.interop.practices import compared
from tests.mariadb import OWNER, PASSWORD, running_mariadb
from tests.postgres import PostgresProcess, postgres_programs, running_postgres
from tests.sources.practice_tables import laid_out
from tests.sources.test_pms_database import practice_at

PATIENTS = 30


def postgresql(kits: Kits) -> Done:
    """A practice's tables in PostgreSQL."""
    with postgres(kits) as (server, version):
        return Done(version, asyncio.run(_read(server.database())))


@contextmanager
def postgres(kits: Kits) -> Iterator[tuple[PostgresProcess, str]]:
    """A server of the block's own, and its version."""
    try:
        postgres_programs()
    except RuntimeError:
        kits.debian("postgres", "postgresql")
    with running_postgres() as server:
        with psycopg.connect(server.url) as connection:
            version = str(connection.info.server_version)
        yield server, f"{version[:2]}.{int(version[2:])}"


def mariadb(kits: Kits) -> Done:
    """A practice's tables in MariaDB."""
    kits.debian("mariadbd", "mariadb-server")
    with running_mariadb() as server:
        url = server.database()
        with pymysql.connect(host="127.0.0.1", port=server.port, user=OWNER, password=PASSWORD) as connection:
            version = str(connection.get_server_info())  # type: ignore[no-untyped-call]
        return Done(version.partition("-MariaDB")[0].removeprefix("5.5.5-"), asyncio.run(_read(url)))


async def _read(url: str) -> str:
    held = generate(PATIENTS)
    laid_out(url, held).dispose()
    practice = practice_at(url)
    try:
        rows = await compared(practice, held)
    finally:
        await practice.close()
    return f"{rows} rows equal"
