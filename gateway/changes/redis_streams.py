"""A log of changes in Redis Streams: for all processes of the gateway, and there after a restart."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import RedisError

from gateway.changes.entries import LOST, digest, digest_of, letter_of, letter_written, lost_key, written
from gateway.changes.log import KEPT, LETTERS_KEPT, Batch, DeadLetter, LogUnavailable
from gateway.changes.observing import Observer, Unobserved
from gateway.changes.place import Place
from gateway.changes.rows import Rows, batch, numbers, row_of
from gateway.changes.scripts import APPEND, READ
from sources.model import Change

_WEEK_S = 7 * 24 * 3600.0
_CONNECT_S = 2.0
_ANSWER_S = 5.0
# Below the time in which an answer must come, so that waiting is never taken for silence.
_LONGEST_WAIT_S = 2.0


class RedisLog:
    """Keeps at least the newest *kept* changes, and the keys of all of the last *remembered_s* seconds.

    All keys begin with *prefix*, whose braces keep them on one node of a cluster. Redis 6.2 or later. The log
    owns *redis*, which must be made as `connected` makes it.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = "{caregraph}:changes",
        kept: int = KEPT,
        letters: int = LETTERS_KEPT,
        remembered_s: float = _WEEK_S,
        observer: Observer | None = None,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._kept = kept
        self._letters_kept = letters
        self._remembered_ms = int(remembered_s * 1000)
        self._observer = observer or Unobserved()
        self._append = redis.register_script(APPEND)
        self._read = redis.register_script(READ)

    async def append(self, change: Change) -> str | None:
        appended = await self._added("log", f"seen:{digest(change)}", written(change), "~", self._kept)
        if appended is None:
            return None
        epoch, count, id_ = appended
        return Place(epoch.decode(), int(count), *numbers(id_)).cursor

    async def lost(self, source: str, bookmark: str) -> bool:
        seen = f"seen:{digest_of(lost_key(source, bookmark))}"
        return await self._added("log", seen, LOST, "~", self._kept) is not None

    async def _added(self, stream: str, seen: str, entry: bytes, about: str, most: int) -> list[bytes] | None:
        keys = [self._key(stream), self._key(f"{stream}-state"), self._key(seen)]
        async with _one_call():
            added: list[bytes] | None = await self._append(
                keys, [_new_epoch(), about, most, self._remembered_ms, entry]
            )
        return added

    async def read(self, after: str | None, *, limit: int = 500, wait_s: float = 0.0) -> Batch:
        place = None if after is None else Place.of(after)
        read = await self._batch(place, limit)
        if wait_s > 0 and not read.items:
            place = Place.of(read.cursor)
            await self._wait(place, min(wait_s, _LONGEST_WAIT_S))
            read = await self._batch(place, limit)
        return read

    async def _batch(self, after: Place | None, limit: int) -> Batch:
        return batch(after, await self._after("log", after, limit), self._observer.on_unreadable)

    async def _wait(self, place: Place, wait_s: float) -> None:
        async with _one_call():
            await self._redis.xread({self._key("log"): _id(place)}, count=1, block=max(1, int(wait_s * 1000)))

    async def _after(self, stream: str, place: Place | None, limit: int) -> Rows:
        keys = [self._key(stream), self._key(f"{stream}-state")]
        since = ["", "0-0"] if place is None else [place.epoch, _id(place)]
        async with _one_call():
            epoch, entries, last, rows = await self._read(keys, [_new_epoch(), *since, limit])
        newest = Place(epoch.decode(), int(entries), *numbers(last))
        return Rows(newest, [row_of(row) for row in rows])

    async def latest(self) -> str:
        return (await self._after("log", None, 1)).newest.cursor

    async def bury(self, letter: DeadLetter) -> bool:
        seen = f"buried:{digest(letter.change)}"
        entry = letter_written(letter)
        return await self._added("letters", seen, entry, "=", self._letters_kept) is not None

    async def letters(self) -> Sequence[DeadLetter]:
        found = await self._after("letters", None, self._letters_kept)
        return [letter for row in found.rows if (letter := letter_of(row.entry)) is not None]

    async def bookmark(self, source: str) -> str | None:
        async with _one_call():
            kept = await self._redis.hget(self._key("bookmarks"), source)
        return kept.decode() if isinstance(kept, bytes) else kept

    async def keep_bookmark(self, source: str, bookmark: str) -> None:
        async with _one_call():
            await self._redis.hset(self._key("bookmarks"), source, bookmark)

    async def aclose(self) -> None:
        await self._redis.aclose()

    def _key(self, name: str) -> str:
        return f"{self._prefix}:{name}"


def connected(url: str) -> Redis:
    """The client for a Redis at *url* (`redis://`, `rediss://` or `unix://`); it connects when it is used.

    Raises:
        ValueError: it is no such URL.
    """
    return Redis.from_url(
        url,
        # Ours is the deadline of each call, below: theirs on sockets is made with `asyncio.wait_for`, which
        # before Python 3.12 may swallow a cancellation, so that a task would never end.
        socket_timeout=None,
        socket_connect_timeout=_CONNECT_S,
        # A few quick attempts, for a connection that went stale; the callers of the log wait longer.
        retry=Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), 3),
        health_check_interval=30,
        client_name="caregraph",
    )


@asynccontextmanager
async def _one_call() -> AsyncIterator[None]:
    """One call's deadline. What the client raises becomes LogUnavailable: its text may hold what was sent."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            yield
    except (RedisError, OSError) as error:
        raise LogUnavailable(type(error).__name__) from None


def _id(place: Place) -> str:
    return f"{place.major}-{place.minor}"


def _new_epoch() -> str:
    return secrets.token_hex(8)
