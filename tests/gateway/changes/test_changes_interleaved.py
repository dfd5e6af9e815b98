"""Subscribers, appends, breaks, returns in any order: each subscriber has what it wanted, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.changes import Gap, Hub, Log, MemoryLog
from gateway.changes.log import Item
from sources.model import Change, Told
from tests.gateway.changes.made import change, first, logs, running, whole

PATIENTS = ("p1", "p2", "p3")
SLOTS = st.integers(0, 2)

Step: TypeAlias = tuple[str, int, int]

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 2), st.integers(0, 30)),
        st.tuples(st.just("burst"), st.integers(1, 8), st.integers(0, 25)),
        st.tuples(st.just("subscribe"), SLOTS, st.integers(1, 7)),
        st.tuples(st.just("take"), SLOTS, st.integers(1, 6)),
        st.tuples(st.just("break off"), SLOTS, st.just(0)),
        st.tuples(st.just("come back"), SLOTS, st.just(0)),
        st.tuples(st.just("turn"), st.integers(1, 20), st.just(0)),
    ),
    min_size=5,
    max_size=80,
)


@dataclass
class Subscriber:
    """One subscriber, with all it was told since it first came."""

    wanted: frozenset[str]
    begin: int
    cursor: str
    told: list[Item] = field(default_factory=list)
    stream: AsyncGenerator[Item, None] | None = None

    def wants(self, change: Change) -> bool:
        return change.patient_id in self.wanted

    def connect(self, hub: Hub) -> None:
        if self.stream is None:
            self.stream = hub.subscribe(self.wants, self.cursor)

    async def break_off(self) -> None:
        if self.stream is not None:
            await self.stream.aclose()
            self.stream = None

    async def take(self, count: int) -> None:
        assert self.stream is not None
        for item in await first(self.stream, count):
            self.told.append(item)
            self.cursor = item.cursor


class Story:
    """Plays steps, and knows what should have come of them."""

    def __init__(self, log: Log, hub: Hub) -> None:
        self.log = log
        self.hub = hub
        self.appended: list[Change] = []
        self.subscribers: dict[int, Subscriber] = {}

    async def play(self, step: Step) -> None:
        what, which, more = step
        subscriber = self.subscribers.get(which)
        match what:
            case "append":
                await self.append(which, more)
            case "burst":
                for version in range(more, more + which):
                    await self.append(version % 3, version)
            case "subscribe" if subscriber is None:
                await self.subscribe(which, more)
            case "take" if subscriber is not None and subscriber.stream is not None:
                await subscriber.take(min(more, self.due(subscriber)))
            case "break off" if subscriber is not None:
                await subscriber.break_off()
            case "come back" if subscriber is not None:
                subscriber.connect(self.hub)
            case "turn":
                for _ in range(which):
                    await asyncio.sleep(0)
            case _:  # nobody is there to do it
                pass

    async def append(self, patient: int, version: int) -> None:
        made = change(f"a{patient}", version, patient=PATIENTS[patient])
        is_new = await self.log.append(made) is not None
        assert is_new is (made not in self.appended)
        if is_new:
            self.appended.append(made)

    async def subscribe(self, slot: int, wanted: int) -> None:
        patients = frozenset(name for bit, name in enumerate(PATIENTS) if wanted & 1 << bit)
        subscriber = Subscriber(patients, len(self.appended), await self.log.latest())
        subscriber.connect(self.hub)
        self.subscribers[slot] = subscriber

    def expected(self, subscriber: Subscriber) -> list[Change]:
        return [each for each in self.appended[subscriber.begin :] if subscriber.wants(each)]

    def due(self, subscriber: Subscriber) -> int:
        return len(self.expected(subscriber)) - len(subscriber.told)

    async def close(self) -> None:
        for subscriber in self.subscribers.values():
            await subscriber.break_off()


def last_of_all(patient: str) -> Change:
    """What shows, when it comes, that nothing else came before it."""
    return change("last", patient, patient=patient)


async def nothing_lost(log: Log, steps: list[Step]) -> None:
    hub = Hub(log, room=2)
    async with running(hub.run()):
        await hub.ready()
        story = Story(log, hub)
        for step in steps:
            await story.play(step)
        for patient in PATIENTS:
            story.appended.append(last_of_all(patient))
            await log.append(story.appended[-1])
        for subscriber in story.subscribers.values():
            subscriber.connect(hub)
            await subscriber.take(story.due(subscriber))

            told = [whole(item) for item in subscriber.told if isinstance(item, Told)]
            assert told == story.expected(subscriber)
        await story.close()
        assert hub.subscribers == 0


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_in_memory_each_gets_what_it_wants_once_and_in_order(steps: list[Step]) -> None:
    asyncio.run(nothing_lost(MemoryLog(), steps))


@settings(max_examples=30, deadline=None)
@given(steps=STEPS)
def test_in_redis_each_gets_what_it_wants_once_and_in_order(redis_url: str, steps: list[Step]) -> None:
    async def story() -> None:
        async with logs("redis", redis_url) as opened:
            await nothing_lost(await opened(), steps)

    asyncio.run(story())


async def nothing_lost_in_silence(steps: list[Step]) -> None:
    log = MemoryLog(kept=3)
    hub = Hub(log, room=1)
    async with running(hub.run()):
        await hub.ready()
        story = Story(log, hub)
        for step in steps:
            if step[0] != "take":
                await story.play(step)
        for subscriber in story.subscribers.values():
            subscriber.connect(hub)
        end = [last_of_all(patient) for patient in PATIENTS]
        for each in end:
            await log.append(each)
        for subscriber in story.subscribers.values():
            last = [each for each in end if subscriber.wants(each)][-1]
            while not subscriber.told or not is_the(last, subscriber.told[-1]):
                await subscriber.take(1)
            assert_honest(subscriber, [*story.appended[subscriber.begin :], *end])
        await story.close()


def is_the(change: Change, item: Item) -> bool:
    return isinstance(item, Told) and whole(item) == change


def assert_honest(subscriber: Subscriber, appended: list[Change]) -> None:
    """What it was told is what it wanted, in order; where something is missing, there is a gap."""
    wanted = iter([each for each in appended if subscriber.wants(each)])
    is_after_gap = False
    for item in subscriber.told:
        if isinstance(item, Gap):
            is_after_gap = True
            continue
        skipped = 0
        while next(wanted) != whole(item):
            skipped += 1
        assert skipped == 0 or is_after_gap
        is_after_gap = False


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_what_a_small_log_has_let_go_is_told_as_a_gap_where_it_was(steps: list[Step]) -> None:
    asyncio.run(nothing_lost_in_silence(steps))
