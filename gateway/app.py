"""The composition root: settings in, an ASGI app out. The only place that names concrete adapters."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from hmac import digest

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from gateway.adapters.assembling import Adapters, adapters
from gateway.audit import configured
from gateway.breaking import BreakGlass
from gateway.changes.redis_streams import connected
from gateway.changing import Changing
from gateway.emergencies import SharedEmergencies
from gateway.errors import ErrorBoundary
from gateway.execution.engine import Engine
from gateway.feed import Feed
from gateway.graph import Graph
from gateway.identity import Identity, IdentityUnavailable
from gateway.jwks import jwks_route
from gateway.measuring import Measuring
from gateway.operations import Operations
from gateway.recording import Recording
from gateway.refusing import quarantining
from gateway.samples import SAMPLES
from gateway.settings import Changes, Settings
from gateway.streaming import OpenStreams
from gateway.telemetry import Metrics, exporting, otlp_exporter, tracer_provider
from gateway.transport.explorer import ExplorerConfig, explorer_routes
from gateway.transport.routes import ahead_of, graphql_routes
from gateway.transport.settings import StatusProfile, TransportSettings
from gateway.transport.streams import Streams
from gateway.visibility import Explainer, Views
from gateway.volume import Bounds, Volume
from gateway.volume.keeping import keeping
from policies import Policy, actor_names
from resolvers.consents import Consents, KeptConsents, NoConsents
from resolvers.cursors import Seal
from resolvers.house import House, Sources
from resolvers.schema import build, classify, core_of
from sources.crm.care_key import CareKeys

ABSENT = "There is nothing here. The graph is at /graphql, without a slash at its end.\n"


class Gateway(ErrorBoundary):
    """The app, which ends its event streams when told that the server is about to stop."""

    def __init__(self, app: ASGIApp, streams: Streams) -> None:
        super().__init__(app)
        self._streams = streams

    def stopping(self) -> None:
        """Say it before the server waits for what is open; in the loop that serves."""
        self._streams.stop()


def create_app(settings: Settings, *, clock: Callable[[], float] = time.time) -> Gateway:
    """The gateway for these settings, with the adapters they name; *clock* is what hours pass by.

    Raises:
        ExporterMissing: spans are to be exported and the exporter is not installed.
    """
    telemetry = settings.telemetry
    provider = tracer_provider(
        telemetry.service_name,
        exporter=otlp_exporter(telemetry.otlp_endpoint),
        sample_ratio=telemetry.sample_ratio,
    )
    measuring = Measuring(Metrics(), provider.get_tracer("caregraph"))
    refused = quarantining(settings, measuring.metrics)
    kept = adapters(settings, observers=[measuring, refused])
    kept = replace(kept, beside=(exporting(provider), refused.running(kept.upstreams), *kept.beside))
    return compose(settings, kept, measuring, clock=clock)


def compose(
    settings: Settings, kept: Adapters, measuring: Measuring, *, clock: Callable[[], float] = time.time
) -> Gateway:
    """The gateway over the given adapters.

    What a request passes, in order: `ErrorBoundary`; the routes of `transport` (body, origin, media types);
    `identity`; `operations`; `policies`; `execution` over `resolvers` and `sources`; and out again.
    """
    metrics = measuring.metrics
    secret = settings.keys.care_key_secret.reveal().encode()
    schema = core_of(build())
    operations = Operations(schema, settings.limits, metrics)
    house = House(
        kept.sources,
        CareKeys(secret),
        Seal(digest(secret, b"cursors", sha256)),
        Explainer(schema, operations),
        _consents(settings, kept),
    )
    identity = Identity(settings.identity, metrics)
    policy = Policy(classify(schema), actor_names(settings.consent.actors))
    audit = configured(settings.audit, policy.version, secret)
    changing = Changing(settings.changes, kept.changes, house.sources.ehr, measuring, house.consents)
    break_glass = BreakGlass(audit, metrics, _shared(settings.changes, secret), clock=clock)
    watched = settings.volume
    volume = Volume(
        Bounds(watched.times, watched.least_requests, watched.least_records),
        metrics,
        clock,
        throttles=watched.throttle,
    )
    graph = Graph(
        schema=schema,
        policy=policy,
        house=house,
        identity=identity,
        operations=operations,
        engine=Engine(schema, type_of=lambda row: type(row).__name__),
        views=Views(schema),
        feed=Feed(changing),
        metrics=metrics,
        tracer=measuring.tracer,
        audit=audit,
        recording=Recording(audit),
        break_glass=break_glass,
        volume=volume,
        streams=OpenStreams(settings.limits.streams, settings.limits.streams_of_client, metrics),
        deadline_s=settings.server.operation_deadline_s,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as open_:
            open_.push_async_callback(identity.aclose)
            open_.push_async_callback(break_glass.aclose)
            await open_.enter_async_context(kept.running())
            await open_.enter_async_context(audit.running())
            await open_.enter_async_context(changing.running())
            await open_.enter_async_context(keeping(volume, watched.path()))
            yield

    streams = Streams()
    routes = [
        *graphql_routes(graph, _transport(settings), measuring, streams),
        *_explorer(settings),
        jwks_route(settings.public_keys()),
        *_operator_routes(identity, house.sources, metrics),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _absent})
    # A redirect says where by the scheme that arrives here, which is not TLS behind a proxy that ends it.
    app.router.redirect_slashes = False
    return Gateway(ahead_of(app, routes), streams)


async def _absent(_: Request, __: Exception) -> Response:
    return PlainTextResponse(ABSENT, 404)


def _consents(settings: Settings, kept: Adapters) -> Consents:
    """Patients' consents, unless the operator says that no EHR keeps any."""
    keeping = [ehr for ehr in settings.ehr.values() if ehr.consents == "kept"]
    if not keeping:
        return NoConsents()
    return KeptConsents(kept.sources.ehr, min(ehr.consent_max_age_s for ehr in keeping))


def _shared(changes: Changes, secret: bytes) -> SharedEmergencies | None:
    """The emergencies of all processes, where they share a log of changes."""
    if changes.redis_url is None or changes.log != "redis":
        return None
    return SharedEmergencies(connected(changes.redis_url.reveal()), secret)


def _transport(settings: Settings) -> TransportSettings:
    server = settings.server
    return TransportSettings(
        status_profile=StatusProfile(server.status_profile),
        origins=frozenset(server.allowed_origins),
        max_body_bytes=server.body_limit,
    )


def _explorer(settings: Settings) -> Sequence[BaseRoute]:
    explorer = settings.explorer
    if explorer is None:
        return ()
    return explorer_routes(
        ExplorerConfig(
            endpoint="/graphql",
            issuer=settings.identity.issuer,
            authorization_endpoint=explorer.authorization_url,
            token_endpoint=explorer.token_url,
            client_id=explorer.client_id,
            scope=explorer.scope,
            samples=SAMPLES,
        )
    )


def _operator_routes(identity: Identity, sources: Sources, metrics: Metrics) -> Sequence[BaseRoute]:
    async def live(_: Request) -> Response:
        return _json(200, {"status": "live"})

    async def ready(_: Request) -> Response:
        try:
            await identity.ready()
        except IdentityUnavailable:
            return _json(503, {"status": "waiting for the identity provider's keys"})
        health = [source.health() for source in sources.every]
        told = [{"name": it.name, "kind": it.kind, "up": it.up, "since": it.since} for it in health]
        return _json(200, {"status": "ready", "sources": told})

    async def exposed(_: Request) -> Response:
        body, media_type = metrics.rendered()
        return Response(body, media_type=media_type)

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", exposed)]


def _json(status: int, content: object) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
