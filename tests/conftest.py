"""Servers that tests of several rooms share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mariadb import MariadbProcess, running_mariadb
from tests.postgres import PostgresProcess, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresProcess]:
    """A PostgreSQL that stays up for the whole run; take a `database()` of your own from it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbProcess]:
    """A MariaDB that stays up for the whole run; take a `database()` of your own from it."""
    with running_mariadb() as server:
        yield server


@pytest.fixture
def postgres_of_my_own() -> Iterator[PostgresProcess]:
    """A PostgreSQL that the test may stop and start."""
    with running_postgres() as server:
        yield server
