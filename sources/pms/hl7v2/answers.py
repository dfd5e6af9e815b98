"""Owns the acknowledgments: which are wanted, and their words. Pure but for their number."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from secrets import token_hex
from zoneinfo import ZoneInfo

from sources.pms.hl7v2.charsets import CODECS
from sources.pms.hl7v2.er7 import Syntax
from sources.pms.hl7v2.faults import WORDS, Fault
from sources.pms.hl7v2.framing import framed
from sources.pms.hl7v2.header import Header


class Verdict(Enum):
    """What became of a message: taken; wrong, so that to send it again is of no use; or not now."""

    TAKEN = "A"
    WRONG = "E"
    NOT_NOW = "R"


def answer(
    header: Header, verdict: Verdict, time_zone: str, fault: Fault | None = None, why: str = ""
) -> bytes:
    """The acknowledgments that the sender of *header* wants, in their frames: one, two, or none.

    In original mode that is AA, AE or AR. In enhanced mode it is CA, CE or CR, AA, AE or AR, or both, as
    MSH-15 and MSH-16 say; what was not accepted has no second one.
    """
    codes = [f"A{verdict.value}"]
    if header.is_enhanced:
        accepts = _is_wanted(header.accept, verdict)
        applies = _is_wanted(header.application, verdict) and not (accepts and verdict is not Verdict.TAKEN)
        codes = [f"C{verdict.value}"] * accepts + [f"A{verdict.value}"] * applies
    return b"".join(framed(_written(header, code, time_zone, fault, why)) for code in codes)


def _is_wanted(condition: str, verdict: Verdict) -> bool:
    """Table 0155: always, never, on errors, on success; nothing is never."""
    is_well = verdict is Verdict.TAKEN
    return condition == "AL" or condition == ("SU" if is_well else "ER")


def _written(header: Header, code: str, time_zone: str, fault: Fault | None, why: str) -> bytes:
    syntax = header.syntax
    said = syntax.escaped(str(fault) if fault is not None else why)
    now = datetime.now(ZoneInfo(time_zone)).strftime("%Y%m%d%H%M%S%z")
    msh = [
        "MSH",
        syntax.encoding_characters,
        *header.receiver,
        *header.sender,
        now,
        "",
        syntax.component.join(filter(None, ("ACK", header.event, "ACK"))),
        token_hex(8).upper(),
        header.processing_id or "P",
        header.version or "2.5.1",
    ]
    if header.charset:
        msh += ["", "", "", "", "", header.charset]
    lines = [syntax.field.join(msh), syntax.field.join(["MSA", code, header.control_id, said])]
    if fault is not None:
        lines.append(_error(syntax, fault, said))
    # What is echoed was in the message, and so is in its character set.
    codec = CODECS.get(header.charset.strip().upper(), syntax.codec)
    return "".join(line + "\r" for line in lines).encode(codec, "replace")


def _error(syntax: Syntax, fault: Fault, said: str) -> str:
    """ERR: the place, the code of table 0357, the severity and, for a person to read, the same again."""
    where = fault.where
    place: list[str] = []
    if where is not None:
        place = [where.segment, str(where.number), *([str(where.field)] if where.field is not None else [])]
    code = syntax.component.join((str(fault.code), WORDS[fault.code], "HL70357"))
    return syntax.field.join(["ERR", "", syntax.component.join(place), code, "E", "", "", "", said])
