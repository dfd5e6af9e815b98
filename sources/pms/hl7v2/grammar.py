"""Owns which messages are taken, and the order and number of the segments that are read of each.

Segments that are not read here may stand anywhere: they are passed over before the order is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from sources.pms.hl7v2.er7 import Message, Segment
from sources.pms.hl7v2.faults import SEQUENCE, UNSUPPORTED_EVENT, UNSUPPORTED_TYPE, Fault, Where
from sources.pms.hl7v2.header import Header


class Kind(Enum):
    """What a message is about."""

    PERSON = "person"
    MERGE = "merge"
    BOOKING = "booking"
    BLOCKING = "blocking"


EVENTS = {
    "ADT": {
        **dict.fromkeys(("A01", "A02", "A03", "A04", "A05", "A08", "A11", "A13", "A28", "A31"), Kind.PERSON),
        "A40": Kind.MERGE,
    },
    "SIU": {
        **dict.fromkeys((f"S{number}" for number in (*range(12, 23), 26)), Kind.BOOKING),
        **dict.fromkeys(("S23", "S24"), Kind.BLOCKING),
    },
}
"""The events taken, by message type."""

ORDER = {
    Kind.PERSON: ("MSH EVN PID [PV1]", r"MSH EVN PID (PV1 )?"),
    Kind.MERGE: ("MSH EVN {PID MRG [PV1]}", r"MSH EVN (PID MRG (PV1 )?)+"),
    Kind.BOOKING: (
        "MSH SCH [{TQ1}] PID [PV1] [{RGS [{AIS}] [{AIG}] [{AIL}] [{AIP}]}]",
        r"MSH SCH (TQ1 )*PID (PV1 )?(RGS (AIS )*(AIG )*(AIL )*(AIP )*)*",
    ),
    Kind.BLOCKING: ("MSH SCH", r"MSH SCH .*"),
}
"""The order of the segments read, as it is written in the standard and as it is matched."""

READ = frozenset({"MSH", "EVN", "PID", "PV1", "MRG", "SCH", "TQ1", "RGS", "AIS", "AIG", "AIL", "AIP"})


def kind_of(header: Header) -> Kind:
    """What a message with that header is about.

    Raises:
        Fault: it is none that is taken.
    """
    events = EVENTS.get(header.type)
    if events is None:
        raise Fault(UNSUPPORTED_TYPE, "a message type that is not taken", Where("MSH", 1, 9))
    kind = events.get(header.event)
    if kind is None:
        raise Fault(UNSUPPORTED_EVENT, "an event that is not taken", Where("MSH", 1, 9))
    return kind


def read_segments(message: Message, kind: Kind) -> Sequence[Segment]:
    """The segments that are read, in the order they have to have.

    Raises:
        Fault: one is missing, is there too often, or stands in the wrong place.
    """
    segments = [segment for segment in message.segments if segment.name in READ]
    written, pattern = ORDER[kind]
    names = "".join(f"{segment.name} " for segment in segments)
    if not re.fullmatch(pattern, names):
        raise Fault(SEQUENCE, f"segments are missing or out of order; it is {written}")
    return segments
