"""Owns the HL7 v2 feed in the matrix: what may be wrong with a sender, while clients ask what is known."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from sandbox.pms.sender import END, VT, line
from sources.pms.hl7v2 import Hl7Practice
from tests.sources.authority import Authority
from tests.sources.hl7 import feed, port_of
from tests.sources.matrix.practices import ask_appointments
from tests.sources.matrix.trying import SAID, Trial
from tests.sources.test_hl7_messages import msh

Closed = (OSError, asyncio.IncompleteReadError)
WITHIN_S = 20.0


def booking(number: int, *more: str, start: str = "20261201100000-0600", mrn: str | None = None) -> str:
    """The message that books the appointment of that number for the patient of that number."""
    times = f"^^30^{start}^20261201103000-0600"
    return "\r".join(
        [
            msh("SIU^S12^SIU_S12"),
            f"SCH|PL-{number}^PMSAPP|FI-{number}^PMSAPP||||BOOK^Booked^L|ROUTINE^Routine^HL70276"
            f"|VID^Video visit^L|30|min^minutes^UCUM|{times}|||||1^A^B||||1^A^B|||||Booked^Booked^HL70278",
            f"PID|1||{mrn or f'M{number}'}^^^CLINIC1^MR||{SAID}^{SAID}",
            "RGS|1|A",
            "AIS|1|A|VIDEO^Video consult^L|20261201100000-0600|||30|min^minutes^UCUM||Booked^Booked",
            *more,
            "",
        ]
    )


class Feed:
    """The adapter behind its listener; two patients are known, unless nobody ever called."""

    @asynccontextmanager
    async def under(self, fault: str, folder: Path) -> AsyncIterator[Trial]:
        """See `Subject`."""
        ours = Authority(folder)
        tls = _tls(ours) if fault == "TLS failure" else {}
        async with feed(folder, max_bytes=4_000, idle_s=2.0, **tls) as practice:
            sender = _trusted(ours) if tls else None
            if fault != "refused":
                await _fill(practice, sender)
            await _wrong(practice, fault)

            async def heal() -> None:
                if fault == "refused":
                    await _fill(practice, sender)
                assert await _said(practice, booking(3).encode(), sender) == "AA"

            yield Trial(lambda: ask_appointments(practice), heal)


async def _fill(practice: Hl7Practice, sender: ssl.SSLContext | None) -> None:
    for number in (1, 2):
        assert await _said(practice, booking(number).encode(), sender) == "AA"


async def _wrong(practice: Hl7Practice, fault: str) -> None:
    """Send what is wrong, and see that it is answered as it should be."""
    whole = booking(1).encode()
    bad = {
        "HTML": (f"<html>{SAID}</html>".encode(), "AE"),
        "cut JSON": (whole[: len(whole) // 2], "AE"),
        "wrong type": (booking(1, start=SAID).encode(), "AE"),
        "unknown field": (booking(1, f"ZPM|{SAID}").encode(), "AA"),
        "empty page": (b"", "AE"),
    }
    unfinished = {
        "reset": VT + whole[:50],
        "slow first byte": b"",
        "slow body": VT + whole[:50],
        "cut connection": VT + whole[:50],
        "endless paging": VT + b"x" * 5_000,
        "TLS failure": VT + whole + END,
    }
    if fault in bad:
        sent, answer = bad[fault]
        assert await _said(practice, sent, None) == answer
    elif fault == "duplicate row":
        assert [await _said(practice, whole, None) for _ in range(2)] == ["AA", "AA"]
    elif fault in unfinished:
        await _unfinished(practice, fault, unfinished[fault])
    else:
        assert fault == "refused", fault


async def _said(practice: Hl7Practice, body: bytes, tls: ssl.SSLContext | None) -> str:
    host = "localhost" if tls else "127.0.0.1"
    async with line(await port_of(practice), host, tls) as sender:
        answer = await sender.send(body)
    return next(row.split("|")[1] for row in answer.split("\r") if row.startswith("MSA"))


async def _unfinished(practice: Hl7Practice, fault: str, sent: bytes) -> None:
    """Send the beginning of a message; who goes on waiting is hung up on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", await port_of(practice))
    writer.write(sent)
    await writer.drain()
    if fault == "reset":
        writer.transport.abort()
    elif fault == "cut connection":
        writer.close()
    else:
        async with asyncio.timeout(WITHIN_S):
            with suppress(*Closed):
                while await reader.read(100):
                    pass
    writer.close()


def _tls(ours: Authority) -> dict[str, Any]:
    pair = ours.issued("listener")
    return {
        "host": "localhost",
        "certificate": str(pair.certificate),
        "key": str(pair.key),
        "client_ca": str(ours.certificate),
    }


def _trusted(ours: Authority) -> ssl.SSLContext:
    pair = ours.issued("sender")
    context = ssl.create_default_context(cafile=str(ours.certificate))
    context.load_cert_chain(pair.certificate, pair.key)
    return context
