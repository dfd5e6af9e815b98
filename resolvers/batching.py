"""Gathers the keys that one turn of the event loop asks for, and asks for each key once a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from sources.errors import SourceError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
W = TypeVar("W")

Fetch = Callable[[Sequence[K]], Awaitable[Mapping[K, V | SourceError]]]
"""A mapping, never a list: an absent key has no value, and no row can land under another key."""


class Tasks:
    """The tasks of one request. None outlives it: `cancel` ends them, and with them their upstream calls."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        for task in self._running:
            task.cancel()

    def __len__(self) -> int:
        return len(self._running)


class Loader(Generic[K, V]):
    """Keys in, values out, for one request and one actor: never shared between two of either.

    The fetch runs in a task of the request, so that one waiter that is cancelled takes no other with it.
    """

    def __init__(self, fetch: Fetch[K, V], tasks: Tasks) -> None:
        self._fetch = fetch
        self._tasks = tasks
        self._known: dict[K, V | Exception | None] = {}
        self._asked: dict[K, asyncio.Future[None]] = {}
        self._next: tuple[dict[K, None], asyncio.Future[None]] | None = None

    async def load(self, keys: Sequence[K]) -> list[V | Exception | None]:
        """The value of each key, in order: None for none, an exception for one that could not be had."""
        known = self._known
        waits: dict[asyncio.Future[None], None] = {}
        for key in keys:
            if key not in known:
                waits[self._asked.get(key) or self._ask(key)] = None
        for wait in waits:
            # Waiters share the future; without the shield, cancelling one would cancel all.
            await asyncio.shield(wait)
        return [known[key] for key in keys]

    def _ask(self, key: K) -> asyncio.Future[None]:
        if self._next is None:
            self._next = ({}, asyncio.get_running_loop().create_future())
            self._tasks.start(self._dispatch())
        keys, done = self._next
        keys[key] = None
        self._asked[key] = done
        return done

    async def _dispatch(self) -> None:
        if self._next is None:
            return
        (keys, done), self._next = self._next, None
        found: Mapping[K, V | Exception] = {}
        failure: Exception | None = None
        try:
            found = await self._fetch(list(keys))
        except Exception as fault:  # noqa: BLE001 - handed to everyone who waits for these keys
            failure = fault
        finally:
            for key in keys:
                self._known[key] = failure if failure is not None else found.get(key)
                del self._asked[key]
            if not done.done():
                done.set_result(None)


class Mapped(Generic[K, V, W]):
    """A loader whose values pass a function on their way; what is absent or failed does not."""

    def __init__(self, loader: Loader[K, V], through: Callable[[V], W]) -> None:
        self._loader = loader
        self._through = through

    async def load(self, keys: Sequence[K]) -> list[W | Exception | None]:
        through = self._through
        return [
            value if value is None or isinstance(value, Exception) else through(value)
            for value in await self._loader.load(keys)
        ]


class At(Generic[K, V]):
    """The value at one key, for a field that has no key of its own."""

    def __init__(self, loader: Loader[K, V], key: K) -> None:
        self._loader = loader
        self._key = key

    async def load(self, keys: Sequence[object]) -> list[V | Exception | None]:
        return await self._loader.load([self._key] * len(keys))


class Once(Generic[V]):
    """What one call gives, for a field that has no key of its own."""

    def __init__(self, call: Callable[[], Awaitable[V]]) -> None:
        self._call = call

    async def load(self, keys: Sequence[object]) -> list[V | Exception | None]:
        value = await self._call()
        return [value] * len(keys)
