"""Spans reach a collector by OTLP, in the trace of the request, and hold no value of a record."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.telemetry.spans import ATTRIBUTES, SPANS, traces_url
from sandbox.dataset import generate
from sandbox.serving import one
from tests.stories.conftest import TODAY
from tests.stories.house import House, running

proto = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    reason="the OTLP exporter is not installed; install caregraph[otlp]",
)
pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")

ASKED = """
query Seen($family: String) {
  patients(search: { family: $family }, first: 3) {
    nodes {
      id mrn birthDate name { family } engagement { score }
      appointments { nodes { reasonCode { text } } }
    }
  }
}
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector:
    """What a collector takes: OTLP over HTTP, in protobuf (opentelemetry-proto, `v1/traces`)."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.app = Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/x-protobuf"
        body = await request.body()
        is_packed = request.headers.get("content-encoding") == "gzip"
        self.bodies.append(gzip.decompress(body) if is_packed else body)
        answer = proto.ExportTraceServiceResponse().SerializeToString()
        return Response(answer, media_type="application/x-protobuf")

    @property
    def resources(self) -> list[Any]:
        """Each with its spans, as they came."""
        return [
            resource
            for body in list(self.bodies)
            for resource in proto.ExportTraceServiceRequest.FromString(body).resource_spans
        ]

    @property
    def spans(self) -> list[Any]:
        return [span for resource in self.resources for scope in resource.scope_spans for span in scope.spans]

    def of(self, trace: str) -> list[Any]:
        return [span for span in self.spans if span.trace_id.hex() == trace]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector that was told of one query, and of a gateway that then stopped."""
    made = Collector()
    with one(made.app) as url:
        with running(generate(10, today=TODAY), otlp=url) as house:
            answer = asked(house)
            assert "errors" not in answer
            assert answer["data"]["patients"]["nodes"]
        # Spans go out in batches, seconds apart; those of a gateway that stops are out when it has.
        yield made


def asked(house: House) -> dict[str, Any]:
    family = house.dataset.resources["Patient"]["pat-000001"]["name"][0]["family"]
    answer: dict[str, Any] = house.client.post(
        house.url,
        json={"query": ASKED, "variables": {"family": family}},
        headers={
            "Authorization": f"Bearer {house.token('clinician')}",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
            "tracestate": f"vendor={family}",
        },
    ).json()
    return answer


def test_the_spans_of_a_request_are_in_its_trace(collector: Collector) -> None:
    (execute,) = [span for span in collector.of(TRACE) if span.name == "graphql.execute"]
    calls = [span for span in collector.of(TRACE) if span.name == "source.call"]

    assert execute.parent_span_id.hex() == PARENT
    assert {call.parent_span_id for call in calls} == {execute.span_id}
    told = {pair.key: pair.value.string_value for pair in execute.attributes}
    assert (told["graphql.operation.type"], told["caregraph.audience"]) == ("query", "clinician")
    sources = {pair.value.string_value for call in calls for pair in call.attributes if "source" in pair.key}
    assert sources == {"ehr", "pms", "crm"}


def test_nothing_but_what_is_listed_is_told(collector: Collector) -> None:
    assert {span.name for span in collector.spans} <= SPANS
    assert {pair.key for span in collector.spans for pair in span.attributes} <= ATTRIBUTES
    told = {
        pair.key: pair.value.string_value for it in collector.resources for pair in it.resource.attributes
    }
    assert told == {"service.name": "caregraph"}
    for span in collector.spans:
        assert (list(span.events), span.trace_state, span.status.message) == ([], "", "")


def test_no_value_of_a_record_reaches_the_collector(collector: Collector) -> None:
    dataset = generate(10, today=TODAY)
    said = b"".join(collector.bodies)
    values = [
        *(part for row in dataset.pms.patients for part in (row["mrn"], row["birth_date"], row["last_name"])),
        *(row["reason"] for row in dataset.pms.appointments if row["reason"]),
        *dataset.resources["Patient"],
    ]

    assert len(values) > 30
    assert [value for value in values if len(value) > 3 and value.encode() in said] == []
    assert json.dumps(ASKED).encode() not in said


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector.example:4318", "http://collector.example:4318/v1/traces"),
        ("https://collector.example/", "https://collector.example/v1/traces"),
        ("https://collector.example/v1/traces", "https://collector.example/v1/traces"),
        ("https://vendor.example/otlp/in", "https://vendor.example/otlp/in"),
    ],
)
def test_an_endpoint_without_a_path_gets_the_one_of_otlp(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url


def test_a_collector_that_is_away_costs_a_request_nothing_and_a_stop_little() -> None:
    with one(Starlette()) as url:
        pass
    with running(generate(3, today=TODAY), otlp=url) as house:
        assert "errors" not in asked(house)
