"""A log of changes in this process: for one process, and gone with it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.changes.entries import lost_key, told
from gateway.changes.log import KEPT, LETTERS_KEPT, Batch, DeadLetter, Gap, Item
from gateway.changes.place import Place
from sources.model import Change

K = TypeVar("K")
V = TypeVar("V")


class MemoryLog:
    """Keeps the newest *kept* changes, the keys of the newest *remembered*, and of dead letters *letters*."""

    def __init__(self, kept: int = KEPT, letters: int = LETTERS_KEPT, remembered: int = 2 * KEPT) -> None:
        self._kept = kept
        self._remembered = remembered
        self._letters_kept = letters
        self._epoch = secrets.token_hex(8)
        self._count = 0
        self._entries: dict[int, Item] = {}
        self._keys: dict[str, None] = {}
        self._letters: dict[str, DeadLetter] = {}
        self._bookmarks: dict[str, str] = {}
        self._grown = asyncio.Event()

    async def append(self, change: Change) -> str | None:
        return self._put(change.key, lambda cursor: told(change, cursor))

    async def lost(self, source: str, bookmark: str) -> bool:
        return self._put(lost_key(source, bookmark), Gap) is not None

    def _put(self, key: str, item: Callable[[str], Item]) -> str | None:
        if key in self._keys:
            return None
        self._keys[key] = None
        self._count += 1
        cursor = self._place(self._count).cursor
        self._entries[self._count] = item(cursor)
        _shorten(self._entries, self._kept)
        _shorten(self._keys, self._remembered)
        # Whoever waits has this event; whoever comes later gets the next one.
        self._grown.set()
        self._grown = asyncio.Event()
        return cursor

    async def read(self, after: str | None, *, limit: int = 500, wait_s: float = 0.0) -> Batch:
        read = self._batch(None if after is None else Place.of(after), limit)
        if wait_s > 0 and not read.items:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._grown.wait()
            read = self._batch(Place.of(read.cursor), limit)
        return read

    def _batch(self, place: Place | None, limit: int) -> Batch:
        dropped = self._count - len(self._entries)
        items: list[Item] = []
        begin = dropped if place is None else self._begin(place, dropped)
        if place is not None and place != self._place(begin):
            items.append(Gap(self._place(begin).cursor))
        end = min(begin + limit, self._count)
        items.extend(self._entries[count] for count in range(begin + 1, end + 1))
        return Batch(tuple(items), self._place(end).cursor)

    def _begin(self, place: Place, dropped: int) -> int:
        """How many entries lie before the first to tell to a reader at *place*."""
        if place.epoch != self._epoch:
            return dropped
        return min(max(place.count, dropped), self._count)

    async def latest(self) -> str:
        return self._place(self._count).cursor

    async def bury(self, letter: DeadLetter) -> bool:
        if letter.change.key in self._letters:
            return False
        self._letters[letter.change.key] = letter
        _shorten(self._letters, self._letters_kept)
        return True

    async def letters(self) -> Sequence[DeadLetter]:
        return tuple(self._letters.values())

    async def bookmark(self, source: str) -> str | None:
        return self._bookmarks.get(source)

    async def keep_bookmark(self, source: str, bookmark: str) -> None:
        self._bookmarks[source] = bookmark

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _place(self, count: int) -> Place:
        return Place(self._epoch, count, count, 0)


def _shorten(kept: dict[K, V], most: int) -> None:
    """Let go of the oldest."""
    while len(kept) > most:
        del kept[next(iter(kept))]
