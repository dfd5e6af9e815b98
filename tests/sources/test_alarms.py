"""Alarms ring when their time has come, and not if they were cancelled; what is over time is cut off."""

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.calling import Alarms

pytestmark = pytest.mark.anyio


def now() -> float:
    return asyncio.get_running_loop().time()


async def settled(rung: list[int], count: int) -> None:
    async with asyncio.timeout(10):
        while len(rung) < count:  # noqa: ASYNC110 - what rings is a plain call
            await asyncio.sleep(0.001)


@given(delays=st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=12))
def test_those_that_are_not_cancelled_ring_in_the_order_of_their_times(
    delays: list[tuple[int, bool]],
) -> None:
    async def ringing() -> list[int]:
        alarms, rung, begin = Alarms(), list[int](), now()
        for number, (delay, is_cancelled) in enumerate(delays):
            alarm = alarms.at(begin + delay / 1000, partial(rung.append, number))
            if is_cancelled:
                alarm.cancel()
        await settled(rung, sum(not is_cancelled for _, is_cancelled in delays))
        return rung

    left = [number for number, (_, is_cancelled) in enumerate(delays) if not is_cancelled]
    assert asyncio.run(ringing()) == sorted(left, key=lambda number: delays[number][0])


async def test_an_alarm_rings_though_an_earlier_one_was_cancelled_when_its_timer_was_set() -> None:
    alarms, rung = Alarms(), list[int]()
    first = alarms.at(now() + 0.01, partial(rung.append, 1))
    alarms.at(now() + 0.02, partial(rung.append, 2))
    first.cancel()

    await settled(rung, 1)

    assert rung == [2]


async def test_what_was_cancelled_is_not_kept() -> None:
    alarms = Alarms()
    for _ in range(1000):
        alarms.at(now() + 60, lambda: None).cancel()

    assert len(alarms._waiting) == 1


async def test_what_is_over_time_is_cancelled_and_raises() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        with Alarms().until(now() + 0.01):
            begun.set()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await work()

    task = asyncio.current_task()
    assert begun.is_set()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_is_done_in_time_is_left_alone() -> None:
    alarms = Alarms()
    with alarms.until(now() + 0.01):
        pass

    rung = list[int]()
    alarms.at(now() + 0.02, partial(rung.append, 1))
    await settled(rung, 1)
    assert rung == [1]


async def test_who_is_cancelled_by_another_stays_cancelled() -> None:
    async def work() -> None:
        with Alarms().until(now() + 60):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_of_two_deadlines_the_one_that_passes_is_told() -> None:
    passed = list[str]()

    async def inner(alarms: Alarms) -> None:
        try:
            with alarms.until(now() + 60):
                await asyncio.Event().wait()
        except TimeoutError:
            passed.append("inner")

    async def outer(alarms: Alarms) -> None:
        with alarms.until(now() + 0.01):
            await inner(alarms)

    with pytest.raises(TimeoutError):
        await outer(Alarms())
    assert passed == []
