"""Owns a message's header: who sends what, under which number, and which answer they want."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

from sources.pms.hl7v2.er7 import Message, Segment, Syntax
from sources.pms.hl7v2.faults import (
    DATA_TYPE,
    REQUIRED,
    UNSUPPORTED_PROCESSING,
    UNSUPPORTED_VERSION,
    Fault,
    Where,
)

_VERSION = re.compile(r"2\.[1-9](?:\.[0-9])?")
_CONDITIONS = frozenset({"AL", "NE", "ER", "SU"})
_LONGEST_ID = 199


class Header(NamedTuple):
    """MSH, as far as an answer needs it. Senders and receivers are as they stand in the message."""

    syntax: Syntax
    sender: tuple[str, str]
    receiver: tuple[str, str]
    moment: str
    type: str
    event: str
    control_id: str
    processing_id: str
    version: str
    accept: str
    application: str
    charset: str

    @property
    def is_enhanced(self) -> bool:
        """Whether the sender says which acknowledgments it wants (chapter 2, enhanced mode)."""
        return bool(self.accept or self.application)

    @property
    def key(self) -> bytes:
        """What names the message: its sender, its control id, and its day, as some count anew every day."""
        parts = (*self.sender, self.control_id, self.moment[:8])
        return sha256("\x00".join(parts).encode()).digest()

    @classmethod
    def of(cls, segment: Segment) -> Header:
        """The header that *segment* is, whatever it lacks."""
        escape, raw = segment.syntax.escape, segment.raw
        conditions = [raw(field).strip().upper() for field in (15, 16)]
        name = raw(9).split(segment.syntax.component)
        return cls(
            syntax=segment.syntax,
            sender=(raw(3), raw(4)),
            receiver=(raw(5), raw(6)),
            moment=raw(7),
            type=name[0],
            event=name[1] if len(name) > 1 else "",
            control_id=raw(10) if escape not in raw(10) else "",
            processing_id=raw(11),
            version=raw(12).split(segment.syntax.component)[0],
            accept=conditions[0],
            application=conditions[1],
            charset=raw(18),
        )


def check(header: Header, segment: Segment, processing_id: str) -> None:
    """See that the header has what it needs.

    Raises:
        Fault: it has not.
    """
    for field in (7, 9, 10, 11, 12):
        if not segment.raw(field):
            raise Fault(REQUIRED, "missing", Where("MSH", 1, field))
    if not header.control_id or len(header.control_id) > _LONGEST_ID:
        raise Fault(DATA_TYPE, "no control id", Where("MSH", 1, 10))
    if header.processing_id.split(header.syntax.component)[0] != processing_id:
        raise Fault(UNSUPPORTED_PROCESSING, "not the processing id taken here", Where("MSH", 1, 11))
    if not _VERSION.fullmatch(header.version):
        raise Fault(UNSUPPORTED_VERSION, "no version of HL7 v2", Where("MSH", 1, 12))
    for field, condition in ((15, header.accept), (16, header.application)):
        if condition and condition not in _CONDITIONS:
            raise Fault(DATA_TYPE, "no acknowledgment condition", Where("MSH", 1, field))


def digest(message: Message) -> bytes:
    """What is equal for equal messages, whenever they were sent: all of it but MSH-7."""
    header = message.header
    without = (*header.fields[:6], "", *header.fields[7:])
    lines = [header.syntax.field.join(without), *(segment.written for segment in message.segments[1:])]
    return sha256("\r".join(lines).encode()).digest()
