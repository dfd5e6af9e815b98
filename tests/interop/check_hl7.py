"""HL7 v2 senders: they send a story of three appointments and read our answers; our projection tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sandbox.dataset import generate
from sources.model import Appointment, Mrn
from sources.pms.hl7v2 import Hl7Practice
from sources.ports import AppointmentQuery, Listed
from tests.interop.check_databases import PATIENTS, postgres
from tests.interop.checks import Done
from tests.interop.kits import HERE, Kits
from tests.interop.programs import answer, same
from tests.sources.hl7 import feed, fill, port_of, told
from tests.sources.practice import as_model
from tests.sources.test_hl7_messages import adt, msh, siu

UTF_8, LATIN_1 = ("UNICODE UTF-8", "utf-8"), ("8859/1", "iso-8859-1")
_ALL = frozenset(Appointment.__struct_fields__)
_MRN = Mrn("MRN77")


class Sent(NamedTuple):
    """A message, its characters on the wire, and the answer that it has to have."""

    text: str
    encoding: str = "utf-8"
    code: str = "AA"

    @property
    def number(self) -> str:
        """MSH-10."""
        return self.text.split("|")[9]


def booking(event: str, minute: int, filler: str, reason: str, charset: tuple[str, str], **more: str) -> Sent:
    """An appointment; *more* replaces segments."""
    at = f"2026112009{minute:02}00-0600"
    start, end = more.pop("start", "10"), more.pop("end", "11")
    schedule = (
        f"SCH|PL-{filler}^PMSAPP|{filler}^PMSAPP||||BOOK^Booked^L|ROUTINE^{reason}^HL70276|VID^Video visit^L"
        f"|60|min|^^60^20261201{start}0000-0600^20261201{end}0000-0600"
    )
    service = f"AIS|1|A|VIDEO^Video consult^L|20261201{start}0000-0600|||60|min"
    header = msh(f"SIU^{event}^SIU_S12", at, charset=charset[0])
    return Sent(siu(event, at, MSH=header, SCH=schedule, AIS=service, **more), charset[1])


def story(latin: tuple[str, str]) -> Sequence[Sent]:
    """Three appointments of two charts, which turn out to be one patient's."""
    another = "PID|1||MRN78^^^CLINIC1^MR||Reyes^Ana^^^^^L"
    booked = booking("S12", 1, "FI-1", "Überweisung", latin)
    return (
        Sent(adt("A01", "PID|1||MRN77^^^CLINIC1^MR||Müller^Jo^^^^^L||19600101|F", "PV1|1|O")),
        Sent(adt("A08", "PID|1||MRN78^^^CLINIC1^MR||Reyes^Ana^^^^^L||19610203|F", "PV1|1|O")),
        booked,
        booking("S12", 2, "FI-2", "検査", UTF_8),
        booking("S12", 3, "FI-3", "Routine", UTF_8, PID=another),
        booking("S13", 4, "FI-1", "Überweisung", latin, start="13", end="14"),
        booking("S15", 5, "FI-2", "検査", UTF_8),
        booking("S26", 6, "FI-3", "Routine", UTF_8, PID=another),
        Sent(adt("A40", "PID|1||MRN77^^^CLINIC1^MR", "MRG|MRN78^^^CLINIC1^MR", at="20261120101500-0600")),
        booked,
        Sent(adt("A08", "PID|1||MRN77^^^CLINIC1^MR||Müller^Jo||19601341", "PV1|1|O"), code="AE"),
    )


EXPECTED = {
    "FI-1": ("booked", "2026-12-01T13:00:00-06:00", "Überweisung"),
    "FI-2": ("cancelled", "2026-12-01T10:00:00-06:00", "検査"),
    "FI-3": ("noshow", "2026-12-01T10:00:00-06:00", "Routine"),
}


async def _projected(practice: Hl7Practice) -> dict[str, tuple[str, str | None, str | None]]:
    """Each appointment of the patient: its status, start and reason."""
    found = (await practice.appointments_of([_MRN], AppointmentQuery(), _ALL))[_MRN]
    assert isinstance(found, Listed)
    return {row.id: (row.status, row.start, row.reason_code[0].coding[0].display) for row in found.rows}


async def _sends(
    send: Callable[[dict[str, Any]], dict[str, Any]], latin: tuple[str, str], url: str | None = None
) -> str:
    messages = story(latin)
    with TemporaryDirectory() as folder:
        async with feed(Path(folder), url=url) as practice:
            port = await port_of(practice)
            told = [{"text": each.text, "encoding": each.encoding} for each in messages]
            said = await asyncio.to_thread(send, {"port": port, "messages": told})
            same(said["answers"], [[each.code, each.number] for each in messages], "answers")
            same(await _projected(practice), EXPECTED, "appointments")
        async with feed(Path(folder), url=url) as practice:
            same(await _projected(practice), EXPECTED, "appointments of a feed that is started again")
    return f"{len(messages)} messages, answers read, 3 appointments as told"


def node(kits: Kits, kit: str, latin: tuple[str, str] = LATIN_1) -> Done:
    """One of npm's senders."""
    folder = kits.node()

    def send(job: dict[str, Any]) -> dict[str, Any]:
        return answer(["node", "hl7_senders.mjs"], {"kit": kit, **job}, folder)

    return Done(kits.npm_version(kit), asyncio.run(_sends(send, latin)))


def python(kits: Kits, kit: str, url: str | None = None) -> Done:
    """One of the senders of python-hl7; what it tells is kept in the database at *url*, if one is given."""
    program = [kits.python(), HERE / "python" / "hl7_senders.py"]

    def send(job: dict[str, Any]) -> dict[str, Any]:
        return answer(program, {"kit": kit, **job}, HERE)

    return Done(kits.pip_version("hl7"), asyncio.run(_sends(send, LATIN_1, url)))


def postgresql(kits: Kits) -> Done:
    """The projection in PostgreSQL: a sender's story, and the sandbox's whole book, read back row by row."""
    with postgres(kits) as (server, version):
        story_of = python(kits, "hl7.mllp", server.database()).said
        rows = asyncio.run(_book(server.database()))
    return Done(version, f"{story_of}; {rows} rows of a whole book equal")


async def _book(url: str) -> int:
    """How many appointments of a book are told as they were sent."""
    held = generate(PATIENTS)
    book = {row.id: row for row in told(held)}
    with TemporaryDirectory() as sent_here, TemporaryDirectory() as asked_here:
        async with feed(Path(sent_here), url=url) as practice:
            await fill(practice, held)
        async with feed(Path(asked_here), url=url) as practice:
            found = await practice.appointments([*book, "none"], _ALL)
    same({key: as_model(row) for key, row in found.items()}, book, "a whole book")
    return len(book)


node_hl7_client = partial(node, kit="node-hl7-client")
simple_hl7 = partial(node, kit="simple-hl7", latin=UTF_8)
medplum_hl7 = partial(node, kit="@medplum/hl7")
hl7_mllp = partial(python, kit="hl7.mllp")
hl7_client = partial(python, kit="hl7.client")
mllp_send = partial(python, kit="mllp_send")
