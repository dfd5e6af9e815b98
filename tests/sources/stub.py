"""A source that answers as it is told, byte by byte, over a real socket."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Writer = asyncio.StreamWriter
Answer = bytes | Callable[[Writer], Awaitable[None]]
Behaviour = Callable[[Asked], Answer]


@dataclass
class Stub:
    """Where the source listens and what it was asked; `hung_up` is set when a caller went away early."""

    behaviour: Behaviour
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            while (asked := await _request(reader)) is not None:
                self.asked.append(asked)
                answer = self.behaviour(asked)
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    watching = asyncio.ensure_future(self._watch(reader))
                    try:
                        await answer(writer)
                    finally:
                        watching.cancel()
                        await asyncio.wait([watching])
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        if await reader.read(1) == b"":
            self.hung_up.set()


async def _request(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode().split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, target, headers, body)


@asynccontextmanager
async def stub(behaviour: Behaviour, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Stub]:
    """A source on a free port of this machine, or on *port*, in the loop of the test; over TLS with what it
    shows.
    """
    source = Stub(behaviour)
    connections: set[asyncio.Task[None]] = set()
    transports: set[asyncio.WriteTransport] = set()

    def connected(reader: asyncio.StreamReader, writer: Writer) -> None:
        # Known at once: who connects as we stop is hung up on, too.
        task = asyncio.ensure_future(source.serve(reader, writer))
        connections.add(task)
        transports.add(writer.transport)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=tls)
    scheme = "http" if tls is None else "https"
    source.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield source
    finally:
        server.close()
        for _ in range(5):
            # Nothing new is taken; what was taken already gets as far as `connected`, or to its end.
            await asyncio.sleep(0)
        for task in connections:
            task.cancel()
        for transport in transports:
            # Over TLS `close` waits for the other side's word, and a second one keeps `abort` from working.
            transport.abort()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


def answer(body: bytes = b"{}", status: int = 200, type_: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} -", f"Content-Type: {type_}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def json_answer(value: Any, status: int = 200, **headers: str) -> bytes:
    """A whole HTTP answer with *value* as JSON."""
    return answer(json.dumps(value).encode(), status, **headers)


async def reset(writer: Writer) -> None:
    """Cut the connection with a TCP reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silence(writer: Writer) -> None:
    """Answer nothing."""
    await asyncio.sleep(60)


async def drip(writer: Writer) -> None:
    """Send the head at once and the body a byte at a time, without end in sight."""
    writer.write(b"HTTP/1.1 200 -\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(10_000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def cut_short(writer: Writer) -> None:
    """Promise more than is sent, then hang up."""
    writer.write(b'HTTP/1.1 200 -\r\nContent-Length: 100\r\n\r\n{"resourceType"')
    await writer.drain()
    writer.close()


def closed_port() -> str:
    """The URL of a port of this machine on which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"
