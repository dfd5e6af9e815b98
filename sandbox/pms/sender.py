"""Owns the practice's line to whoever takes its messages: MLLP, message by message, mischief if asked."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

VT, END = b"\x0b", b"\x1c\r"


@dataclass(frozen=True)
class Mischief:
    """What a line does wrong, each to that part of the messages; *seed* makes it the same every time."""

    duplicated: float = 0.0
    reordered: float = 0.0
    broken: float = 0.0
    seed: int = 7

    def done_to(self, messages: Iterable[str]) -> list[str]:
        """The messages as such a line would bring them. Nothing is lost: what comes broken comes again."""
        rng = random.Random(self.seed)
        brought: list[str] = []
        for message in messages:
            if rng.random() < self.broken:
                brought.append(message.replace("|MSG", "|BAD", 1).replace("\rPID|", "\rPXD|", 1))
            brought.append(message)
            if rng.random() < self.duplicated:
                brought.append(message)
            if len(brought) > 1 and rng.random() < self.reordered:
                brought[-1], brought[-2] = brought[-2], brought[-1]
        return brought


class Line:
    """A connection to a listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: str | bytes) -> str:
        """Send *message* and wait for its answer."""
        body = message.encode() if isinstance(message, str) else message
        await self.write(VT + body + END)
        return await self.answer()

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> str:
        """The next answer.

        Raises:
            asyncio.IncompleteReadError: the line was closed without one.
        """
        frame = await self._reader.readuntil(END)
        return frame.removeprefix(VT).removesuffix(END).decode(errors="replace")


@asynccontextmanager
async def line(port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Line]:
    """A line to the listener at that port, for as long as the block runs."""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
