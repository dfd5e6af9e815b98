"""The hub: what subscribers get, whatever they and the log do meanwhile."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from gateway.changes import CursorMalformed, Gap, Hub, HubStopped, Log, LogUnavailable, MemoryLog
from gateway.changes.log import Batch, Item
from sources.model import Change
from tests.gateway.changes.made import (
    Opened,
    Remembering,
    change,
    first,
    fresh_prefix,
    redis_log,
    running,
    said,
    until,
)
from tests.gateway.changes.redis_process import RedisProcess


def everything(_: Change) -> bool:
    return True


async def appended(log: Log, versions: range, id: str = "5001", patient: str = "p1") -> list[str]:
    """Appends these versions; what subscribers are told of them."""
    for version in versions:
        assert await log.append(change(id, version, patient=patient)) is not None
    return [f"{id}.{version}" for version in versions]


@asynccontextmanager
async def a_hub(log: Log, room: int = 256) -> AsyncIterator[tuple[Hub, Remembering]]:
    """A hub that runs, and what it says of itself."""
    observer = Remembering()
    hub = Hub(log, room=room, observer=observer)
    async with running(hub.run()):
        await hub.ready()
        yield hub, observer


@pytest.mark.anyio
async def test_each_subscriber_gets_what_it_wants_in_the_order_of_the_log(opened: Opened) -> None:
    log = await opened()
    async with a_hub(log) as (hub, _):
        all_of_them = hub.subscribe(everything)
        hers = hub.subscribe(lambda change: change.patient_id == "p2")
        async with aclosing(all_of_them), aclosing(hers):
            start = await log.latest()
            waiting = [asyncio.create_task(first(stream, 1)) for stream in (all_of_them, hers)]
            await until(lambda: hub.subscribers == 2)
            await log.append(change("5001", 1, patient="p1"))
            await log.append(change("5002", 1, patient="p2"))
            await log.append(change("5001", 2, patient="p1"))
            await log.append(change("5002", 2, patient="p2"))

            begun = await asyncio.gather(*waiting)
            rest = [await first(all_of_them, 3), await first(hers, 1)]

            assert said(begun[0] + rest[0]) == ["5001.1", "5002.1", "5001.2", "5002.2"]
            assert said(begun[1] + rest[1]) == ["5002.1", "5002.2"]
            assert (await log.read(start)).items == tuple(begun[0] + rest[0])


@pytest.mark.anyio
async def test_what_was_appended_before_a_subscription_without_a_cursor_is_not_told(opened: Opened) -> None:
    log = await opened()
    await appended(log, range(3))
    async with a_hub(log) as (hub, _), aclosing(hub.subscribe(everything)) as stream:
        waiting = asyncio.create_task(first(stream, 2))
        await until(lambda: hub.subscribers == 1)
        told = await appended(log, range(3, 5))

        assert said(await waiting) == told


@pytest.mark.anyio
async def test_what_is_appended_after_subscribing_is_told_though_nothing_was_asked_for_yet(
    opened: Opened,
) -> None:
    log = await opened()
    async with a_hub(log) as (hub, _):
        async with aclosing(hub.subscribe(everything)) as earlier:
            await appended(log, range(1))
            await first(earlier, 1)

        async with aclosing(hub.subscribe(everything)) as stream:
            told = await appended(log, range(1, 3))

            assert said(await first(stream, 2)) == told


@pytest.mark.anyio
async def test_who_comes_back_with_a_cursor_gets_what_it_missed_and_goes_on_live(opened: Opened) -> None:
    log = await opened()
    async with a_hub(log) as (hub, _):
        start = await log.latest()
        async with aclosing(hub.subscribe(everything, start)) as stream:
            await appended(log, range(2))
            last = (await first(stream, 2))[-1].cursor
        missed = await appended(log, range(2, 1300))  # more than one read

        async with aclosing(hub.subscribe(everything, last)) as stream:
            caught_up = await first(stream, len(missed))
            live = await appended(log, range(1300, 1303))

            assert said(caught_up) == missed
            assert said(await first(stream, 3)) == live


@pytest.mark.anyio
async def test_a_cursor_from_before_what_is_kept_is_told_as_a_gap_first(opened: Opened) -> None:
    log = await opened(kept=5)
    start = await log.latest()
    await appended(log, range(400))
    kept = said((await log.read(None)).items)
    async with a_hub(log) as (hub, observer), aclosing(hub.subscribe(of_nobody, start)) as stream:
        assert said(await first(stream, 1)) == ["gap"]
        assert observer.gaps == 1
    async with a_hub(log) as (hub, _), aclosing(hub.subscribe(everything, start)) as stream:
        assert said(await first(stream, 1 + len(kept))) == ["gap", *kept]


def of_nobody(_: Change) -> bool:
    return False


@pytest.mark.anyio
async def test_what_is_no_cursor_is_refused_at_once(opened: Opened) -> None:
    hub = Hub(await opened())

    with pytest.raises(CursorMalformed):
        hub.subscribe(everything, "not a cursor")

    assert hub.subscribers == 0


@pytest.mark.anyio
async def test_a_slow_subscriber_holds_up_nobody_and_loses_nothing_that_is_kept(opened: Opened) -> None:
    log = await opened()
    async with a_hub(log, room=4) as (hub, observer):
        slow, quick = hub.subscribe(everything, await log.latest()), hub.subscribe(everything)
        async with aclosing(slow), aclosing(quick):
            await appended(log, range(1))
            await first(slow, 1)
            await first(quick, 1)
            live = asyncio.create_task(first(slow, 1))  # it waits among the live ones
            await until(lambda: hub.subscribers == 2)
            told = await appended(log, range(1, 60))

            assert said(await first(quick, 59)) == told
            await until(lambda: observer.overflows > 0)
            assert said(await live + await first(slow, 58)) == told
            again = asyncio.create_task(first(slow, 2))
            told = await appended(log, range(60, 62))
            assert said(await again) == told
            assert observer.gaps == 0


@pytest.mark.anyio
async def test_a_slow_subscriber_is_told_of_a_gap_where_the_log_has_let_go() -> None:
    log = MemoryLog(kept=10)
    async with a_hub(log, room=4) as (hub, observer), aclosing(hub.subscribe(everything)) as slow:
        waiting = asyncio.create_task(first(slow, 1))
        await until(lambda: hub.subscribers == 1)
        await appended(log, range(1))
        assert said(await waiting) == ["5001.0"]

        for version in range(1, 61):
            await appended(log, range(version, version + 1))
            await asyncio.sleep(0)
        await until(lambda: observer.overflows == 1)

        assert said(await first(slow, 11)) == ["gap", *(f"5001.{version}" for version in range(51, 61))]
        assert observer.gaps == 1


@pytest.mark.anyio
async def test_who_wants_little_is_told_of_no_gap_though_the_log_has_long_moved_on() -> None:
    log = MemoryLog(kept=10)
    async with (
        a_hub(log, room=4) as (hub, observer),
        aclosing(hub.subscribe(lambda change: change.patient_id == "p2")) as stream,
    ):
        waiting = asyncio.create_task(first(stream, 1))
        await until(lambda: hub.subscribers == 1)
        await appended(log, range(1), "5002", "p2")
        await waiting  # from here on it is live and takes nothing
        for version in range(100):
            await appended(log, range(version, version + 1))
            await until(lambda version=version: len(observer.lags) == version + 2)  # type: ignore[misc] # a bool
        told = await appended(log, range(1, 7), "5002", "p2")  # more than there is room for
        await until(lambda: observer.overflows == 1)

        assert said(await first(stream, 6)) == told
        assert observer.gaps == 0


class Wanting:
    """A filter that can be seen to be gone."""

    def __call__(self, _: Change) -> bool:
        return True


async def listened_and_cancelled(log: Log, hub: Hub) -> weakref.ref[Wanting]:
    """Two subscribers, one with a cursor, are told changes and then cancelled; their filter."""

    async def listening(stream: AsyncGenerator[Item, None]) -> None:
        async with aclosing(stream):
            async for item in stream:
                heard.append(item)  # noqa: PERF401 - one by one, since the stream does not end

    wanting = Wanting()
    heard: list[Item] = []
    streams = hub.subscribe(wanting), hub.subscribe(wanting, await log.latest())
    listeners = [asyncio.create_task(listening(stream)) for stream in streams]
    await appended(log, range(3))
    await until(lambda: len(heard) == 6)
    for listener in listeners:
        listener.cancel()
    await asyncio.wait(listeners)
    return weakref.ref(wanting)


@pytest.mark.anyio
async def test_a_cancelled_subscriber_leaves_nothing(opened: Opened) -> None:
    log = await opened()
    async with a_hub(log) as (hub, observer):
        before = asyncio.all_tasks()

        filter_of_theirs = await listened_and_cancelled(log, hub)
        gc.collect()

        assert hub.subscribers == 0
        assert observer.subscribers == [1, 2, 1, 0]
        assert filter_of_theirs() is None
        assert asyncio.all_tasks() == before


@pytest.mark.anyio
async def test_a_filter_that_fails_ends_its_own_subscription_alone(opened: Opened) -> None:
    def fails(_: Change) -> bool:
        raise LookupError("not told")

    log = await opened()
    async with a_hub(log) as (hub, _):
        faulty, sound = hub.subscribe(fails), hub.subscribe(everything)
        async with aclosing(faulty), aclosing(sound):
            waiting = [asyncio.create_task(first(stream, 1)) for stream in (faulty, sound)]
            await until(lambda: hub.subscribers == 2)
            await appended(log, range(1))

            with pytest.raises(LookupError):
                await waiting[0]
            assert said(await waiting[1]) == ["5001.0"]
            assert hub.subscribers == 1


@pytest.mark.anyio
async def test_subscribers_end_with_the_hub(opened: Opened) -> None:
    log = await opened()
    async with a_hub(log) as (hub, _):
        stream = hub.subscribe(everything)
        waiting = asyncio.create_task(first(stream, 1))
        await until(lambda: hub.subscribers == 1)

    with pytest.raises(HubStopped):
        await waiting
    with pytest.raises(HubStopped):
        await first(hub.subscribe(everything), 1)
    assert hub.subscribers == 0


@pytest.mark.anyio
async def test_a_change_that_is_read_late_is_told_to_have_lagged(opened: Opened) -> None:
    log = await opened()
    async with a_hub(log) as (hub, observer), aclosing(hub.subscribe(everything)) as stream:
        received = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()
        waiting = asyncio.create_task(first(stream, 2))
        await until(lambda: hub.subscribers == 1)
        await log.append(change("5001", 1, received=received))
        await log.append(change("5001", 2, received="yesterday"))
        await waiting

        assert len(observer.lags) == 1
        assert 90 <= observer.lags[0] < 100


class HeldBack(MemoryLog):
    """A log whose first reader, the hub, has what it read held back from it while `is_open` is not set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()
        self.is_open.set()
        self._hub: asyncio.Task[None] | None = None

    async def read(self, after: str | None, *, limit: int = 500, wait_s: float = 0.0) -> Batch:
        self._hub = self._hub or asyncio.current_task()
        batch = await super().read(after, limit=limit, wait_s=wait_s)
        if asyncio.current_task() is self._hub:
            await self.is_open.wait()
        return batch


@pytest.mark.anyio
async def test_who_has_read_further_than_the_hub_is_not_told_again_what_the_hub_comes_to() -> None:
    log = HeldBack()
    async with a_hub(log) as (hub, observer):
        start = await log.latest()
        told = await appended(log, range(2))
        await until(lambda: len(observer.lags) == 2)
        log.is_open.clear()
        told += await appended(log, range(2, 5))

        async with aclosing(hub.subscribe(everything, start)) as stream:
            assert said(await first(stream, 5)) == told
            waiting = asyncio.create_task(first(stream, 1))
            await asyncio.sleep(0)
            log.is_open.set()
            await until(lambda: len(observer.lags) == 5)
            told = await appended(log, range(5, 6))

            assert said(await waiting) == told


class Faltering(MemoryLog):
    """A log whose store is away every other time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def read(self, after: str | None, *, limit: int = 500, wait_s: float = 0.0) -> Batch:
        self._falter()
        return await super().read(after, limit=limit, wait_s=wait_s)

    async def latest(self) -> str:
        self._falter()
        return await super().latest()

    def _falter(self) -> None:
        self.asked += 1
        if self.asked % 2:
            raise LogUnavailable("ConnectionError")


@pytest.mark.anyio
async def test_a_log_that_falters_delays_the_subscribers_and_costs_them_nothing() -> None:
    log = Faltering()
    start = await MemoryLog.latest(log)
    async with a_hub(log) as (hub, _), aclosing(hub.subscribe(everything, start)) as stream:
        told = await appended(log, range(3))
        one = await first(stream, 3)
        told += await appended(log, range(3, 6))

        assert said(one + await first(stream, 3)) == told
        assert log.asked > 2


@pytest.mark.anyio
async def test_a_listener_is_told_that_a_failover_lost_the_end_of_the_log(redis_url: str) -> None:
    prefix = fresh_prefix()
    log = redis_log(redis_url, prefix)
    async with (
        Redis.from_url(redis_url) as redis,
        a_hub(log) as (hub, _),
        aclosing(hub.subscribe(everything)) as stream,
    ):
        waiting = asyncio.create_task(first(stream, 1))
        await until(lambda: hub.subscribers == 1)
        await appended(log, range(1))
        await waiting
        for name in ("log", "log-state"):  # what the replica had
            await redis.copy(f"{prefix}:{name}", f"{prefix}:replica-{name}")
        told = await appended(log, range(1, 4))
        assert said(await first(stream, 3)) == told
        for name in ("log", "log-state"):
            await redis.copy(f"{prefix}:replica-{name}", f"{prefix}:{name}", replace=True)

        assert said(await first(stream, 1)) == ["gap"]
        told = await appended(log, range(4, 6))
        assert said(await first(stream, 2)) == told
    await log.aclose()


@pytest.mark.anyio
async def test_a_redis_that_dies_and_comes_back_empty_is_a_gap_and_then_goes_on(
    redis_server: RedisProcess,
) -> None:
    log = redis_log(redis_server.url)
    async with a_hub(log) as (hub, _), aclosing(hub.subscribe(everything)) as stream:
        waiting = asyncio.create_task(first(stream, 1))
        await until(lambda: hub.subscribers == 1)
        await appended(log, range(1))
        assert said(await waiting) == ["5001.0"]

        redis_server.stop()
        with pytest.raises(LogUnavailable):
            await log.append(change("5001", 1))
        redis_server.start()
        await appended(log, range(1, 3))

        items = await first(stream, 3, within_s=20)
        assert said(items) == ["gap", "5001.1", "5001.2"]
        assert isinstance(items[0], Gap)
    await log.aclose()
