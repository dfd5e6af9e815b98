"""Gathers the keys that one turn of the event loop asks for, and asks for each key once a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from sources.errors import SourceError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
W = TypeVar("W")

Fetch = Callable[[Sequence[K]], Awaitable[Mapping[K, V | SourceError]]]
"""A mapping, never a list: an absent key has no value, and no row can land under another key."""


class Asks(Protocol):
    """Anything that is asked as a loader is."""

    async def load(self, keys: Sequence[Any], /) -> Sequence[Any]: ...


class WrongCount(Exception):
    """A loader gave more or fewer values than it was given keys: no value is surely any key's."""


async def loaded(loader: Asks, keys: Sequence[Any]) -> list[Any]:
    """The value of each key, in order.

    Raises:
        WrongCount: the loader gave too many or too few.
        Exception: whatever the loader raises.
    """
    values = list(await loader.load(keys))
    if len(values) != len(keys):
        raise WrongCount(f"{len(values)} values for {len(keys)} keys")
    return values


class Tasks:
    """The tasks of one request. None outlives it: `cancel` ends them, and with them their upstream calls."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self) -> None:
        for task in self._running:
            task.cancel()

    def __len__(self) -> int:
        return len(self._running)


class NotFetched(Exception):
    """The fetch of a key was cancelled: whether there is a value is not known."""


class _Batch(Generic[K]):
    """Keys that are fetched together."""

    def __init__(self) -> None:
        self.keys: dict[K, None] = {}
        self.is_settled = False
        self._waiters: list[asyncio.Future[None]] = []

    async def settled(self) -> None:
        """Returns when the values are known. Each waits with a future, and is cancelled without the rest."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def settle(self) -> None:
        """Tells all who wait."""
        self.is_settled = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class Loader(Generic[K, V]):
    """Keys in, values out, for one request and one actor: never shared between two of either.

    The fetch runs in a task of the request, so that one waiter that is cancelled takes no other with it.
    """

    def __init__(self, fetch: Fetch[K, V], tasks: Tasks) -> None:
        self._fetch = fetch
        self._tasks = tasks
        self._known: dict[K, V | Exception | None] = {}
        self._asked: dict[K, _Batch[K]] = {}
        self._next: _Batch[K] | None = None

    async def load(self, keys: Sequence[K]) -> list[V | Exception | None]:
        """The value of each key, in order: None for none, an exception for one that could not be had."""
        known = self._known
        batches: dict[_Batch[K], None] = {}
        for key in keys:
            if key not in known:
                batches[self._asked.get(key) or self._ask(key)] = None
        for batch in batches:
            if not batch.is_settled:
                await batch.settled()
        return [known[key] for key in keys]

    def _ask(self, key: K) -> _Batch[K]:
        if self._next is None:
            batch = self._next = _Batch()
            task = self._tasks.start(self._dispatch(batch))
            task.add_done_callback(lambda _: self._give_up(batch))
        batch = self._next
        batch.keys[key] = None
        self._asked[key] = batch
        return batch

    async def _dispatch(self, batch: _Batch[K]) -> None:
        self._next = None
        keys = list(batch.keys)
        try:
            found = await self._fetch(keys)
            values: Mapping[K, V | Exception | None] = {key: found.get(key) for key in keys}
        except Exception as fault:  # noqa: BLE001 - handed to everyone who waits for these keys
            values = dict.fromkeys(keys, fault)
        self._settle(batch, values)

    def _give_up(self, batch: _Batch[K]) -> None:
        """Settles what a cancelled task left, even one that was cancelled before it began."""
        if not batch.is_settled:
            if self._next is batch:
                self._next = None
            self._settle(batch, dict.fromkeys(batch.keys, NotFetched()))

    def _settle(self, batch: _Batch[K], values: Mapping[K, V | Exception | None]) -> None:
        self._known.update(values)
        for key in batch.keys:
            del self._asked[key]
        batch.settle()


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
