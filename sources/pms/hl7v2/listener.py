"""Owns the socket that senders connect to: frames in, answers out, one message at a time a connection."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sources.pms.hl7v2.framing import Frames, TooLong
from sources.pms.hl7v2.intake import Intake
from sources.pms.hl7v2.observing import Observers, Outcome

_CHUNK = 65_536

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListenerSettings:
    """Where to listen, and what one sender may take up.

    With `certificate` and `key` (PEM files) the line is TLS; with `client_ca`, only senders with a
    certificate of that authority are let in. A connection that says nothing for `idle_s` seconds is closed.
    """

    host: str = "127.0.0.1"
    port: int = 2575
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None
    max_bytes: int = 1 << 20
    max_connections: int = 32
    idle_s: float = 300.0

    def tls(self) -> ssl.SSLContext | None:
        """The TLS of the line; None without a certificate.

        Raises:
            OSError: a file of it cannot be read, or is none of its kind.
        """
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        return context


class Listener:
    """Listens for one feed."""

    def __init__(
        self, name: str, intake: Intake, settings: ListenerSettings, observers: Iterable[object] = ()
    ) -> None:
        self._name = name
        self._intake = intake
        self._settings = settings
        self._observers = Observers(name, observers)
        self._connections: set[asyncio.Task[None]] = set()
        self._silent: set[asyncio.Task[None]] = set()
        self._is_closing = False

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port that senders may connect to for as long as the block runs. In the end, messages that have
        come whole are still answered.

        Raises:
            OSError: the port is taken, or the TLS files are not what they should be.
        """
        server = await asyncio.start_server(
            self._connected, self._settings.host, self._settings.port, ssl=self._settings.tls(), limit=_CHUNK
        )
        self._is_closing = False
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            self._is_closing = True
            server.close()
            for connection in self._silent:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._connections) >= self._settings.max_connections:
            _log.warning("too many senders are connected", extra={"source": self._name})
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._serve(task, reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the sender has gone, is silent, or we are closing: whatever it was not told it sends again
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        frames = Frames(self._settings.max_bytes)
        while not self._is_closing and (data := await self._read(task, reader)):
            try:
                for message in frames.feed(data):
                    writer.write(await self._intake.take(message))
                    await writer.drain()
            except TooLong:
                self._observers.saw(Outcome.TOO_LONG)
                _log.warning("a message is longer than is taken", extra={"source": self._name})
                break
        if frames.strays:
            extra = {"source": self._name, "bytes": frames.strays}
            _log.warning("bytes came that belong to no message", extra=extra)

    async def _read(self, task: asyncio.Task[None], reader: asyncio.StreamReader) -> bytes:
        """What comes next. Only in here a connection is cut off: what has come whole is answered."""
        self._silent.add(task)
        try:
            async with asyncio.timeout(self._settings.idle_s):
                return await reader.read(_CHUNK)
        finally:
            self._silent.discard(task)
