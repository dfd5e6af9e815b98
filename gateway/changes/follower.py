"""One subscriber as the hub knows it: what it wants, how far it has come, and what waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from gateway.changes.log import Gap, Item
from gateway.changes.place import Place
from sources.model import Change

Wants: TypeAlias = Callable[[Change], bool]


class Follower:
    """`place`: all up to there was taken, or was not wanted; the way on from there loses nothing."""

    def __init__(self, wants: Wants, place: Place, room: int) -> None:
        self.wants = wants
        self.place = place
        self._offered = place
        self._room = room
        self._waiting: list[Item] = []
        self._fault: Exception | None = None
        self._woken = asyncio.Event()

    def begins(self) -> None:
        """From here on it is offered what comes."""
        self._offered = self.place
        self._woken.clear()

    def offer(self, item: Item, place: Place, *, goes_back: bool) -> bool:
        """Put it by if it is new and wanted. False: there is no room, so all that waited is given up.

        *goes_back*: the log has lost its end, and gives places again that this follower may have passed.
        """
        if self._offered.covers(place) and not goes_back:
            return True
        if self._is_wanted(item):
            if len(self._waiting) >= self._room:
                self._waiting.clear()
                self._woken.set()
                return False
            self._waiting.append(item)
            self._woken.set()
        self._offered = place
        if not self._waiting:
            self.place = place
        return True

    def _is_wanted(self, item: Item) -> bool:
        if isinstance(item, Gap):
            return True
        try:
            return self.wants(item)
        except Exception as fault:  # noqa: BLE001 - it is this subscriber's, and ends this one alone
            self._fault = fault
            self._woken.set()
            return False

    def wake(self) -> None:
        """Let it see that something has changed about it."""
        self._woken.set()

    async def taken(self) -> Sequence[Item]:
        """All that waits, once there is something; nothing if it was woken for another reason."""
        await self._woken.wait()
        self._woken.clear()
        if self._fault is not None:
            raise self._fault
        items, self._waiting = self._waiting, []
        if items:
            self.place = self._offered
        return items
