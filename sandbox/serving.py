"""Owns how a stand-in is served: uvicorn that can hang up, in an event loop and a thread of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

import uvicorn
from starlette.types import ASGIApp

from sandbox.addresses import HOST, listening
from sandbox.certificates import Certificate
from sandbox.knobs.hang_up import HangUpProtocol

STARTS_WITHIN_S = 30.0
GRACE_S = 1


class Flag(Protocol):
    """What is set when all is ready: an event of asyncio or of threading."""

    def set(self) -> None: ...


Serve: TypeAlias = Callable[[Flag, asyncio.Event], Awaitable[None]]
"""Serves until the event is set, and sets the flag as soon as it answers."""


class Server(uvicorn.Server):
    """A server that tells when it is up and leaves signals to whoever runs it."""

    def __init__(self, app: ASGIApp, certificate: Certificate | None = None) -> None:
        super().__init__(_config(app, certificate))
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def _config(app: ASGIApp, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HangUpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=None if certificate is None else certificate.path,
        ssl_keyfile=None if certificate is None else certificate.key_path,
    )


@contextmanager
def one(app: ASGIApp, *, port: int = 0, certificate: Certificate | None = None) -> Iterator[str]:
    """The URL of *app*, served in a thread, by TLS if there is a *certificate*; port 0 is any that is free.

    Raises:
        PortTaken: the port is in use.
        TimeoutError: it did not start in time.
    """
    with listening("stand-in", port) as sock:

        async def serve(ready: Flag, stop: asyncio.Event) -> None:
            server = Server(app, certificate)
            async with asyncio.TaskGroup() as group:
                group.create_task(server.serve([sock]))
                await server.up.wait()
                ready.set()
                await stop.wait()
                server.should_exit = True

        with threaded(serve):
            scheme = "http" if certificate is None else "https"
            yield f"{scheme}://{HOST}:{sock.getsockname()[1]}"


@contextmanager
def threaded(serve: Serve) -> Iterator[None]:
    """Runs *serve* in a thread of its own, from when it is ready until the block ends.

    Raises:
        TimeoutError: it did not start in time.
    """
    thread = _Thread(serve)
    thread.start()
    try:
        thread.wait_until_ready()
        yield
    finally:
        thread.stop()


class _Thread(threading.Thread):
    """Runs *serve* in an event loop of its own and carries its failure back."""

    def __init__(self, serve: Serve) -> None:
        super().__init__(name="sandbox", daemon=True)
        self._asked = serve
        self._settled = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._halt = asyncio.Event()

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001 (raised again in the thread that waits)
            self._failure = failure
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._asked(self._settled, self._halt)

    def wait_until_ready(self) -> None:
        if not self._settled.wait(STARTS_WITHIN_S):
            raise TimeoutError(f"the sandbox did not start within {STARTS_WITHIN_S:.0f} s")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        if self._loop is not None and self.is_alive():
            # It may end by itself between the question and the call.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._halt.set)
        self.join(STARTS_WITHIN_S)
