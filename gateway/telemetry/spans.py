"""The spans: what of them leaves the process is what is listed here."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

SPANS = frozenset(
    {
        "graphql.request",
        "graphql.parse",
        "graphql.validate",
        "graphql.plan",
        "graphql.execute",
        "graphql.subscription.event",
        "identity.verify",
        "source.call",
        "changes.poll",
    }
)
ATTRIBUTES = frozenset(
    {
        "graphql.operation.type",
        "graphql.document.hash",
        "caregraph.audience",
        "caregraph.purpose",
        "caregraph.break_glass",
        "caregraph.code",
        "caregraph.source",
        "caregraph.call",
        "caregraph.keys",
        "caregraph.rows",
        "caregraph.upstream_calls",
        "caregraph.fields_denied",
        "caregraph.cache",
        "http.request.method",
        "http.response.status_code",
        "server.address",
        "server.port",
        "error.type",
        "service.name",
        "service.version",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
    }
)


class AllowListed(SpanProcessor):
    """Hands on to *inner* only the listed names and attributes, and the status code.

    No events and no status description: either may be an exception's text, and hold a record's value.
    """

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: the span is read when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        self._inner.on_end(_reduced(span))

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _reduced(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name if span.name in SPANS else "other",
        context=_stateless(span.context),
        parent=_stateless(span.parent),
        resource=Resource(_listed(span.resource.attributes)),
        attributes=_listed(span.attributes),
        links=[Link(made) for link in span.links if (made := _stateless(link.context)) is not None],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


def _stateless(context: SpanContext | None) -> SpanContext | None:
    """The ids alone: the trace state is a text that came with the request."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)


def _listed(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (attributes or {}).items() if name in ATTRIBUTES}


def tracer_provider(
    service_name: str, *, exporter: SpanExporter | None, sample_ratio: float = 1.0
) -> trace.TracerProvider:
    """Where spans come from. Without an exporter none are made. Shut it down at the end."""
    if exporter is None:
        return trace.NoOpTracerProvider()
    provider = TracerProvider(
        resource=Resource({"service.name": service_name}),
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(AllowListed(BatchSpanProcessor(exporter)))
    return provider


class ExporterMissing(Exception):
    """An OTLP endpoint is set, and the exporter is not installed."""


LAST_SPANS_S = 5.0
"""How long an ending process waits for the collector to take its last spans."""


@asynccontextmanager
async def exporting(provider: trace.TracerProvider) -> AsyncIterator[None]:
    """Spans are exported for as long as the block runs; the last ones at its end."""
    try:
        yield
    finally:
        if isinstance(provider, TracerProvider):
            # A collector that does not answer is tried for longer than we wait: the thread ends with us.
            ending = Thread(target=provider.shutdown, daemon=True)
            ending.start()
            await asyncio.to_thread(ending.join, LAST_SPANS_S)


def traces_url(endpoint: str) -> str:
    """Where traces go: the endpoint, or OTLP's own path below it if it has none."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"


def otlp_exporter(endpoint: str | None) -> SpanExporter | None:
    """The exporter to that endpoint (OTLP over HTTP), if one is set. Raises ExporterMissing."""
    if endpoint is None:
        return None
    try:
        module = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        raise ExporterMissing(
            "`telemetry.otlp_endpoint` is set but no exporter is installed; install caregraph[otlp]"
        ) from None
    exporter: SpanExporter = module.OTLPSpanExporter(endpoint=traces_url(endpoint))
    return exporter


_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def traceparent(span: trace.Span) -> str | None:
    """The header by which *span* goes on upstream (W3C Trace Context); None if it is not recorded."""
    context = span.get_span_context()
    if not (span.is_recording() and context.is_valid):
        return None
    ids = f"{trace.format_trace_id(context.trace_id)}-{trace.format_span_id(context.span_id)}"
    return f"00-{ids}-{int(context.trace_flags):02x}"


def trace_id(traceparent: str | None = None) -> str:
    """The id under which a request is found again: of the current span, of the caller's header, or new."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        return trace.format_trace_id(context.trace_id)
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    return match[1] if match else secrets.token_hex(16)


def trace_context(traceparent: str | None) -> Context | None:
    """Where spans of a request belong: in the trace that its header names; None where it names none."""
    if traceparent is None:
        return None
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})
