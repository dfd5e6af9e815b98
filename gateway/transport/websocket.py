"""GraphQL over WebSocket (`graphql-transport-ws`): one connection, its operations, and how it ends."""

import asyncio
import contextlib
import logging
import time
from typing import Any, Generic

from starlette.types import Receive, Scope, Send

from gateway.transport import messages
from gateway.transport.faults import log_fault
from gateway.transport.headers import PURPOSE_OF_USE, Headers, by_name, purpose_of_use
from gateway.transport.messages import Close
from gateway.transport.origins import Origins
from gateway.transport.refusals import Refusal, Refused
from gateway.transport.service import A, Asked, Meter, RequestRefused, Service, Unauthenticated, Unavailable
from gateway.transport.settings import StatusProfile, TransportSettings

_log = logging.getLogger(__name__)

_ABNORMAL = 1006


class Closing(Exception):
    """This connection must end so; raised anywhere in it, it ends everything in it."""

    def __init__(self, close: Close) -> None:
        super().__init__(close.reason)
        self.close = close


class Departed(Exception):
    """The other side ended the connection, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class GraphQLOverWebSocket(Generic[A]):
    """The endpoint: checks a handshake, then gives the connection a life of its own."""

    def __init__(self, service: Service[A], settings: TransportSettings, meter: Meter) -> None:
        self._service = service
        self._settings = settings
        self._origins = Origins(settings)
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            headers = by_name(scope["headers"])
            if not self._origins.may_open_socket(headers):
                raise Refused(Refusal.FOREIGN_ORIGIN)
        except Refused as refused:
            self._meter.closed(await _refuse_handshake(refused.refusal, scope, send))
            return
        connection = Connection(self._service, self._settings, headers, receive, send)
        self._meter.closed(await connection.serve(scope["subprotocols"]))


class Connection(Generic[A]):
    """One accepted socket. Every task of it lives in one group, so that none outlives it.

    Results are not queued here: a stream is pulled when its last result has been taken, so a slow reader
    holds back its own streams, and one that takes nothing for `send_timeout_s` is dropped.
    """

    def __init__(
        self, service: Service[A], settings: TransportSettings, headers: Headers, receive: Receive, send: Send
    ) -> None:
        self._service = service
        self._settings = settings
        self._headers = headers
        self._receive = receive
        self._raw_send = send
        self._sending = asyncio.Lock()
        self._introduced = False
        self._caller: tuple[A] | None = None
        self._shown: str | None = None
        self._purpose: str | None = None
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._alive = 0

    async def serve(self, offered: list[str]) -> int:
        """Talk until either side ends it; gives the close code."""
        try:
            if messages.SUBPROTOCOL not in offered:
                await self._raw_send({"type": "websocket.accept"})
                raise Closing(messages.SUBPROTOCOL_NOT_ACCEPTABLE)
            await self._raw_send({"type": "websocket.accept", "subprotocol": messages.SUBPROTOCOL})
            close = await self._until_closed()
        except Closing as closing:
            close = closing.close
        except (Departed, OSError) as departed:
            return departed.code if isinstance(departed, Departed) else _ABNORMAL
        await self._close(close)
        return close.code

    async def _until_closed(self) -> Close:
        close = messages.INTERNAL
        try:
            async with asyncio.timeout(self._settings.connection_init_timeout_s) as limit:
                async with asyncio.TaskGroup() as tasks:
                    await self._converse(tasks, limit)
        except TimeoutError:
            # Forbidden rather than unauthorized: known clients then come back with a fresh token.
            close = messages.FORBIDDEN if self._caller else messages.INIT_TIMEOUT
        except ExceptionGroup as group:
            close = _ending(group)
        return close

    async def _converse(self, tasks: asyncio.TaskGroup, limit: asyncio.Timeout) -> None:
        while True:
            message = await self._next_message()
            match message:
                case messages.ConnectionInit():
                    await self._introduce(message.payload or {}, limit)
                case messages.Subscribe():
                    await self._subscribe(message, tasks)
                case messages.Complete():
                    stream = self._streams.pop(message.id, None)
                    if stream is not None:
                        stream.cancel()
                case messages.Ping():
                    await self._send(messages.PONG)
                case messages.Pong():
                    pass

    async def _next_message(self) -> messages.Message:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            raise Departed(event.get("code", 1005))
        text = event.get("text")
        if text is not None and len(text) > self._settings.max_body_bytes:
            raise Closing(messages.MESSAGE_TOO_LARGE)
        message = None if text is None else messages.decoded(text)
        if message is None:
            raise Closing(messages.INVALID_MESSAGE)
        return message

    async def _introduce(self, payload: dict[str, Any], limit: asyncio.Timeout) -> None:
        if self._introduced:
            raise Closing(messages.TOO_MANY_INITS)
        self._introduced = True
        self._purpose = self._stated(payload)
        self._shown = self._authorization(payload)
        try:
            caller = await self._service.authenticate(self._shown)
        except Unauthenticated:
            raise Closing(messages.FORBIDDEN) from None
        except Unavailable:
            raise Closing(messages.TRY_LATER) from None
        left_s = self._service.expires_at(caller) - time.time()
        if not left_s > 0:  # so that what is no number has expired
            raise Closing(messages.FORBIDDEN)
        self._caller = (caller,)
        limit.reschedule(asyncio.get_running_loop().time() + left_s)
        await self._send(messages.ACK)

    def _authorization(self, payload: dict[str, Any]) -> str | None:
        """The token of the introduction, else that of the handshake (which browsers cannot send)."""
        given = payload.get("authorization", payload.get("Authorization"))
        if given is None:
            header = self._headers.get(b"authorization")
            return None if header is None else header.decode("latin-1")
        if not isinstance(given, str):
            raise Closing(messages.INVALID_MESSAGE)
        return given

    def _stated(self, payload: dict[str, Any]) -> str | None:
        """The purpose of use that the introduction states for every operation, else the handshake."""
        names = (PURPOSE_OF_USE, PURPOSE_OF_USE.lower())
        given = next((payload[name] for name in names if payload.get(name) is not None), None)
        if given is None:
            return purpose_of_use(self._headers)
        if not isinstance(given, str):
            raise Closing(messages.INVALID_MESSAGE)
        return given

    async def _subscribe(self, message: messages.Subscribe, tasks: asyncio.TaskGroup) -> None:
        if self._caller is None:
            raise Closing(messages.UNAUTHORIZED)
        if message.id in self._streams:
            raise Closing(messages.already_exists(message.id))
        try:
            asked = message.payload.asked(self._purpose)
        except Refused:
            raise Closing(messages.INVALID_MESSAGE) from None
        if self._alive >= self._settings.max_operations_per_connection:
            await self._send(messages.error(message.id, Refusal.TOO_MANY_OPERATIONS.errors))
            return
        self._alive += 1
        stream = tasks.create_task(self._stream(message.id, self._caller[0], asked))
        self._streams[message.id] = stream
        stream.add_done_callback(self._ended)

    def _ended(self, _stream: asyncio.Task[None]) -> None:
        # Counted here and not where the id is given back: a cancelled stream may take time to end.
        self._alive -= 1

    async def _stream(self, operation: str, caller: A, asked: Asked) -> None:
        prefix = messages.next_prefix(operation)
        try:
            async with contextlib.aclosing(self._service.subscribe(caller, asked)) as results:
                async for result in results:
                    await self._vouch()
                    await self._send(f"{prefix}{result.body.decode()}}}")
                    # Neither the stream nor the socket need pause: without this, one could keep the loop.
                    await asyncio.sleep(0)
            last = messages.complete(operation)
        except RequestRefused as refused:
            last = messages.error(operation, refused.errors)
        except Unauthenticated:
            raise Closing(messages.FORBIDDEN) from None
        except (Closing, Departed):
            raise
        except Exception as fault:  # noqa: BLE001 - the boundary of one operation: the others go on
            log_fault(_log, "operation failed", fault)
            last = messages.error(operation, Refusal.INTERNAL.errors)
        if self._streams.get(operation) is asyncio.current_task():
            # Before the last message, since a client that has read it may use the id again.
            del self._streams[operation]
            await self._send(last)

    async def _vouch(self) -> None:
        """The token still holds: since it was shown, it may have been revoked, or its key withdrawn."""
        try:
            await self._service.authenticate(self._shown)
        except Unauthenticated:
            raise Closing(messages.FORBIDDEN) from None
        except Unavailable:
            raise Closing(messages.TRY_LATER) from None

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._settings.send_timeout_s), self._sending:
                await self._raw_send({"type": "websocket.send", "text": text})
        except TimeoutError:
            raise Closing(messages.TOO_SLOW) from None
        except OSError:  # how ASGI servers say that nobody is there
            raise Departed(_ABNORMAL) from None

    async def _close(self, close: Close) -> None:
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(self._settings.send_timeout_s):
                await self._raw_send({"type": "websocket.close", "code": close.code, "reason": close.reason})


def _ending(group: BaseExceptionGroup[Exception]) -> Close:
    """How to close after everything in the connection has ended by these.

    Raises:
        Departed: there is nobody to close for.
    """
    leaves = list(_leaves(group))
    for leaf in leaves:
        if isinstance(leaf, Departed):
            raise leaf
    for leaf in leaves:
        if isinstance(leaf, Closing):
            return leaf.close
    log_fault(_log, "connection failed", leaves[0])
    return messages.INTERNAL


def _leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for exception in group.exceptions:
        found += _leaves(exception) if isinstance(exception, BaseExceptionGroup) else [exception]
    return found


async def _refuse_handshake(refusal: Refusal, scope: Scope, send: Send) -> int:
    """An HTTP response instead of a socket, with words where the server can send them."""
    status = refusal.status(StatusProfile.AUDIT_2025)
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return 403
    await send(
        {
            "type": "websocket.http.response.start",
            "status": status,
            "headers": [(b"content-type", b"application/json; charset=utf-8")],
        }
    )
    await send({"type": "websocket.http.response.body", "body": refusal.body})
    return status
