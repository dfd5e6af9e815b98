"""The client of one request: its body is waited for, but not for ever; when it leaves, its work stops."""

import asyncio
from types import TracebackType
from typing import Self

from starlette.types import Receive

from gateway.transport.refusals import Refusal, Refused
from sources.calling import Alarms


class Gone(Exception):
    """The client left before its answer was ready."""


class Attendance:
    """`async with` it around all that is done for one request; it cancels that, in this task, when in vain.

    Most requests are done before a task that watches for the client would have been worth its cost, so
    nothing but one alarm is set at first; a client that left in the meantime is noticed when it rings.

    Raises:
        Gone: on leaving the block, if the client left.
        Refused: the same, if the body did not arrive in time.
    """

    __slots__ = (
        "_alarm",
        "_alarms",
        "_body_read",
        "_body_timeout_s",
        "_ended",
        "_is_late",
        "_loop",
        "_receive",
        "_task",
        "_watch_after_s",
        "_watcher",
    )

    def __init__(
        self, receive: Receive, alarms: Alarms, *, watch_after_s: float, body_timeout_s: float
    ) -> None:
        self._receive = receive
        self._alarms = alarms
        self._watch_after_s = watch_after_s
        self._body_timeout_s = body_timeout_s
        self._body_read = False
        self._is_late = False
        self._watcher: asyncio.Task[None] | None = None
        self._ended: Gone | Refused | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._alarm = self._alarms.at(self._loop.time() + self._watch_after_s, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, where: TracebackType | None
    ) -> None:
        self._alarm.cancel()
        if self._watcher is not None and not self._watcher.done():
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
        # Whatever came of the cancelled work, a result or an error of its own, nobody is there to have it.
        if self._ended is not None and self._task is not None and self._task.uncancel() == 0:
            raise self._ended from None

    async def body(self, at_most: int) -> bytes:
        """The whole body, once; after it, the client is watched.

        Raises:
            Refused: it is longer than `at_most`; the rest is left unread.
            Gone: the client left in the middle of it.
        """
        body = await self._read(at_most)
        self._body_read = True
        if self._is_late:
            self._alarm.cancel()
            self._look()
        return body

    async def _read(self, at_most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > at_most:
                raise Refused(Refusal.BODY_TOO_LARGE)
            parts.append(part)
            if not message.get("more_body", False):
                return part if len(parts) == 1 else b"".join(parts)

    def _look(self) -> None:
        """It takes longer than most: from now on, watch the client, or the clock while the body is out."""
        if self._body_read:
            self._watcher = self._loop.create_task(self._until_left())
        else:
            self._is_late = True
            self._alarm = self._alarms.at(self._loop.time() + self._body_timeout_s, self._overdue)

    def _overdue(self) -> None:
        self._end(Refused(Refusal.BODY_TOO_SLOW))

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(Gone())

    def _end(self, why: Gone | Refused) -> None:
        self._ended = why
        if self._task is not None:
            self._task.cancel()
