"""An EHR on a real socket, with tokens that are nothing but their scopes, for the tests of this folder."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx
import pytest
import uvicorn

from sandbox.dataset import Dataset, generate
from sandbox.ehr.app import ehr_app

TODAY = date(2026, 11, 20)
Connect = Callable[[str], httpx.Client]
"""Gives a client whose token has these scopes."""


async def verify(token: str) -> dict[str, Any] | None:
    """Trusts a token that says `scopes:` and takes what follows for its scope."""
    head, _, scopes = token.partition(":")
    return {"scope": scopes.replace(",", " ")} if head == "scopes" else None


@contextmanager
def served(dataset: Dataset, issuer: str | None = None) -> Iterator[str]:
    """Serves an EHR over *dataset* on a free port of this machine; gives its base URL."""
    # Named TCP, for only then does asyncio turn off Nagle's algorithm, which costs 40 ms an answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = ehr_app(dataset, verify=verify, base_url=base, issuer=issuer)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield f"{base}/fhir"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
def practice() -> Dataset:
    return generate(60, today=TODAY)


@pytest.fixture(scope="session")
def base(practice: Dataset) -> Iterator[str]:
    with served(practice, issuer="http://127.0.0.1:9999") as url:
        yield url


@pytest.fixture
def connect(base: str) -> Iterator[Connect]:
    with httpx.Client(base_url=base) as pool:

        def client(scopes: str) -> httpx.Client:
            pool.headers["Authorization"] = f"Bearer scopes:{scopes.replace(' ', ',')}"
            return pool

        yield client


@pytest.fixture
def ehr(connect: Connect) -> httpx.Client:
    """A client that may read everything."""
    return connect("system/*.rs")


@pytest.fixture
def clinic() -> Dataset:
    """What the `writable` server was made of."""
    return generate(3, today=TODAY)


@pytest.fixture
def writable(clinic: Dataset) -> Iterator[httpx.Client]:
    """A client that may do everything, of a small server that nobody else uses."""
    headers = {"Authorization": "Bearer scopes:system/*.cruds"}
    with served(clinic) as url, httpx.Client(base_url=url, headers=headers) as client:
        yield client
