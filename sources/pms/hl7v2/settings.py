"""Owns what a feed of messages needs to be told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sources.pms.hl7v2.charsets import codec_of

FUTURE_S = 3_600.0


@dataclass(frozen=True)
class Hl7Settings:
    """One feed: who sends, and how what it sends is to be read.

    `time_zone` is the IANA name of the facility's zone: for times that say no offset. `charset` (table 0211)
    is for messages that name none. `mrn_type` and, if given, `mrn_authority` (CX.5, CX.4) tell which of a
    patient's identifiers is the MRN. `application` and `facility`, if given, are the only MSH-3 and MSH-4
    taken. `statuses` adds to table 0278, in lower case. An event more than `future_s` ahead of our clock is
    refused: it would make every true one after it stale.
    """

    name: str
    time_zone: str
    charset: str = "UNICODE UTF-8"
    application: str | None = None
    facility: str | None = None
    processing_id: str = "P"
    mrn_type: str = "MR"
    mrn_authority: str | None = None
    statuses: Mapping[str, str] = field(default_factory=dict)
    telehealth_services: frozenset[str] = frozenset()
    telehealth_locations: frozenset[str] = frozenset()
    future_s: float = FUTURE_S

    @property
    def codec(self) -> str:
        """The codec of messages that name no character set."""
        return codec_of(self.charset)
