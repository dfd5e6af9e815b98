"""A Redis for the tests of changes, and logs of both kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.gateway.changes.made import Opened, logs
from tests.gateway.changes.redis_process import RedisProcess, redis_program


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that stays up for the whole run."""
    server = RedisProcess(redis_program(), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A Redis that the test may stop and start."""
    server = RedisProcess(redis_program(), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["memory", "redis"])
def log_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def opened(log_kind: str, redis_url: str) -> AsyncIterator[Opened]:
    """Opens logs of either kind, for a test that holds for both."""
    async with logs(log_kind, redis_url) as open_one:
        yield open_one
