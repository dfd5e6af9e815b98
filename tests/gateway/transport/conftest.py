"""The transport behind a real server on real sockets, in the loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from gateway.transport.connections import HttpConnection, SocketConnection
from gateway.transport.routes import graphql_routes
from gateway.transport.settings import TransportSettings
from gateway.transport.streams import Streams
from tests.gateway.transport.tiny import Counts, Tiny


@dataclass(frozen=True)
class Served:
    """A running server, and what stands behind it."""

    port: int
    tiny: Tiny
    counts: Counts
    streams: Streams

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"


Serve = Callable[..., AbstractAsyncContextManager[Served]]


class Ports:
    """An application a port: starting and stopping a server for every test would take most of their time."""

    def __init__(self, ports: list[int]) -> None:
        self._free = ports
        self._apps: dict[int, Starlette] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._apps[scope["server"][1]](scope, receive, send)

    @asynccontextmanager
    async def serving(
        self, settings: TransportSettings | None = None, tiny: Tiny | None = None
    ) -> AsyncIterator[Served]:
        port, tiny, counts, streams = self._free.pop(), tiny or Tiny(), Counts(), Streams()
        routes = graphql_routes(tiny, settings or TransportSettings(), counts, streams)
        self._apps[port] = Starlette(routes=routes)
        try:
            yield Served(port, tiny, counts, streams)
        finally:
            self._free.append(port)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
async def ports(anyio_backend: object) -> AsyncIterator[Ports]:
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        ports = Ports([listening.getsockname()[1] for listening in sockets])
        config = uvicorn.Config(
            ports,
            http=HttpConnection,
            ws=SocketConnection,
            ws_per_message_deflate=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            log_config=None,
            access_log=False,
        )
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=sockets))
            while not server.started:  # noqa: ASYNC110 - it has no event to wait for
                await asyncio.sleep(0.001)
            yield ports
            server.should_exit = True


@pytest.fixture
def serve(ports: Ports) -> Serve:
    """Serves with settings or a service of one's own."""
    return ports.serving


@pytest.fixture
async def served(serve: Serve) -> AsyncIterator[Served]:
    """Served with the settings of a fresh installation."""
    async with serve() as running:
        yield running
