"""A call to a source: what each fault becomes, how long it may last, when it is tried again."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from sources.calling import (
    Event,
    Flaw,
    HttpxTransport,
    Limits,
    Outcome,
    StaticBearer,
    Transport,
    Upstream,
    WreqTransport,
    operating,
)
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable
from sources.ports import SourceStatus
from tests.sources.stub import (
    Answer,
    Asked,
    Behaviour,
    answer,
    closed_port,
    cut_short,
    drip,
    json_answer,
    reset,
    silence,
    stub,
)

pytestmark = pytest.mark.anyio

TIMEOUT_S = 0.5
SLACK_S = 1.0
"""How much later than its deadline a call may end on a busy machine."""

MANY = 1_000_000
TRANSPORTS: list[type[WreqTransport] | type[HttpxTransport]] = [WreqTransport, HttpxTransport]


class Heard:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.misreads: list[str] = []
        self.events: list[Event] = []
        self.foreign: list[tuple[str, int]] = []

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None:
        assert seconds >= 0
        self.outcomes.append(outcome)

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        self.misreads.append(flaw.why)

    def on_event(self, source: str, event: Event) -> None:
        self.events.append(event)

    def on_foreign(self, source: str, kind: str, rows: int) -> None:
        self.foreign.append((kind, rows))


@asynccontextmanager
async def upstream_at(
    url: str, heard: Heard, transport: Transport | None = None, limits: Limits | None = None
) -> AsyncIterator[Upstream]:
    limits = limits or Limits(timeout_s=TIMEOUT_S, trip_after=MANY)
    upstream = Upstream("lab", "ehr", url, transport=transport, observers=[heard], limits=limits)
    yield upstream
    await upstream.close()


def refusing(status: int, **headers: str) -> Behaviour:
    return lambda asked: json_answer({"error": "Jane Doe is not here"}, status, **headers)


def then(*answers: bytes) -> Behaviour:
    """One answer after the other; the last one again and again."""
    left = list(answers)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


FAULTS = [
    pytest.param(lambda a: reset, SourceUnavailable, Outcome.FAILED, 3, id="reset"),
    pytest.param(lambda a: silence, SourceTimeout, Outcome.TIMED_OUT, 1, id="slow first byte"),
    pytest.param(lambda a: drip, SourceTimeout, Outcome.TIMED_OUT, 1, id="slow body"),
    pytest.param(lambda a: cut_short, SourceUnavailable, Outcome.FAILED, 3, id="cut body"),
    pytest.param(lambda a: b"SSH-2.0-x\r\n\r\n", SourceUnavailable, Outcome.FAILED, 3, id="not HTTP"),
    pytest.param(
        refusing(429, Retry_After="9"), SourceUnavailable, Outcome.THROTTLED, 1, id="429, wait long"
    ),
    pytest.param(refusing(429, Retry_After="0"), SourceUnavailable, Outcome.THROTTLED, 3, id="429, go on"),
    pytest.param(refusing(500), SourceUnavailable, Outcome.FAILED, 1, id="500"),
    pytest.param(refusing(502), SourceUnavailable, Outcome.FAILED, 1, id="502"),
    pytest.param(refusing(503), SourceUnavailable, Outcome.FAILED, 3, id="503"),
    pytest.param(refusing(401), SourceRejected, Outcome.REJECTED, 1, id="401"),
    pytest.param(refusing(403), SourceRejected, Outcome.REJECTED, 1, id="403"),
    pytest.param(refusing(404), SourceRejected, Outcome.REJECTED, 1, id="404"),
    pytest.param(refusing(400), SourceRejected, Outcome.REJECTED, 1, id="400"),
    pytest.param(refusing(302, Location="/x"), SourceMisread, Outcome.ANSWERED, 1, id="redirect"),
]


@pytest.mark.parametrize("make", TRANSPORTS)
@pytest.mark.parametrize(("behaviour", "error", "outcome", "requests"), FAULTS)
async def test_each_fault_becomes_one_error_in_time(
    behaviour: Behaviour,
    error: type[SourceError],
    outcome: Outcome,
    requests: int,
    make: type[WreqTransport],
) -> None:
    heard = Heard()
    async with stub(behaviour) as source, upstream_at(source.url, heard, make()) as upstream:
        started = time.monotonic()
        with pytest.raises(SourceError) as raised:
            await upstream.send("POST", "Patient/_search", form=[("name", "Jane Doe")])

    assert type(raised.value) is error
    assert raised.value.source == "lab"
    assert "Jane" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert time.monotonic() - started < TIMEOUT_S + SLACK_S
    assert heard.outcomes == [outcome] * requests
    assert {asked.form["name"][0] for asked in source.asked} <= {"Jane Doe"}


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_port_nobody_listens_on_is_unavailable(make: type[WreqTransport]) -> None:
    heard = Heard()
    async with upstream_at(closed_port(), heard, make()) as upstream:
        with pytest.raises(SourceUnavailable, match="no connection could be made"):
            await upstream.send("GET", "x")

    assert heard.outcomes == [Outcome.FAILED] * 3


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_an_answer_that_is_too_big_is_misread(make: type[WreqTransport]) -> None:
    async with (
        stub(lambda asked: answer(b" " * 1001)) as source,
        upstream_at(source.url, Heard(), make(max_bytes=1000)) as upstream,
    ):
        with pytest.raises(SourceMisread, match="bigger than is read"):
            await upstream.send("GET", "x")


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_an_answer_of_the_size_allowed_is_read(make: type[WreqTransport]) -> None:
    async with (
        stub(lambda asked: answer(b" " * 1000)) as source,
        upstream_at(source.url, Heard(), make(max_bytes=1000)) as upstream,
    ):
        assert (await upstream.send("GET", "x")).body == b" " * 1000


async def test_what_can_not_be_repeated_is_sent_once() -> None:
    async with stub(refusing(503)) as source, upstream_at(source.url, Heard()) as upstream:
        with pytest.raises(SourceUnavailable):
            await upstream.send("POST", "x", json={"a": 1}, idempotent=False)

    assert [asked.json for asked in source.asked] == [{"a": 1}]


async def test_a_retry_waits_as_long_as_the_source_asks() -> None:
    behaviour = then(json_answer({}, 429, Retry_After="1"), json_answer({"ok": True}))
    limits = Limits(timeout_s=20)
    async with stub(behaviour) as source, upstream_at(source.url, Heard(), limits=limits) as upstream:
        started = time.monotonic()
        reply = await upstream.send("GET", "x")

    assert reply.body == b'{"ok": true}'
    assert time.monotonic() - started >= 1.0
    assert len(source.asked) == 2


async def test_waiting_for_a_free_place_counts_against_the_deadline() -> None:
    limits = Limits(timeout_s=TIMEOUT_S, concurrency=1, trip_after=MANY)
    async with (
        stub(lambda asked: silence) as source,
        upstream_at(source.url, Heard(), limits=limits) as upstream,
    ):
        started = time.monotonic()
        results = await asyncio.gather(
            *(upstream.send("GET", str(n)) for n in range(3)), return_exceptions=True
        )

    assert [type(result) for result in results] == [SourceTimeout] * 3
    assert time.monotonic() - started < TIMEOUT_S + SLACK_S
    assert source.asked[0].target == "/0"


async def test_no_more_calls_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    def behaviour(asked: Asked) -> Answer:
        async def respond(writer: asyncio.StreamWriter) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            writer.write(answer())

        return respond

    limits = Limits(timeout_s=20, concurrency=3)
    async with stub(behaviour) as source, upstream_at(source.url, Heard(), limits=limits) as upstream:
        await asyncio.gather(*(upstream.send("GET", "x") for _ in range(12)))

    assert most == 3


async def test_a_cancelled_caller_is_free_at_once_and_tells_nothing_against_the_source() -> None:
    heard = Heard()
    async with (
        stub(lambda asked: silence) as source,
        upstream_at(source.url, heard, limits=Limits(timeout_s=20)) as upstream,
    ):
        call = asyncio.create_task(upstream.send("GET", "x"))
        await seen(lambda: len(source.asked) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert upstream.health().up

    assert heard.outcomes == [Outcome.CANCELLED]


@pytest.mark.parametrize("make", TRANSPORTS)
async def test_a_cancelled_call_hangs_up_on_the_source(make: type[WreqTransport]) -> None:
    async with stub(lambda asked: silence) as source:
        limits = Limits(timeout_s=20)
        async with upstream_at(source.url, Heard(), make(), limits) as upstream:
            call = asyncio.create_task(upstream.send("GET", "x"))
            await seen(lambda: len(source.asked) == 1)
            call.cancel()
            await asyncio.wait_for(source.hung_up.wait(), 10)

    assert call.cancelled()


async def test_after_failures_in_a_row_the_source_is_left_alone_and_then_tried_once() -> None:
    heard = Heard()
    limits = Limits(timeout_s=5, trip_after=2, rest_s=0.3)
    behaviour = then(*[json_answer({}, 500)] * 3, json_answer({"ok": True}))
    async with stub(behaviour) as source, upstream_at(source.url, heard, limits=limits) as upstream:
        outcomes = [await result_of(upstream) for _ in range(3)]
        assert outcomes == ["it failed (HTTP 500)", "it failed (HTTP 500)", LEFT_ALONE]
        since = upstream.health().left_alone_since
        assert since is not None
        await seen_result(upstream, "it failed (HTTP 500)")
        assert await result_of(upstream) == LEFT_ALONE
        assert (upstream.health().status, upstream.health().left_alone_since) == (
            SourceStatus.LEFT_ALONE,
            since,
        )
        await seen_result(upstream, "fine")
        assert (upstream.health().status, upstream.health().left_alone_since) == (
            SourceStatus.ANSWERING,
            None,
        )
        assert await result_of(upstream) == "fine"

    assert heard.outcomes == [Outcome.FAILED] * 3 + [Outcome.ANSWERED] * 2


LEFT_ALONE = "it failed several times in a row and is left alone for a while"


async def result_of(upstream: Upstream) -> str:
    try:
        await upstream.send("GET", "x")
    except SourceError as error:
        return error.why
    return "fine"


async def seen_result(upstream: Upstream, wanted: str) -> None:
    """Asks until the breaker lets a call through."""
    end = time.monotonic() + 10
    while (result := await result_of(upstream)) == LEFT_ALONE:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    assert result == wanted


async def seen(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


async def test_a_probe_whose_caller_goes_away_does_not_close_the_source_for_good() -> None:
    limits = Limits(timeout_s=20, trip_after=1, rest_s=0.05)
    answers: list[Answer] = [json_answer({}, 500), silence, json_answer({})]
    async with (
        stub(lambda asked: answers[len(source.asked) - 1]) as source,
        upstream_at(source.url, Heard(), limits=limits) as upstream,
    ):
        assert await result_of(upstream) == "it failed (HTTP 500)"
        await asyncio.sleep(limits.rest_s)
        probe = asyncio.create_task(upstream.send("GET", "x"))
        await seen(lambda: len(source.asked) == 2)
        probe.cancel()
        await asyncio.wait([probe])

        assert await result_of(upstream) == "fine"


async def test_refusals_neither_open_the_breaker_nor_mark_the_source_as_down() -> None:
    limits = Limits(timeout_s=5, trip_after=2)
    async with stub(refusing(403)) as source, upstream_at(source.url, Heard(), limits=limits) as upstream:
        whys = [await result_of(upstream) for _ in range(4)]
        assert upstream.health().up

    assert len(source.asked) == 4
    assert LEFT_ALONE not in whys


async def test_health_says_since_when_the_source_is_down_and_up_again() -> None:
    behaviour = then(json_answer({}, 500), json_answer({}, 500), json_answer({}))
    async with stub(behaviour) as source, upstream_at(source.url, Heard()) as upstream:
        states = []
        for _ in range(3):
            await result_of(upstream)
            states.append(upstream.health())

    assert [(state.name, state.kind, state.up) for state in states] == [
        ("lab", "ehr", False),
        ("lab", "ehr", False),
        ("lab", "ehr", True),
    ]
    assert states[0].since == states[1].since


async def test_calls_are_counted_for_the_operation_that_makes_them() -> None:
    async with stub(lambda asked: answer(b"12345")) as source, upstream_at(source.url, Heard()) as upstream:
        with operating() as operation:
            await asyncio.gather(*(upstream.send("GET", "x") for _ in range(3)))
        await upstream.send("GET", "x")

    tally = operation.tally
    assert tally.calls == {"lab": 3}
    assert tally.of("lab").bytes == 15
    assert tally.total == 3


async def test_credentials_are_not_taken_to_another_origin() -> None:
    async with stub(lambda asked: answer()) as source, stub(lambda asked: answer()) as other:
        upstream = Upstream("lab", "ehr", source.url, authorizer=StaticBearer("t"))
        with pytest.raises(ValueError, match="another origin"):
            await upstream.send("GET", f"{other.url}/x")
        reply = await upstream.send("GET", f"{source.url}/x?y=1")
        await upstream.close()

    assert reply.status == 200
    assert other.asked == []
    assert [(asked.target, asked.headers["authorization"]) for asked in source.asked] == [
        ("/x?y=1", "Bearer t")
    ]


async def test_the_environments_proxies_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stub(lambda asked: answer(b"proxy")) as proxy, stub(lambda asked: answer(b"source")) as source:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        bodies = []
        for make in TRANSPORTS:
            async with upstream_at(source.url, Heard(), make()) as upstream:
                bodies.append((await upstream.send("GET", "x")).body)

    assert bodies == [b"source", b"source"]
    assert proxy.asked == []


async def test_connections_are_kept_open_between_calls() -> None:
    peers: set[int] = set()

    def behaviour(asked: Asked) -> Answer:
        async def respond(writer: asyncio.StreamWriter) -> None:
            peers.add(writer.get_extra_info("peername")[1])
            writer.write(answer())

        return respond

    async with stub(behaviour) as source, upstream_at(source.url, Heard()) as upstream:
        for _ in range(5):
            await upstream.send("GET", "x")

    assert len(peers) == 1


async def test_a_refusal_that_is_waited_for_is_an_answer_and_any_other_is_not() -> None:
    async with stub(refusing(422)) as source, upstream_at(source.url, heard := Heard()) as upstream:
        reply = await upstream.send("GET", "x", answers={400, 422})
        with pytest.raises(SourceRejected):
            await upstream.send("GET", "x", answers={400})

    assert reply.status == 422
    assert heard.outcomes == [Outcome.REJECTED, Outcome.REJECTED]


async def test_json_is_sent_as_the_type_the_call_says_it_is() -> None:
    async with stub(lambda asked: answer()) as source, upstream_at(source.url, Heard()) as upstream:
        await upstream.send("POST", "x", json={})
        await upstream.send("POST", "x", json={}, headers={"Content-Type": "application/fhir+json"})

    assert [asked.headers["content-type"] for asked in source.asked] == [
        "application/json",
        "application/fhir+json",
    ]
