"""Equal questions of one actor are asked once; nothing is shared between two actors or grants."""

import asyncio
import time
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Event, Flaw, Limits, Outcome, Reply, Upstream, operating
from sources.calling.joining import Flights
from sources.errors import SourceError, SourceRejected, SourceTimeout, SourceUnavailable
from tests.sources.stub import Answer, Asked, Stub, Writer, answer, json_answer, stub

pytestmark = pytest.mark.anyio

PATIENTLY = Limits(timeout_s=20)


class Events:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None: ...

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None: ...

    def on_event(self, source: str, event: Event) -> None:
        self.events.append(event)

    def on_foreign(self, source: str, kind: str, rows: int) -> None: ...


class Held:
    """A source that answers nobody until it is let go; each answer tells the how-manieth it was."""

    def __init__(self, status: int = 200) -> None:
        self.let_go = asyncio.Event()
        self.answered = 0
        self.status = status

    def __call__(self, asked: Asked) -> Answer:
        async def respond(writer: Writer) -> None:
            await self.let_go.wait()
            self.answered += 1
            writer.write(json_answer({"answer": self.answered}, self.status))

        return respond


@asynccontextmanager
async def lab(held: Held, limits: Limits = PATIENTLY) -> AsyncIterator[tuple[Stub, Upstream, Events]]:
    events = Events()
    async with stub(held) as source:
        upstream = Upstream("lab", "ehr", source.url, limits=limits, observers=[events])
        try:
            yield source, upstream, events
        finally:
            await upstream.close()


async def asks(
    upstream: Upstream, whose: Hashable | None, path: str = "x", *, idempotent: bool = True
) -> bytes | SourceError:
    with operating(whose=whose):
        try:
            return bytes((await upstream.send("POST", path, form=[("a", "1")], idempotent=idempotent)).body)
        except SourceError as error:
            return error


async def until_asked(source: Stub, times: int) -> None:
    end = time.monotonic() + 10
    while len(source.asked) < times:
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_equal_questions_of_one_actor_are_asked_once() -> None:
    held = Held()
    async with lab(held) as (source, upstream, events):
        asking = [asyncio.create_task(asks(upstream, "anna")) for _ in range(5)]
        await until_asked(source, 1)
        await settled()
        held.let_go.set()
        answers = await asyncio.gather(*asking)

    assert answers == [b'{"answer": 1}'] * 5
    assert len(source.asked) == 1
    assert events.events.count(Event.JOINED) == 4


@pytest.mark.parametrize("other", ["ben", None, ("anna", "another grant")])
async def test_equal_questions_of_two_actors_are_asked_twice(other: Hashable | None) -> None:
    held = Held()
    async with lab(held) as (source, upstream, events):
        asking = [asyncio.create_task(asks(upstream, whose)) for whose in ("anna", other)]
        await until_asked(source, 2)
        held.let_go.set()
        answers = await asyncio.gather(*asking)

    assert {*answers} == {b'{"answer": 1}', b'{"answer": 2}'}
    assert Event.JOINED not in events.events


async def test_questions_of_nobody_in_particular_are_never_joined() -> None:
    held = Held()
    async with lab(held) as (source, upstream, _):
        asking = [asyncio.create_task(asks(upstream, None)) for _ in range(2)]
        await until_asked(source, 2)
        held.let_go.set()
        await asyncio.gather(*asking)

    assert len(source.asked) == 2


async def test_what_may_not_be_repeated_is_not_joined() -> None:
    held = Held()
    async with lab(held) as (source, upstream, _):
        asking = [asyncio.create_task(asks(upstream, "anna", idempotent=False)) for _ in range(2)]
        await until_asked(source, 2)
        held.let_go.set()
        await asyncio.gather(*asking)

    assert len(source.asked) == 2


async def test_joining_can_be_turned_off() -> None:
    held = Held()
    async with lab(held, Limits(timeout_s=20, joins=False)) as (source, upstream, _):
        asking = [asyncio.create_task(asks(upstream, "anna")) for _ in range(2)]
        await until_asked(source, 2)
        held.let_go.set()
        await asyncio.gather(*asking)

    assert len(source.asked) == 2


async def test_another_question_of_the_same_actor_is_asked() -> None:
    held = Held()
    async with lab(held) as (source, upstream, _):
        asking = [asyncio.create_task(asks(upstream, "anna", path)) for path in ("x", "y")]
        await until_asked(source, 2)
        held.let_go.set()
        await asyncio.gather(*asking)

    assert {asked.target for asked in source.asked} == {"/x", "/y"}


async def test_an_answer_that_has_come_is_not_kept() -> None:
    held = Held()
    held.let_go.set()
    async with lab(held) as (_, upstream, _):
        answers = [await asks(upstream, "anna") for _ in range(2)]

    assert answers == [b'{"answer": 1}', b'{"answer": 2}']


async def test_who_waits_asks_anew_when_the_one_who_asked_goes_away() -> None:
    held = Held()
    async with lab(held) as (source, upstream, _):
        first = asyncio.create_task(asks(upstream, "anna"))
        await until_asked(source, 1)
        others = [asyncio.create_task(asks(upstream, "anna")) for _ in range(3)]
        await settled()
        first.cancel()
        await until_asked(source, 2)
        held.let_go.set()
        answers = await asyncio.gather(*others)

    assert first.cancelled()
    assert len(source.asked) == 2
    assert len(set(answers)) == 1


async def test_one_who_waits_and_goes_away_takes_nobody_along() -> None:
    held = Held()
    async with lab(held) as (source, upstream, _):
        first = asyncio.create_task(asks(upstream, "anna"))
        await until_asked(source, 1)
        second, third = (asyncio.create_task(asks(upstream, "anna")) for _ in range(2))
        await settled()
        second.cancel()
        await settled()
        held.let_go.set()
        answers = [await first, await third]

    assert second.cancelled()
    assert answers == [b'{"answer": 1}'] * 2
    assert len(source.asked) == 1


async def test_a_refusal_is_told_to_all_who_asked_each_as_an_error_of_their_own() -> None:
    held = Held(status=403)
    async with lab(held) as (source, upstream, _):
        asking = [asyncio.create_task(asks(upstream, "anna")) for _ in range(3)]
        await until_asked(source, 1)
        await settled()
        held.let_go.set()
        errors = await asyncio.gather(*asking)

    assert [type(error) for error in errors] == [SourceRejected] * 3
    assert len({id(error) for error in errors}) == 3
    assert len(source.asked) == 1


async def test_only_the_one_who_asked_counts_the_call() -> None:
    held = Held()

    async def counting(upstream: Upstream) -> tuple[int, str]:
        with operating(whose="anna") as operation:
            await upstream.send("GET", "x")
        return operation.tally.total, operation.tally.of("lab").status.value

    async with lab(held) as (source, upstream, _):
        asking = [asyncio.create_task(counting(upstream)) for _ in range(2)]
        await until_asked(source, 1)
        await settled()
        held.let_go.set()
        counts = await asyncio.gather(*asking)

    assert counts == [(1, "ok"), (0, "ok")]


async def test_who_asked_first_and_ran_out_of_time_does_not_end_the_wait_of_the_others() -> None:
    flights = Flights[str]()
    calls = 0

    async def call() -> str:
        nonlocal calls
        calls += 1
        await settled()
        if calls == 1:
            raise SourceTimeout("lab", "no answer within 2 s")
        return "fine"

    results = await asyncio.gather(*(flights.ask("k", call) for _ in range(3)), return_exceptions=True)

    assert [type(results[0]), *results[1:]] == [SourceTimeout, "fine", "fine"]
    assert calls == 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.booleans()), max_size=12))
def test_nobody_is_told_what_another_key_was_told_and_nothing_is_left_behind(
    asked: list[tuple[str, int, bool]],
) -> None:
    async def run() -> tuple[list[str | BaseException], Flights[str]]:
        flights = Flights[str]()

        async def ask(key: str, turns: int, fails: bool) -> str:
            async def call() -> str:
                for _ in range(turns):
                    await asyncio.sleep(0)
                if fails:
                    raise SourceUnavailable(key, "it failed")
                return key

            return await flights.ask(key, call)

        return await asyncio.gather(*(ask(*each) for each in asked), return_exceptions=True), flights

    results, flights = asyncio.run(run())

    for (key, _, _), result in zip(asked, results, strict=True):
        assert result == key or (isinstance(result, SourceUnavailable) and result.source == key)
    assert flights._waiting == {}


async def test_a_reply_that_is_shared_can_be_read_by_all() -> None:
    async with stub(lambda asked: answer(b"12345")) as source:
        upstream = Upstream("lab", "ehr", source.url, limits=PATIENTLY)

        async def ask() -> Reply:
            with operating(whose="anna"):
                return await upstream.send("GET", "x")

        replies = await asyncio.gather(*(ask() for _ in range(3)))
        await upstream.close()

    assert [bytes(reply.body) for reply in replies] == [b"12345"] * 3
