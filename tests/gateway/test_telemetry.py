"""Metrics, spans and log lines carry what is listed, and nothing of a record."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence

import msgspec
import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
    use_span,
)

from gateway.telemetry import (
    AllowListed,
    ExporterMissing,
    Metrics,
    otlp_exporter,
    trace_context,
    trace_id,
    tracer_provider,
)
from gateway.telemetry.logs import JsonLines

VALUE = "Jane Doe 1980-02-03"


def test_a_span_leaves_with_listed_names_attributes_and_status_alone() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(
        resource=Resource({"service.name": "caregraph", "host.name": VALUE}), shutdown_on_exit=False
    )
    provider.add_span_processor(AllowListed(SimpleSpanProcessor(exporter)))
    caller = SpanContext(
        1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("k", "Jane")])
    )
    tracer = provider.get_tracer(VALUE)

    with tracer.start_as_current_span(
        "source.call",
        context=set_span_in_context(NonRecordingSpan(caller)),
        attributes={"caregraph.source": "ehr", "url.full": VALUE, "graphql.document": VALUE},
        links=[Link(caller, {"why": VALUE})],
    ) as span:
        span.set_attribute("caregraph.rows", 3)
        span.set_attribute("patient", VALUE)
        span.add_event(VALUE, {"exception.message": VALUE})
        span.record_exception(ValueError(VALUE))
        span.set_status(Status(StatusCode.ERROR, VALUE))
    with tracer.start_as_current_span(f"query {VALUE}"):
        pass
    assert provider.force_flush()
    provider.shutdown()

    call, named = exporter.get_finished_spans()
    assert (call.name, named.name) == ("source.call", "other")
    assert call.attributes == {"caregraph.source": "ehr", "caregraph.rows": 3}
    assert call.events == ()
    assert (call.status.status_code, call.status.description) == (StatusCode.ERROR, None)
    assert call.resource.attributes == {"service.name": "caregraph"}
    assert call.parent is not None
    assert (call.parent.trace_id, call.parent.span_id) == (1, 2)
    assert [link.attributes for link in call.links] == [None]
    shown = call.to_json() + named.to_json()
    assert "Jane" not in shown
    assert "Jane" not in str([call.parent, call.context, [link.context for link in call.links]])


def test_a_provider_with_an_exporter_sends_what_is_listed() -> None:
    exporter = InMemorySpanExporter()
    provider = tracer_provider("caregraph", exporter=exporter)
    assert isinstance(provider, TracerProvider)

    with provider.get_tracer("t").start_as_current_span("graphql.execute", attributes={"mrn": VALUE}):
        pass
    provider.shutdown()

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.attributes) == ("graphql.execute", {})


def test_without_an_exporter_no_span_is_made() -> None:
    span = tracer_provider("caregraph", exporter=None).get_tracer("t").start_span("graphql.execute")

    assert not span.is_recording()


def test_an_endpoint_without_the_exporter_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ExporterMissing, match=r"install caregraph\[otlp\]"):
        otlp_exporter("https://collector.example/v1/traces")
    assert otlp_exporter(None) is None


@pytest.mark.parametrize(
    ("header", "id"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c"),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", None),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", None),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", None),
        ("Jane Doe", None),
        (None, None),
    ],
)
def test_the_trace_id_is_the_callers_if_it_is_one(header: str | None, id: str | None) -> None:
    found = trace_id(header)

    assert len(found) == 32
    assert int(found, 16) > 0
    assert (found == id) is (id is not None)


def test_the_trace_id_is_the_current_spans_if_there_is_one() -> None:
    context = SpanContext(0xABC, 1, is_remote=False)

    with use_span(NonRecordingSpan(context)):
        assert trace_id("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == f"{0xABC:032x}"


def test_spans_of_a_request_are_part_of_the_callers_trace() -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")

    with tracer.start_as_current_span(
        "graphql.execute", trace_context("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    ):
        assert trace_id() == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("header", [None, "", "Jane Doe", "00-0-0-01"])
def test_what_names_no_trace_begins_one(header: str | None) -> None:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")

    with tracer.start_as_current_span("graphql.execute", trace_context(header)) as span:
        assert span.parent is None  # type: ignore[attr-defined]


def test_metrics_are_rendered_for_prometheus_from_a_registry_of_their_own() -> None:
    metrics = Metrics()
    metrics.upstream_calls.labels("ehr", "ok").inc(4)

    body, content_type = metrics.rendered()

    assert b'caregraph_upstream_calls_total{outcome="ok",source="ehr"} 4.0' in body
    assert content_type.startswith("text/plain; version=")
    assert b"caregraph_upstream_calls_total{" not in Metrics().rendered()[0]


def line_of(
    logger: str, message: object, *args: object, failure: Exception | None = None, **extra: object
) -> dict[str, object]:
    info = (type(failure), failure, None) if failure is not None else None
    record = logging.getLogger(logger).makeRecord(
        logger, logging.ERROR, "file.py", 7, message, args, info, "function", extra or None
    )
    line: dict[str, object] = msgspec.json.decode(JsonLines().format(record))
    del line["time"]
    return line


def test_our_own_lines_carry_the_listed_extras_alone() -> None:
    assert line_of(
        "gateway.errors", "%s failed", "it", trace_id="t1", patient=VALUE, failure=ValueError(VALUE)
    ) == {
        "level": "ERROR",
        "logger": "gateway.errors",
        "message": "it failed",
        "trace_id": "t1",
        "error": "ValueError",
    }


@pytest.mark.parametrize(
    ("logger", "message", "args", "text"),
    [
        (
            "httpx",
            "HTTP Request: GET %s",
            (f"https://ehr/Patient?name={VALUE}",),
            "a library's message, not shown",
        ),
        (
            "asyncio",
            f"Task exception was never retrieved\nfuture: <{VALUE}>",
            (),
            "a library's message, not shown",
        ),
        ("strawberry.execution", ValueError(VALUE), (), "a library's message, not shown"),
        ("uvicorn.error", '%s - "WebSocket %s" [accepted]', (VALUE, VALUE), '%s - "WebSocket %s" [accepted]'),
        ("uvicorn.error", f"Exception in ASGI application\n{VALUE}", (), "Exception in ASGI application"),
        ("gatewayish", VALUE, (), "a library's message, not shown"),
    ],
)
def test_a_librarys_line_says_where_it_came_from_and_not_what_it_said(
    logger: str, message: object, args: Sequence[object], text: str
) -> None:
    assert line_of(logger, message, *args, failure=KeyError(VALUE)) == {
        "level": "ERROR",
        "logger": logger,
        "message": text,
        "at": "file:function:7",
        "error": "KeyError",
    }


def test_an_extra_that_is_no_plain_value_shows_its_class() -> None:
    assert line_of("gateway.x", "m", why=ValueError(VALUE))["why"] == "ValueError"


def test_logging_once_set_up_keeps_urls_and_access_lines_out() -> None:
    program = f"""
import logging
from gateway.telemetry import set_up_logging
set_up_logging("INFO")
logging.getLogger("httpx").info("GET https://ehr/Patient?name={VALUE}")
logging.getLogger("httpcore.connection").debug("{VALUE}")
logging.getLogger("uvicorn.access").info("{VALUE}")
logging.getLogger("uvicorn.error").info("Application startup complete.")
logging.getLogger("gateway.app").info("ready", extra={{"port": 8400}})
logging.getLogger("other").warning("{VALUE}")
try:
    raise ValueError("{VALUE}")
except ValueError:
    logging.getLogger("gateway.app").exception("broken")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    lines = [msgspec.json.decode(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [
        ("uvicorn.error", "Application startup complete."),
        ("gateway.app", "ready"),
        ("other", "a library's message, not shown"),
        ("gateway.app", "broken"),
    ]
    assert lines[1]["port"] == 8400
    assert "Jane" not in done.stderr
    assert done.stdout == ""
