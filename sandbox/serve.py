"""Owns the running sandbox: four stand-ins in one event loop, each behind a socket of its own."""

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import uvicorn
from starlette.types import ASGIApp

from sandbox.addresses import Addresses, Listeners, PortTaken, bound, bound_anywhere
from sandbox.crm import crm_app
from sandbox.ehr.app import ehr_app
from sandbox.idp import Persona, Tokens, idp_app, personas
from sandbox.knobs import Knobs
from sandbox.knobs.hang_up import HangUpProtocol
from sandbox.mover import keep_moving
from sandbox.pms import AppointmentBook, pms_app
from sandbox.records import Dataset

__all__ = ["Addresses", "Options", "PortTaken", "background", "run"]

NO_KEYS: Mapping[str, Any] = {"keys": []}
STARTS_WITHIN_S = 30.0
GRACE_S = 1


@dataclass(frozen=True)
class Options:
    """How the sandbox is to behave; None for a rate means no limit, None for the mover that no one moves."""

    pms_requests_per_second: int | None = 200
    crm_requests_per_ten_seconds: int | None = 2_000
    move_every_s: float | None = None
    gateway: str | None = None
    """The gateway's URL, if it is not the one that goes with the addresses."""


DEFAULTS = Options()


class Flag(Protocol):
    """What `run` sets when it is ready: an event of asyncio or of threading."""

    def set(self) -> None: ...


async def run(
    dataset: Dataset,
    addresses: Addresses,
    backend_jwks: Mapping[str, Any] = NO_KEYS,
    *,
    options: Options = DEFAULTS,
    ready: Flag | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve the stand-ins of *dataset* until *stop* is set or the call is cancelled; then close every socket.

    *backend_jwks* are the public keys by which the gateway's own client, `caregraph`, proves itself.
    *ready* is set as soon as all four answer.

    Raises:
        PortTaken: before anything is served.
    """
    with bound(addresses) as listeners, _records_left_to_lie():
        sandbox = _Sandbox(dataset, addresses, backend_jwks, options)
        await sandbox.serve(listeners, ready, stop or asyncio.Event())


@contextmanager
def _records_left_to_lie() -> Iterator[None]:
    """Keep the garbage collector off what is loaded.

    With 10,000 patients one full round takes seconds, in which no one is answered.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def background(
    dataset: Dataset,
    first_port: int = 0,
    backend_jwks: Mapping[str, Any] = NO_KEYS,
    *,
    options: Options = DEFAULTS,
) -> Iterator[Addresses]:
    """The sandbox in a thread of its own, for tests; port 0 takes ports that are free.

    Raises:
        PortTaken: as `run` does.
        TimeoutError: it did not start in time.
    """
    with ExitStack() as held:
        if first_port:
            addresses = Addresses.after(first_port)
            listeners = held.enter_context(bound(addresses))
        else:
            addresses, listeners = held.enter_context(bound_anywhere())
        thread = _Thread(_Sandbox(dataset, addresses, backend_jwks, options), listeners)
        thread.start()
        held.callback(thread.stop)
        thread.wait_until_ready()
        yield addresses


class _Sandbox:
    """The four applications, made once and served once."""

    def __init__(
        self, dataset: Dataset, addresses: Addresses, backend_jwks: Mapping[str, Any], options: Options
    ) -> None:
        self._options = options
        self._book = AppointmentBook(dataset.pms.appointments, dataset.pms.time_zone)
        self._first_mrn = dataset.pms.patients[0]["mrn"] if dataset.pms.patients else None
        tokens = Tokens(addresses.idp)
        idp = idp_app(
            addresses.idp,
            gateway=options.gateway or addresses.gateway,
            ehr=addresses.ehr,
            backend_jwks=backend_jwks,
            cast=cast_of(dataset),
            tokens=tokens,
        )
        verify = tokens.verifier(addresses.ehr)
        ehr = ehr_app(dataset, verify=verify, base_url=addresses.ehr, issuer=addresses.idp)
        pms = pms_app(dataset.pms, book=self._book, requests_per_second=options.pms_requests_per_second)
        crm = crm_app(dataset.contacts, requests_per_window=options.crm_requests_per_ten_seconds)
        self._apps: tuple[ASGIApp, ...] = (idp, Knobs(ehr, "ehr"), Knobs(pms, "pms"), Knobs(crm, "crm"))

    async def serve(self, listeners: Listeners, ready: Flag | None, stop: asyncio.Event) -> None:
        sockets = (listeners.idp, listeners.ehr, listeners.pms, listeners.crm)
        servers = [_Server(_config(app)) for app in self._apps]
        async with asyncio.TaskGroup() as group:
            serving = [
                group.create_task(server.serve([sock])) for server, sock in zip(servers, sockets, strict=True)
            ]
            mover = group.create_task(self._move())
            try:
                for server in servers:
                    await server.up.wait()
                if ready is not None:
                    ready.set()
                await stop.wait()
            finally:
                mover.cancel()
                for server in servers:
                    server.should_exit = True
                await asyncio.wait(serving)  # or a cancellation would cut their shutdown short

    async def _move(self) -> None:
        if self._options.move_every_s is not None and self._first_mrn is not None:
            await keep_moving(self._book, self._first_mrn, self._options.move_every_s)


def cast_of(dataset: Dataset) -> Mapping[str, Persona]:
    """The personas, as people of *dataset*: its first patient and its first two practitioners by id."""
    patients = sorted(dataset.resources.get("Patient", {}))
    practitioners = sorted(dataset.resources.get("Practitioner", {}))
    named: dict[str, str] = {}
    if patients:
        named["patient"] = patients[0]
    if practitioners:
        named["clinician"] = practitioners[0]
        named["front_desk"] = practitioners[min(1, len(practitioners) - 1)]
    return personas(**named)


class _Server(uvicorn.Server):
    """A server that tells when it is up and leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HangUpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )


class _Thread(threading.Thread):
    """Runs a sandbox in an event loop of its own and carries its failure back."""

    def __init__(self, sandbox: _Sandbox, listeners: Listeners) -> None:
        super().__init__(name="sandbox", daemon=True)
        self._sandbox = sandbox
        self._listeners = listeners
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
        await self._sandbox.serve(self._listeners, self._settled, self._halt)

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
