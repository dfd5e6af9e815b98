"""Owns joining: a question that is under way already, of the same actor, is not asked a second time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from sources.errors import SourceError, SourceTimeout

T = TypeVar("T")


class Flights(Generic[T]):
    """The questions under way. The first to ask leads; who asks the same meanwhile waits for what it is told.

    A leader whose caller goes away, or whose time is over, tells nothing: one of those who wait asks anew.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[T | SourceError | None]]] = {}

    def is_under_way(self, key: Hashable) -> bool:
        """Whether somebody is asking."""
        return key in self._waiting

    async def ask(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """What *call* gives, or gave to whoever asks the same at this time.

        Raises:
            SourceError: it raised that.
        """
        while (waiting := self._waiting.get(key)) is not None:
            told: asyncio.Future[T | SourceError | None] = asyncio.get_running_loop().create_future()
            waiting.append(told)
            landed = await told
            if isinstance(landed, SourceError):
                # A fresh one: an error that several raise collects the traces of all.
                raise type(landed)(landed.source, landed.why)
            if landed is not None:
                return landed
        return await self._lead(key, call)

    async def _lead(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        self._waiting[key] = []
        landed: T | SourceError | None = None
        try:
            landed = await call()
            return landed
        except SourceTimeout:
            raise
        except SourceError as error:
            landed = error
            raise
        finally:
            for told in self._waiting.pop(key):
                if not told.done():
                    told.set_result(landed)
