"""Owns the running sandbox: four stand-ins in one event loop, each behind a socket of its own."""

import asyncio
import gc
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.types import ASGIApp

from sandbox.addresses import Addresses, Listeners, PortTaken, bound, bound_anywhere
from sandbox.crm.hubspot import hubspot_app
from sandbox.ehr.app import ehr_app
from sandbox.ehr.quirks import NONE, Quirks
from sandbox.idp import Persona, Tokens, idp_app, personas
from sandbox.knobs import KEPT, Knobs
from sandbox.mover import keep_moving
from sandbox.pms import AppointmentBook, pms_app
from sandbox.pms.telling import Telling
from sandbox.records import Dataset
from sandbox.serving import Flag, Server, threaded

__all__ = ["Addresses", "Options", "PortTaken", "background", "run"]

NO_KEYS: Mapping[str, Any] = {"keys": []}


@dataclass(frozen=True)
class Options:
    """How the sandbox is to behave; None for a rate means no limit, None for the mover that no one moves."""

    pms_requests_per_second: int | None = 200
    crm_requests_per_ten_seconds: int | None = 2_000
    move_every_s: float | None = None
    gateway: str | None = None
    """The gateway's URL, if it is not the one that goes with the addresses."""
    telling: Telling | None = None
    """How the practice tells what it has, by itself, to whoever cannot ask it; None: it does not."""
    ehr_quirks: Quirks = NONE
    requests_kept: int = KEPT
    """How many requests each of EHR, PMS and CRM remembers for `/sandbox/requests`."""


DEFAULTS = Options()


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
        sandbox = _Sandbox(dataset, addresses, backend_jwks, options)
        held.enter_context(threaded(partial(sandbox.serve, listeners)))
        yield addresses


class _Sandbox:
    """The four applications, made once and served once."""

    def __init__(
        self, dataset: Dataset, addresses: Addresses, backend_jwks: Mapping[str, Any], options: Options
    ) -> None:
        self._options = options
        self._pms = dataset.pms
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
        ehr = ehr_app(
            dataset,
            verify=verify,
            base_url=addresses.ehr,
            issuer=addresses.idp,
            quirks=options.ehr_quirks,
        )
        pms = pms_app(dataset.pms, book=self._book, requests_per_second=options.pms_requests_per_second)
        crm = hubspot_app(dataset.contacts, requests_per_window=options.crm_requests_per_ten_seconds)
        kept = options.requests_kept
        sources = {"ehr": ehr, "pms": pms, "crm": crm}
        self._apps: tuple[ASGIApp, ...] = (
            idp,
            *(Knobs(app, name, kept=kept) for name, app in sources.items()),
        )

    async def serve(self, listeners: Listeners, ready: Flag | None, stop: asyncio.Event) -> None:
        sockets = (listeners.idp, listeners.ehr, listeners.pms, listeners.crm)
        servers = [Server(app) for app in self._apps]
        async with asyncio.TaskGroup() as group:
            serving = [
                group.create_task(server.serve([sock])) for server, sock in zip(servers, sockets, strict=True)
            ]
            beside = [group.create_task(work) for work in (self._move(), self._tell())]
            try:
                for server in servers:
                    await server.up.wait()
                if ready is not None:
                    ready.set()
                await stop.wait()
            finally:
                for task in beside:
                    task.cancel()
                for server in servers:
                    server.should_exit = True
                await asyncio.wait(serving)  # or a cancellation would cut their shutdown short

    async def _move(self) -> None:
        if self._options.move_every_s is not None and self._first_mrn is not None:
            await keep_moving(self._book, self._first_mrn, self._options.move_every_s)

    async def _tell(self) -> None:
        if self._options.telling is not None:
            await self._options.telling.tell(self._pms, self._book)


def cast_of(dataset: Dataset) -> Mapping[str, Persona]:
    """The personas, as people of *dataset*: its first patient and its first two practitioners by id.

    Open before the clinician is the first of that patient's encounters by id.
    """
    patients = sorted(dataset.resources.get("Patient", {}))
    practitioners = sorted(dataset.resources.get("Practitioner", {}))
    named: dict[str, str] = {}
    if patients:
        named["patient"] = patients[0]
    if practitioners:
        named["clinician"] = practitioners[0]
        named["front_desk"] = practitioners[min(1, len(practitioners) - 1)]
    return personas(**named, encounter=_encounter_of(dataset, patients[0]) if patients else None)


def _encounter_of(dataset: Dataset, patient: str) -> str | None:
    """The first of the patient's encounters by id."""
    rows = dataset.resources.get("Encounter", {}).items()
    mine = (id_ for id_, row in rows if row.get("subject", {}).get("reference") == f"Patient/{patient}")
    return min(mine, default=None)
