"""What the calls of one operation share: its deadline, its trace, and the tally of how its sources did."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Event, Limits, Quota, Status, Tally, Upstream, operating, rate_limit_headers
from sources.errors import (
    SourceError,
    SourceMisread,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from sources.fhir.outcomes import Refused
from sources.ports import SourceStatus
from tests.sources.stub import Answer, Asked, answer, json_answer, silence, stub
from tests.sources.test_joining import Events

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PATIENTLY = Limits(timeout_s=20)


async def why_of(upstream: Upstream) -> str:
    try:
        await upstream.send("GET", "x")
    except SourceError as error:
        return error.why
    return "fine"


async def test_a_call_ends_with_its_operation_even_if_the_source_may_take_longer() -> None:
    async with stub(lambda asked: silence) as source:
        upstream = Upstream("lab", "ehr", source.url, limits=Limits(timeout_s=60))
        started = time.monotonic()
        ends = asyncio.get_running_loop().time() + 0.3
        with operating(deadline=ends) as operation, pytest.raises(SourceTimeout):
            await upstream.send("GET", "x", deadline=upstream.deadline())
        took = time.monotonic() - started
        assert upstream.health().up
        await upstream.close()

    assert took < 20
    assert operation.tally.of("lab").status is Status.TIMEOUT


async def test_no_retry_is_waited_for_past_the_operations_end() -> None:
    async with stub(lambda asked: json_answer({}, 503, Retry_After="5")) as source:
        upstream = Upstream("lab", "ehr", source.url, limits=PATIENTLY)
        ends = asyncio.get_running_loop().time() + 2
        with operating(deadline=ends), pytest.raises(SourceUnavailable, match="HTTP 503"):
            await upstream.send("GET", "x")
        await upstream.close()

    assert len(source.asked) == 1


async def test_the_trace_goes_upstream_and_nothing_goes_where_there_is_none() -> None:
    async with stub(lambda asked: answer()) as source:
        upstream = Upstream("lab", "ehr", source.url, limits=PATIENTLY)
        with operating(traceparent=TRACEPARENT):
            await upstream.send("GET", "x")
        with operating():
            await upstream.send("GET", "x")
        await upstream.send("GET", "x")
        await upstream.close()

    assert [asked.headers.get("traceparent") for asked in source.asked] == [TRACEPARENT, None, None]


async def test_retries_end_when_the_budget_is_spent() -> None:
    events = Events()
    limits = Limits(timeout_s=20, trip_after=10**6, retry_ratio=0.0, retry_burst=3)
    async with stub(lambda asked: json_answer({}, 503)) as source:
        upstream = Upstream("lab", "ehr", source.url, limits=limits, observers=[events])
        for _ in range(10):
            with pytest.raises(SourceUnavailable, match="HTTP 503"):
                await upstream.send("GET", "x")
        await upstream.close()

    assert len(source.asked) == 10 + 3
    assert events.events.count(Event.RETRIED) == 3
    assert events.events.count(Event.RETRY_WITHHELD) == 8 + 1


async def test_calls_above_our_quota_wait_for_their_turn() -> None:
    events = Events()
    at: list[float] = []

    def behaviour(asked: Asked) -> Answer:
        at.append(time.monotonic())
        return answer()

    async with stub(behaviour) as source:
        limits = Limits(timeout_s=60, quotas=(Quota(2, 0.5),))
        upstream = Upstream("lab", "crm", source.url, limits=limits, observers=[events])
        began = time.monotonic()
        await asyncio.gather(*(upstream.send("GET", str(n)) for n in range(6)))
        await upstream.close()

    assert len(at) == 6
    assert at[-1] - began >= 2 * 0.5
    assert events.events.count(Event.DELAYED) == 4


async def test_a_call_whose_turn_would_come_too_late_is_not_made_and_may_work_later() -> None:
    events = Events()
    async with stub(lambda asked: answer()) as source:
        limits = Limits(timeout_s=1, quotas=(Quota(1, 3600.0),))
        upstream = Upstream("lab", "crm", source.url, limits=limits, observers=[events])
        assert upstream.health().status is SourceStatus.ANSWERING
        await upstream.send("GET", "x")
        with pytest.raises(SourceUnavailable, match="our quota of calls to it is used up") as raised:
            await upstream.send("GET", "x")
        health = upstream.health()
        await upstream.close()

    assert (health.up, health.status, health.left_alone_since) == (True, SourceStatus.QUOTA_USED_UP, None)
    ahead = datetime.fromisoformat(health.quota_used_up_until or "") - datetime.now(UTC)
    assert timedelta(minutes=50) < ahead < timedelta(minutes=70)

    assert raised.value.retryable
    assert len(source.asked) == 1
    assert events.events[-1] is Event.WITHHELD


async def test_what_the_source_says_of_our_quota_is_heeded_by_the_next_call() -> None:
    async with stub(lambda asked: answer(X_RateLimit_Remaining="0", X_RateLimit_Reset="30")) as source:
        upstream = Upstream(
            "lab", "crm", source.url, limits=Limits(timeout_s=2), allowance=rate_limit_headers
        )
        assert [await why_of(upstream) for _ in range(2)] == [
            "fine",
            "our quota of calls to it is used up for now; this one was not made",
        ]
        await upstream.close()

    assert len(source.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_source_that_asks_to_be_left_alone_is_left_alone_by_all_calls(status: int) -> None:
    async with stub(lambda asked: json_answer({}, status, Retry_After="30")) as source:
        upstream = Upstream("lab", "crm", source.url, limits=Limits(timeout_s=2))
        whys = [await why_of(upstream) for _ in range(3)]
        await upstream.close()

    assert whys[0].endswith(f"(HTTP {status})")
    assert whys[1:] == ["our quota of calls to it is used up for now; this one was not made"] * 2
    assert len(source.asked) == 1


async def test_the_breaker_and_the_standing_of_a_source_are_told() -> None:
    events = Events()
    answers = [json_answer({}, 500)] * 2 + [json_answer({})]
    async with stub(lambda asked: answers[len(source.asked) - 1]) as source:
        limits = Limits(timeout_s=20, trip_after=2, rest_s=0.0)
        upstream = Upstream("lab", "crm", source.url, limits=limits, observers=[events])
        for _ in range(3):
            await why_of(upstream)
        await upstream.close()

    assert events.events == [
        Event.UP,
        Event.TAKEN_UP,
        Event.DOWN,
        Event.LEFT_ALONE,
        Event.UP,
        Event.TAKEN_UP,
    ]


UNAVAILABLE, TIMEOUT = SourceUnavailable("lab", "x"), SourceTimeout("lab", "x")
REJECTED, MISREAD = SourceRejected("lab", "x"), SourceMisread("lab", "x")


@pytest.mark.parametrize(
    ("questions", "misread", "status"),
    [
        ([None], False, Status.OK),
        ([None], True, Status.MISREAD),
        ([None, UNAVAILABLE], False, Status.DEGRADED),
        ([None, UNAVAILABLE], True, Status.DEGRADED),
        ([UNAVAILABLE], False, Status.UNAVAILABLE),
        ([TIMEOUT, REJECTED], False, Status.TIMEOUT),
        ([REJECTED, TIMEOUT, UNAVAILABLE], False, Status.UNAVAILABLE),
        ([UNAVAILABLE, MISREAD], False, Status.UNAVAILABLE),
        ([MISREAD], False, Status.MISREAD),
    ],
)
def test_the_status_says_how_a_source_did(
    questions: list[SourceError | None], misread: bool, status: Status
) -> None:
    source = Tally().of("lab")
    for error in questions:
        source.answered(0.1) if error is None else source.failed(error, 0.1)
    if misread:
        source.misread()

    assert source.status is status
    assert source.complete is (status is Status.OK)


@given(st.permutations([None, UNAVAILABLE, TIMEOUT, REJECTED, MISREAD]), st.integers(1, 5))
def test_the_order_in_which_answers_come_does_not_change_the_status(
    questions: list[SourceError | None], count: int
) -> None:
    def status(of: list[SourceError | None]) -> Status:
        source = Tally().of("lab")
        for error in of:
            source.answered(0.1) if error is None else source.failed(error, 0.1)
        return source.status

    assert status(questions[:count]) is status(list(reversed(questions[:count])))


def test_rows_that_were_cut_make_an_answer_incomplete_but_no_failure() -> None:
    tally = Tally()
    tally.of("ehr").answered(0.1)
    tally.of("pms").answered(0.2)
    tally.of("pms").cut()

    assert (tally.of("pms").status, tally.of("pms").complete) == (Status.OK, False)
    assert tally.of("ehr").complete
    assert not tally.complete


def test_an_error_made_of_an_answer_counts_when_somebody_is_told_of_it() -> None:
    tally = Tally()
    for source in ("one", "two", "three"):
        tally.of(source).answered(0.1)
    tally.of("two").answered(0.1)
    tally.told([Refused("one", "no"), SourceRejected("two", "no"), SourceMisread("three", "bad")])

    assert [source.status for source in tally.sources.values()] == [
        Status.REJECTED,
        Status.DEGRADED,
        Status.MISREAD,
    ]
    assert not any(source.complete for source in tally.sources.values())


def test_an_error_that_was_counted_as_a_failed_question_counts_once() -> None:
    tally = Tally()
    tally.of("one").answered(0.1)
    tally.of("one").failed(SourceTimeout("one", "late"), 0.1)
    tally.told([SourceTimeout("one", "late")] * 2)

    assert tally.of("one").status is Status.DEGRADED


def test_a_source_that_was_not_even_asked_did_not_do_well_where_its_error_is_told() -> None:
    tally = Tally()
    tally.told([SourceUnavailable("one", "it is left alone")])

    assert tally.of("one").status is Status.UNAVAILABLE
    assert tally.calls == {}
