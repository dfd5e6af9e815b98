"""Owns what is found of a line for messages when it is tried: its files, and can it be listened at."""

from __future__ import annotations

import asyncio
import os

from sources.pms.hl7v2.listener import ListenerSettings
from sources.pms.projection import Store
from sources.ports import Checked

_LOOPBACK = ("127.", "localhost", "::1")


async def tried(store: Store, line: ListenerSettings) -> Checked:
    """What is found of *line*; if nobody listens there for this feed, it is listened at for a moment.

    Raises:
        SourceUnavailable: the projection's database does not answer.
    """
    where = f"{line.host}:{line.port}"
    try:
        tls = line.tls()
    except OSError as fault:
        why = f"the TLS files cannot be used ({type(fault).__name__})"
        return Checked(
            False, (why, "see that `certificate`, `key` and `client_ca` are PEM files, and ours to read")
        )
    plain = ("senders are not asked who they are, and the line is not encrypted; set `tls`",)
    notes = plain if tls is None and not line.host.startswith(_LOOPBACK) else ()
    async with store.exclusively() as is_ours:
        if not is_ours:
            return Checked(True, (f"a gateway listens at {where}", *notes))
        try:
            server = await asyncio.start_server(_closed, line.host, line.port)
        except OSError as fault:
            why = f"{where} cannot be listened at ({os.strerror(fault.errno or 0)})"
            step = "see that `host` is an address of this machine, and that nothing else listens there"
            return Checked(False, (why, step))
        server.close()
        await server.wait_closed()
    return Checked(True, (f"{where} can be listened at; no gateway does now", *notes))


async def _closed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
