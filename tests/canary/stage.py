"""The whole house for the canaries over real sockets, with every place that could tell tales."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from dataclasses import replace as replace_in
from pathlib import Path
from typing import Any

import httpx
import msgspec
from joserfc.jwk import ECKey
from msgspec.structs import replace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway.adapters.assembling import adapters
from gateway.app import compose
from gateway.cli.demo import demo_table
from gateway.cli.serve import server
from gateway.graph import Graph
from gateway.measuring import Measuring
from gateway.settings import Audit, Secret, Settings, read_settings
from gateway.telemetry import Metrics, tracer_provider
from gateway.telemetry.logs import OURS, JsonLines
from sandbox.addresses import Addresses
from sandbox.serve import Options, background
from sandbox.serving import one
from tests.canary.actors import AUDIENCE, ISSUER
from tests.canary.asking import LIMITS
from tests.canary.consents import ACTORS
from tests.canary.feeds import Feed
from tests.canary.kinds import REQUESTS_KEPT, ROLES, USUAL, Kinds, Places, held, with_second
from tests.canary.records import World

STARTS_WITHIN_S = 30.0
BUSY_S = 9.0
"""The time a source may take: much longer than in the demo, so that a busy machine is no fault."""


@dataclass
class Logs(logging.Handler):
    """Every line that would be written, as it would be, and all that our own records hold beside it."""

    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._lines = JsonLines()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self._lines.format(record))
        if record.name.partition(".")[0] in OURS:
            self.lines.append(repr({**record.__dict__, "exc_info": None}))

    __hash__ = logging.Handler.__hash__


@dataclass
class Stage:
    """The house as it runs, with the means to look behind it."""

    world: World
    addresses: list[Addresses]
    knobs: dict[str, str]
    graph: Graph
    logs: Logs
    spans: InMemorySpanExporter
    trail: Path
    flush: Callable[[], object]
    feed: Feed | None = None
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60, limits=LIMITS))

    @property
    def url(self) -> str:
        return f"{self.gateway}/graphql"

    @property
    def gateway(self) -> str:
        return self.addresses[0].gateway

    def metrics(self) -> str:
        return self.client.get(f"{self.gateway}/metrics").text

    def requests(self, source: str) -> list[Any]:
        """What reached a source since it was last asked for."""
        where = f"{self.knobs[source]}/requests"
        found: list[Any] = self.client.get(where).json()["requests"]
        self.client.delete(where).raise_for_status()
        return found

    def fault(self, source: str, mode: str, value: float | None = None, times: int | None = None) -> None:
        order = {"mode": mode, "value": value, "times": times}
        where = f"{self.knobs[source]}/faults"
        self.client.put(where, json={k: v for k, v in order.items() if v is not None}).raise_for_status()


def settings_of(table: dict[str, Any], jwks_url: str, trail: Path) -> Settings:
    """The settings of that table, with the canaries' own identity provider and an audit on disk."""
    for role in ROLES:
        for section in table[role].values():
            section["timeout_s"] = BUSY_S
    made = read_settings(environ={}, table=table | {"consent": {"actors": ACTORS}})
    return replace(
        made,
        identity=replace(made.identity, issuer=ISSUER, audience=AUDIENCE, jwks_url=jwks_url),
        audit=Audit(sink="sqlite", directory=str(trail)),
        changes=replace(made.changes, poll_seconds=0.2),
        limits=replace(made.limits, nodes=300),
    )


@contextmanager
def staged(
    world: World,
    jwks: dict[str, Any],
    trail: Path,
    kinds: Kinds = USUAL,
    redis_url: str | None = None,
    database_url: str | None = None,
) -> Iterator[Stage]:
    """The house over a world held by systems of *kinds*; with *redis_url* its changes are logged there.

    A practice that is read from its database has that at *database_url*, which is empty.
    """
    key = ECKey.generate_key("P-384", {"kid": "c1", "use": "sig", "alg": "ES384"}, private=True)
    usual = Options(None, None, requests_kept=REQUESTS_KEPT)
    options = replace_in(usual, ehr_quirks=kinds.quirks)
    with ExitStack() as holding:
        logs = holding.enter_context(_logging())
        idp = holding.enter_context(one(_keys(jwks)))
        public = {"keys": [key.as_dict(private=False)]}
        addresses: list[Addresses] = []
        tables: list[dict[str, Any]] = []
        for clinic in world.clinics:
            here = background(clinic.dataset, backend_jwks=public, options=options)
            addresses.append(holding.enter_context(here))
            tables.append(demo_table(addresses[-1], key.as_dict(private=True), clinic.dataset))
            options = usual
        places = Places(trail.parent / "practice", database_url)
        first = held(kinds, world.clinics[0].dataset, addresses[0], tables[0], places)
        systems = holding.enter_context(first)
        if len(world.clinics) > 1:
            with_second(systems, tables[1], addresses[1])
        settings = settings_of(systems.table, f"{idp}/jwks", trail)
        if redis_url is not None:
            changes = replace(settings.changes, log="redis", redis_url=Secret(redis_url))
            settings = replace(settings, changes=changes)
        exporter = InMemorySpanExporter()
        provider = tracer_provider("caregraph", exporter=exporter)
        measuring = Measuring(Metrics(), provider.get_tracer("caregraph"))
        app = compose(settings, adapters(settings, observers=[measuring]), measuring)
        graph = _graph(measuring.metrics)
        flush = provider.force_flush  # type: ignore[attr-defined]
        stage = Stage(world, addresses, systems.knobs, graph, logs, exporter, trail, flush, systems.feed)
        holding.callback(stage.client.close)
        holding.callback(provider.shutdown)  # type: ignore[attr-defined]
        holding.enter_context(_served(app, settings, stage))
        if systems.feed is not None:
            systems.feed.fill()
        yield stage


def _graph(metrics: Metrics) -> Graph:
    """The graph of the gateway just made: to look into what it keeps."""
    return next(it for it in gc.get_objects() if isinstance(it, Graph) and it.metrics is metrics)


def _keys(jwks: dict[str, Any]) -> Starlette:
    return Starlette(routes=[Route("/jwks", lambda _: JSONResponse(jwks))])


@contextmanager
def _logging() -> Iterator[Logs]:
    """The levels that `serve` sets."""
    logs, root = Logs(), logging.getLogger()
    before = {name: logging.getLogger(name).level for name in (*OURS, "uvicorn.error")}
    root.addHandler(logs)
    for name in before:
        logging.getLogger(name).setLevel("INFO")
    try:
        yield logs
    finally:
        root.removeHandler(logs)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _served(app: Any, settings: Settings, stage: Stage) -> Iterator[None]:
    gateway = server(app, settings)
    thread = threading.Thread(target=gateway.run, daemon=True)
    thread.start()
    try:
        _wait(stage)
        yield
    finally:
        gateway.should_exit = True
        thread.join(timeout=20)


def _wait(stage: Stage) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if stage.client.get(f"{stage.gateway}/health/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError("the gateway did not get ready")


def encoded(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=repr)
