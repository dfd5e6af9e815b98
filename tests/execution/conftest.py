"""The event loop of the execution tests."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
