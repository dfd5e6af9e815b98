"""What holds of the log in Redis alone: strangers' entries, losses, restarts, and what is written there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis

from gateway.changes import CursorMalformed, Intake, LogUnavailable, RedisLog
from gateway.changes.entries import written
from tests.gateway.changes.made import (
    Chart,
    Remembering,
    change,
    fresh_prefix,
    noticed,
    redis_log,
    said,
    until,
    until_true,
)
from tests.gateway.changes.redis_process import RedisProcess


@asynccontextmanager
async def a_log(url: str, **more: object) -> AsyncIterator[tuple[RedisLog, Redis, str, Remembering]]:
    """A log, a client beside it, the prefix of its keys, and what it says of itself."""
    prefix, observer = fresh_prefix(), Remembering()
    log = redis_log(url, prefix, observer=observer, **more)
    try:
        async with Redis.from_url(url) as redis:
            yield log, redis, prefix, observer
    finally:
        await log.aclose()


GOOD = written(change("5009", 9))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"v1": GOOD}, id="without a number"),
        pytest.param({"n": "2"}, id="without a change"),
        pytest.param({"n": "2", "v2": GOOD}, id="of a later version"),
        pytest.param({"n": "2", "v1": b"{"}, id="cut"),
        pytest.param({"n": "2", "v1": b"\xff\xfe"}, id="not text"),
        pytest.param({"n": "2", "v1": GOOD[:-1] + b',"mrn":"M1"}'}, id="with more than ids"),
        pytest.param({"n": "2", "v1": GOOD.replace(b"updated", b"renamed")}, id="of a kind not known"),
        pytest.param({"n": "9" * 30, "v1": GOOD}, id="with a number beyond counting"),
        pytest.param({"what": "ever"}, id="a stranger's"),
    ],
)
async def test_an_entry_that_is_none_of_ours_is_left_out_and_counted(
    redis_url: str, fields: dict[str | bytes, str | bytes]
) -> None:
    async with a_log(redis_url) as (log, redis, prefix, observer):
        await log.append(change("5001", 1))
        if fields.get("n") == "2":  # as if it had been appended
            await redis.hincrby(f"{prefix}:log-state", "entries", 1)
        await redis.xadd(f"{prefix}:log", dict(fields))  # type: ignore[arg-type] # bytes are fine
        await log.append(change("5001", 2))

        batch = await log.read(None)
        one_by_one = await log.read((await log.read(None, limit=2)).cursor, limit=2)

        assert said(batch.items) == ["5001.1", "5001.2"]
        assert said(one_by_one.items) == ["5001.2"]
        assert observer.unreadable == 2  # by each of the two ways of reading


@pytest.mark.anyio
async def test_a_reader_is_not_stuck_behind_a_strangers_entry(redis_url: str) -> None:
    async with a_log(redis_url) as (log, redis, prefix, observer):
        cursor = await log.append(change("5001", 1))
        await redis.xadd(f"{prefix}:log", {"what": "ever"})

        reading = asyncio.create_task(log.read(cursor, wait_s=2))
        await until(lambda: observer.unreadable > 0)
        await log.append(change("5001", 2))

        assert said((await reading).items) == ["5001.2"]
        assert observer.unreadable == 1


@pytest.mark.anyio
async def test_an_entry_that_was_deleted_is_told_as_a_gap_at_its_place(redis_url: str) -> None:
    async with a_log(redis_url) as (log, redis, prefix, _):
        for version in range(4):
            await log.append(change("5001", version))
        rows = await redis.xrange(f"{prefix}:log")
        assert rows is not None
        await redis.xdel(f"{prefix}:log", str(rows[2][0], "ascii"))  # type: ignore[arg-type] # bytes, as read

        batch = await log.read(None)

        assert said(batch.items) == ["5001.0", "5001.1", "gap", "5001.3"]
        assert said((await log.read(batch.items[2].cursor)).items) == ["5001.3"]


@pytest.mark.anyio
@pytest.mark.parametrize("lost", [["log"], ["log-state"], ["log", "log-state"]])
async def test_whatever_redis_loses_of_a_log_is_told_as_a_gap_and_the_log_goes_on(
    redis_url: str, lost: list[str]
) -> None:
    async with a_log(redis_url) as (log, redis, prefix, _):
        start = await log.latest()
        cursor = await log.append(change("5001", 1))
        await log.append(change("5001", 2))
        await redis.delete(*(f"{prefix}:{name}" for name in lost))
        await log.append(change("5001", 3))

        for before in (start, cursor):
            batch = await log.read(before)
            assert said(batch.items) == ["gap", "5001.3"]
            await log.read(batch.cursor)
        assert said((await log.read(await log.latest())).items) == []


@pytest.mark.anyio
async def test_the_end_of_a_log_that_is_lost_in_a_failover_is_told_as_a_gap(redis_url: str) -> None:
    async with a_log(redis_url) as (log, redis, prefix, _):
        await log.append(change("5001", 1))
        for name in ("log", "log-state"):  # what the replica had
            await redis.copy(f"{prefix}:{name}", f"{prefix}:replica-{name}")
        seen = await log.append(change("5001", 2))
        await log.append(change("5001", 3))
        end = await log.latest()
        for name in ("log", "log-state"):
            await redis.copy(f"{prefix}:replica-{name}", f"{prefix}:{name}", replace=True)

        await asyncio.sleep(0.005)  # a failover takes longer than a millisecond: the ids' clock has gone on

        idle = await log.read(end)
        await log.append(change("5001", 4))
        await log.append(change("5001", 5))

        assert said(idle.items) == ["gap"]
        assert said((await log.read(idle.cursor)).items) == ["5001.4", "5001.5"]
        assert said((await log.read(seen)).items) == ["gap", "5001.4", "5001.5"]
        assert said((await log.read(end)).items) == ["gap", "5001.4", "5001.5"]


@pytest.mark.anyio
async def test_another_process_finds_entries_keys_letters_and_bookmarks(redis_url: str) -> None:
    async with a_log(redis_url) as (log, _, prefix, _observer), AsyncExitStack() as closing:
        intake = Intake(log, Chart(M1="p1"))
        await intake.take([noticed("1", 1, "M1"), noticed("2", 1, "M404")])
        await log.keep_bookmark("pms", "17")
        cursor = await log.latest()
        other = redis_log(redis_url, prefix)
        closing.push_async_callback(other.aclose)

        assert said((await other.read(None)).items) == ["1.1"]
        assert await other.append(change("1", 1)) is None
        assert await other.append(change("1", 2)) is not None
        assert said((await other.read(cursor)).items) == ["1.2"]
        assert await other.letters() == await log.letters() != []
        assert await other.bookmark("pms") == "17"


@pytest.mark.anyio
async def test_a_key_is_forgotten_after_its_time(redis_url: str) -> None:
    async with a_log(redis_url, remembered_s=1000) as (log, redis, prefix, _):
        await log.append(change("5001", 1))
        keys = [key async for key in redis.scan_iter(f"{prefix}:seen:*")]
        assert len(keys) == 1
        assert 900_000 < await redis.pttl(keys[0]) <= 1_000_000

        await redis.pexpire(keys[0], 0)  # its time is over

        assert await log.append(change("5001", 1)) is not None


@pytest.mark.anyio
async def test_nothing_written_to_redis_holds_an_mrn_and_all_of_it_has_the_prefix(
    redis_server: RedisProcess,
) -> None:
    async with a_log(redis_server.url) as (log, redis, prefix, _):
        intake = Intake(log, Chart(**{"MRN-CANARY-1": "p1"}))
        await intake.take([noticed("1", mrn="MRN-CANARY-1"), noticed("2", mrn="MRN-CANARY-2")])
        await log.keep_bookmark("pms", "17")

        keys = [key async for key in redis.scan_iter("*")]
        dumps = [await redis.dump(key) for key in keys]
        streams = [await redis.xrange(f"{prefix}:{name}") for name in ("log", "letters")]

        assert len(keys) == 7  # two streams, two hashes beside them, two keys remembered, the bookmarks
        assert all(key.startswith(prefix.encode()) for key in keys)
        assert b"CANARY" not in b"".join(dump for dump in dumps if isinstance(dump, bytes))
        assert "CANARY" not in repr(streams)
        assert "p1" in repr(streams)


@pytest.mark.anyio
async def test_a_redis_that_is_away_is_said_so_without_a_word_of_what_was_sent(
    redis_server: RedisProcess,
) -> None:
    async with a_log(redis_server.url) as (log, _, _prefix, _observer):
        await log.append(change("5001", 1))
        redis_server.stop()

        for call in (
            lambda: log.append(change("canary", 1)),
            lambda: log.read(None),
            lambda: log.latest(),
            lambda: log.bookmark("canary"),
            lambda: log.keep_bookmark("canary", "canary"),
            lambda: log.letters(),
        ):
            with pytest.raises(LogUnavailable) as raised:
                await call()
            assert str(raised.value) == "the log of changes is unavailable: ConnectionError"


@pytest.mark.anyio
async def test_a_connection_that_breaks_while_it_waits_is_made_again(redis_url: str) -> None:
    async with a_log(redis_url) as (log, redis, _, _observer):
        cursor = await log.append(change("5001", 1))
        reading = asyncio.create_task(log.read(cursor, wait_s=2))
        await until_true(lambda: redis.client_kill_filter(_type="normal", skipme=True))
        await log.append(change("5001", 2))

        try:
            items = (await reading).items
        except LogUnavailable:
            items = (await log.read(cursor)).items

        assert said(items) == ["5001.2"]


@pytest.mark.anyio
async def test_wherever_a_call_is_cancelled_it_ends_and_disturbs_no_other(redis_url: str) -> None:
    async with a_log(redis_url) as (log, _, _prefix, _observer):
        cursor = await log.latest()
        for turns in range(60):
            reading = asyncio.create_task(log.read(cursor, wait_s=30))
            for _ in range(turns):
                await asyncio.sleep(0)
            reading.cancel()
            done, _pending = await asyncio.wait([reading], timeout=1)
            assert done == {reading}
            assert reading.cancelled()
            await log.append(change("5001", turns))
            cursor = await log.latest()
            assert said((await log.read(None, limit=99)).items)[-1] == f"5001.{turns}"


@pytest.mark.anyio
async def test_what_is_no_cursor_is_refused_before_redis_is_asked(redis_server: RedisProcess) -> None:
    async with a_log(redis_server.url) as (log, _, _prefix, _observer):
        redis_server.stop()

        with pytest.raises(CursorMalformed):
            await log.read("no cursor")
