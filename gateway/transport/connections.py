"""What one connection may cost the process before, beside and after its requests: bytes, time, patience.

The server (uvicorn) bounds bodies and messages, and leaves the rest without a bound: the heads of requests,
the time they take, the answers to pings, and what is left of answers that nobody reads.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from asyncio.transports import BaseTransport
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

from gateway.transport.refusals import Refusal
from gateway.transport.settings import StatusProfile

HEAD_BYTES = 65_536
"""How long a request's line and headers may be together; a token may take 16 KiB of them.

What is read of one that does not end is longer by what comes at once, 256 KiB at most.
"""

FRAMES = 4_096
"""Of how many frames a WebSocket message may be made: empty ones would not count towards its size."""

_LINGER_S = 1.0


class _TooLarge(Exception):
    """The head of a request is longer than it may be."""


class Patience:
    """Lets go of a connection whose other side takes nothing of what is to be sent for `seconds`.

    To close it would be to wait for its reader: what is unsent would be kept, and the socket with it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._alarm: TimerHandle | None = None

    def begin(self, transport: asyncio.Transport) -> None:
        """More is unsent than should be."""
        self.end()
        loop, unsent = asyncio.get_running_loop(), transport.get_write_buffer_size()
        self._alarm = loop.call_later(self._seconds, self._look, transport, unsent)

    def end(self) -> None:
        """It is sent, or the connection is gone."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _look(self, transport: asyncio.Transport, unsent: int) -> None:
        if transport.get_write_buffer_size() < unsent:
            self.begin(transport)
        else:
            transport.abort()


class HttpConnection(HttpToolsProtocol):
    """HTTP/1.1: a head is complete before long and of bearable length, or the connection ends."""

    head_s: ClassVar[float] = 10.0
    """How long the head of a request may take to arrive, and how long none need come at all."""
    stalled_s: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience = Patience(self.stalled_s)
        self._in_head = False
        self._is_socket = False
        self._is_over = False
        self._head_bytes = 0
        self._late: TimerHandle | None = None
        self._refusal: Refusal | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.end()
        self._await_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        begun = self.headers if self._in_head else None
        super().data_received(data)
        if self._is_done():
            return
        if self._in_head and self.headers is begun:
            self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(Refusal.HEAD_TOO_LARGE)
        elif not (self._in_head or self._is_idle()):
            self._await_nothing()
        elif self._late is None:
            # Between requests, too: after bytes that begin none the server would wait for ever for more.
            self._await_head()

    def handle_websocket_upgrade(self) -> None:
        self._is_socket = True
        self._await_nothing()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_nothing()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        url = len(self.url)
        if url + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._refusal = Refusal.URL_TOO_LONG if url > HEAD_BYTES else Refusal.HEAD_TOO_LARGE
            raise _TooLarge  # which the parser passes on as bytes that are not HTTP
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._refusal is None:
            super().send_400_response(msg)
        else:
            self._refuse(self._refusal)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience.begin(self.transport)

    def resume_writing(self) -> None:
        self._patience.end()
        super().resume_writing()

    def _is_done(self) -> bool:
        """Whether nothing more is to be read here."""
        return self._is_over or self._is_socket or self.transport.is_closing()

    def _is_idle(self) -> bool:
        """Whether no answer is under way."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _await_head(self) -> None:
        self._late = self.loop.call_later(self.head_s, self._overdue)

    def _await_nothing(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _overdue(self) -> None:
        if self._in_head:
            self._refuse(Refusal.HEAD_TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """The last words of the connection, unless they would fall into an answer that is under way."""
        self._await_nothing()
        self._is_over = True
        if self._is_idle():
            status = refusal.status(StatusProfile.AUDIT_2025)
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(refusal.body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + refusal.body)
            self.transport.write_eof()
            # To close at once, with bytes unread, would take the words back (RFC 9112 section 9.6).
            self._late = self.loop.call_later(_LINGER_S, self.transport.close)
        else:
            self.transport.close()


class SocketConnection(WebSocketsSansIOProtocol):
    """WebSocket: pings are answered as fast as answers are taken; a handshake that fails is told so."""

    stalled_s: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience = Patience(self.stalled_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_ping(self) -> None:
        super().handle_ping()
        if not self.writable.is_set():
            self.transport.pause_reading()

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > FRAMES:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "Message in too many frames")
            self.handle_parser_exception()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience.begin(self.transport)

    def resume_writing(self) -> None:
        self._patience.end()
        super().resume_writing()
        if not (self.read_paused or self.transport.is_closing()):
            self.transport.resume_reading()
