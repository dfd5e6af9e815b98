"""Owns a line between an adapter and a real server that can be spoilt, and mended."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from tests.sources.stub import reset as reset_now

Relay = Callable[["Line", Reader, Writer], Awaitable[None]]


class Line:
    """Listens at `port` of this machine from `open` to `close`; `relay` says what becomes of a connection."""

    def __init__(self, to_port: int, relay: Relay) -> None:
        self.relay = relay
        self.port = 0
        self.given = 0
        """Bytes that the server's end has given since the line was opened."""
        self._to = to_port
        self._server: asyncio.Server | None = None
        self._under_way: dict[asyncio.Task[None], Writer] = {}

    async def open(self) -> None:
        """Listen, at the same port each time."""
        self.given = 0
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut all connections, and take no more."""
        if self._server is not None:
            self._server.close()
        for task, writer in self._under_way.items():
            task.cancel()
            writer.close()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def mend(self) -> None:
        """From here on it is as good as a line can be."""
        await self.close()
        self.relay = passed
        await self.open()

    async def server(self) -> tuple[Reader, Writer]:
        """A connection to the server behind it."""
        return await asyncio.open_connection("127.0.0.1", self._to)

    async def give(self, reader: Reader, writer: Writer) -> None:
        """Pass on what the server says."""
        while data := await reader.read(65536):
            self.given += len(data)
            writer.write(data)
            await writer.drain()

    def _connected(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.ensure_future(self._relayed(reader, writer))
        self._under_way[task] = writer
        task.add_done_callback(self._under_way.pop)

    async def _relayed(self, reader: Reader, writer: Writer) -> None:
        try:
            await self.relay(self, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def passed(line: Line, reader: Reader, writer: Writer) -> None:
    """Both ways, as it comes."""
    await _joined(line, reader, writer, line.give)


def frozen_after(most: int) -> Relay:
    """So many bytes of what the server says; then nothing, and nothing ends."""

    async def some(reader: Reader, writer: Writer) -> None:
        left = most
        while left > 0 and (data := await reader.read(left)):
            left -= len(data)
            writer.write(data)
            await writer.drain()
        await asyncio.sleep(3600)

    async def relay(line: Line, reader: Reader, writer: Writer) -> None:
        await _joined(line, reader, writer, some)

    return relay


async def reset(line: Line, reader: Reader, writer: Writer) -> None:
    """Takes the first bytes, and resets the connection."""
    await reader.read(1)
    await reset_now(writer)


async def silence(line: Line, reader: Reader, writer: Writer) -> None:
    """Takes everything, and says nothing."""
    while await reader.read(4096):
        pass


async def trickle(line: Line, reader: Reader, writer: Writer) -> None:
    """What the server says comes a byte at a time."""
    await _joined(line, reader, writer, _byte_by_byte)


async def cut(line: Line, reader: Reader, writer: Writer) -> None:
    """Hangs up in the middle of what the server says first."""
    await _joined(line, reader, writer, _the_beginning)


async def page(line: Line, reader: Reader, writer: Writer) -> None:
    """A page for people."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>Jane</html>")
    await writer.drain()


def over_tls(context: ssl.SSLContext) -> Relay:
    """Both ways, over TLS as PostgreSQL begins it; the server behind it has none."""

    async def relay(line: Line, reader: Reader, writer: Writer) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        await writer.start_tls(context)
        await passed(line, reader, writer)

    return relay


def postgres_says(code: str) -> Relay:
    """PostgreSQL's refusal of a connection, with that SQLSTATE."""

    async def relay(line: Line, reader: Reader, writer: Writer) -> None:
        if int.from_bytes(await reader.readexactly(4)) == 8:  # a request for TLS
            await reader.readexactly(4)
            writer.write(b"N")
        await reader.read(4096)
        said = f"SFATAL\0VFATAL\0C{code}\0MJane is not here\0\0".encode()
        writer.write(b"E" + (len(said) + 4).to_bytes(4) + said)
        await writer.drain()

    return relay


Copy = Callable[[Reader, Writer], Coroutine[Any, Any, None]]


async def _joined(line: Line, reader: Reader, writer: Writer, back: Copy) -> None:
    from_server, to_server = await line.server()
    ways = [asyncio.create_task(_all(reader, to_server)), asyncio.create_task(back(from_server, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        to_server.close()
        await asyncio.gather(*ways, return_exceptions=True)
        await asyncio.gather(to_server.wait_closed(), return_exceptions=True)


async def _all(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _byte_by_byte(reader: Reader, writer: Writer) -> None:
    while data := await reader.read(1):
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.2)


async def _the_beginning(reader: Reader, writer: Writer) -> None:
    writer.write(await reader.readexactly(6))
    await writer.drain()
