"""Clients that leave: whoever is not there any more gets no work done for them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

R = TypeVar("R")


class Gone(Exception):
    """The client left before its answer was ready."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, R], watch_after_s: float) -> R:
    """What `work` gives; it runs in this task and is cancelled when the client leaves.

    The watch starts late, because most work is done before a task to watch it would have been worth its
    cost; a client that left in the meantime is noticed then. The request's body must have been read.

    Raises:
        Gone: the client left.
    """
    watch = _Watch(receive)
    timer = asyncio.get_running_loop().call_later(watch_after_s, watch.start)
    try:
        result = await work
    except asyncio.CancelledError:
        if watch.was_left():
            raise Gone from None
        raise
    finally:
        timer.cancel()
        await watch.stop()
    if watch.was_left():  # the work swallowed the cancellation
        raise Gone
    return result


class _Watch:
    """Cancels the task that made it when the client disconnects."""

    __slots__ = ("_left", "_receive", "_watched", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watched = asyncio.current_task()
        self._watcher: asyncio.Task[None] | None = None
        self._left = False

    def start(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        if self._watcher is not None and not self._watcher.done():
            self._watcher.cancel()
            await asyncio.wait([self._watcher])

    def was_left(self) -> bool:
        """Whether the client left; takes back the cancellation that said so, once."""
        if self._left and self._watched is not None:
            self._left = False
            self._watched.uncancel()
            return True
        return False

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        if self._watched is not None:
            self._watched.cancel()
