"""GraphQL over Server-Sent Events, "distinct connections mode": one operation, its results as events."""

import asyncio
import contextlib
import enum
import logging
import time
from typing import Generic

from starlette.types import Send

from gateway.transport.faults import log_fault
from gateway.transport.negotiation import MediaType
from gateway.transport.origins import HeaderList
from gateway.transport.refusals import Refusal, errors, response
from gateway.transport.service import (
    A,
    Asked,
    Meter,
    RequestRefused,
    Result,
    Service,
    Unauthenticated,
    Unavailable,
)
from gateway.transport.settings import TransportSettings
from gateway.transport.streams import Streams

_log = logging.getLogger(__name__)

KEEP_ALIVE = b":\n\n"
"""A comment: clients pass it over, and whatever stands between sees a connection in use."""

COMPLETE = b"event: complete\ndata:\n\n"
"""With an empty `data`, since the browser's `EventSource` gives no event to its page without one."""

_UNBUFFERED = (b"x-accel-buffering", b"no")  # nginx would else gather events before it passes them on
_EXPIRED = response(
    errors(
        "UNAUTHENTICATED", "The access token no longer holds. Connect again with a new one.", retryable=False
    )
)


class Ending(enum.Enum):
    """How a stream ended."""

    COMPLETE = "complete"
    LEFT = "left"
    EXPIRED = "expired"
    STOPPING = "stopping"
    SLOW = "slow"
    UNSURE = "unsure"
    """It can't be told now whether the token still holds."""


class _Ended(Exception):
    """The stream ends so, whatever of it is under way."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.value)
        self.ending = ending


class EventStream(Generic[A]):
    """The response to one request, as a stream of `next` events and, unless it is cut off, `complete`.

    As on a socket, results are pulled when the last one has been taken, so that a slow reader holds back its
    own stream alone; one that takes nothing for `send_timeout_s` is dropped. Only `complete` says that there
    is no more: a client that does not read it may come back, with the id of the last event it has.
    """

    def __init__(
        self,
        service: Service[A],
        settings: TransportSettings,
        streams: Streams,
        meter: Meter,
        shown: str | None,
        headers: HeaderList,
        send: Send,
    ) -> None:
        """*shown* is the `Authorization` that the caller came with."""
        self._shown = shown
        self._service = service
        self._settings = settings
        self._streams = streams
        self._meter = meter
        self._headers = [(b"content-type", MediaType.EVENTS.value), _UNBUFFERED, *headers]
        self._raw_send = send
        self._sending = asyncio.Lock()

    async def serve(self, caller: A, asked: Asked, *, reads_only: bool) -> None:
        """Sends all of the response; cancelled when the client leaves."""
        ending = Ending.LEFT
        try:
            ending = await self._until_ended(caller, asked, reads_only=reads_only)
            if ending is Ending.EXPIRED:
                ending = await self._say(next_event(Result(_EXPIRED)), ending)
            if ending not in {Ending.SLOW, Ending.LEFT}:
                ending = await self._finish(ending)
        finally:
            self._meter.streamed(ending.value)

    async def _until_ended(self, caller: A, asked: Asked, *, reads_only: bool) -> Ending:
        left_s = self._service.expires_at(caller) - time.time()
        await self._raw_send({"type": "http.response.start", "status": 200, "headers": self._headers})
        if not left_s > 0:  # so that what is no number has expired
            return Ending.EXPIRED
        if self._streams.is_stopping():
            return Ending.STOPPING
        try:
            async with asyncio.timeout(left_s) as limit:
                with self._streams.holding(limit):
                    return await self._talk(caller, asked, reads_only=reads_only)
        except TimeoutError:
            return Ending.STOPPING if self._streams.is_stopping() else Ending.EXPIRED

    async def _talk(self, caller: A, asked: Asked, *, reads_only: bool) -> Ending:
        ending = Ending.COMPLETE
        try:
            async with asyncio.TaskGroup() as tasks:
                beat = tasks.create_task(self._keep_alive())
                await self._results(caller, asked, reads_only=reads_only)
                beat.cancel()
        except* _Ended as group:
            ending = next(leaf.ending for leaf in group.exceptions if isinstance(leaf, _Ended))
        return ending

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._settings.keep_alive_s)
            await self._send(KEEP_ALIVE)

    async def _results(self, caller: A, asked: Asked, *, reads_only: bool) -> None:
        try:
            await self._send(KEEP_ALIVE)  # so that the client's wait for a beginning ends
            results = self._service.subscribe(caller, asked, reads_only=reads_only)
            async with contextlib.aclosing(results):
                async for result in results:
                    # Since it was shown, the token may have been revoked, or its key withdrawn.
                    await self._service.authenticate(self._shown)
                    await self._send(next_event(result))
                    # Neither the stream nor the server need pause: without this, one could keep the loop.
                    await asyncio.sleep(0)
        except RequestRefused as refused:
            await self._send(next_event(Result(response(refused.errors))))
        except Unauthenticated:
            raise _Ended(Ending.EXPIRED) from None
        except Unavailable:
            await self._send(next_event(Result(Refusal.UNAVAILABLE.body)))
            raise _Ended(Ending.UNSURE) from None
        except _Ended:
            raise
        except Exception as fault:  # noqa: BLE001 - the outermost boundary: fixed words, whatever broke
            log_fault(_log, "event stream failed", fault)
            await self._send(next_event(Result(Refusal.INTERNAL.body)))
        await self._send(COMPLETE)

    async def _finish(self, ending: Ending) -> Ending:
        """The end of the response; not waited for longer than any other part of it."""
        try:
            async with asyncio.timeout(self._settings.send_timeout_s):
                await self._raw_send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            return Ending.SLOW
        return ending

    async def _say(self, event: bytes, ending: Ending) -> Ending:
        """The last word; the ending is another one if nobody takes it."""
        try:
            await self._send(event)
        except _Ended as ended:
            return ended.ending
        return ending

    async def _send(self, event: bytes) -> None:
        try:
            async with asyncio.timeout(self._settings.send_timeout_s), self._sending:
                await self._raw_send({"type": "http.response.body", "body": event, "more_body": True})
        except TimeoutError:
            raise _Ended(Ending.SLOW) from None
        except OSError:  # how ASGI servers say that nobody is there
            raise _Ended(Ending.LEFT) from None


def next_event(result: Result) -> bytes:
    """A result as a `next` event, under its cursor if it has one."""
    place = f"id: {result.cursor}\n".encode() if result.cursor is not None else b""
    return b"event: next\n" + place + b"data: " + result.body + b"\n\n"
