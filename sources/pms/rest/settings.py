"""Owns what a PMS needs to be told of, and what it is spared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PmsSettings:
    """One practice's REST API. `time_zone` is the IANA name of the zone its times are local to.

    At most `keys_per_call` keys go into one search, and at most `page_limit` pages of `page_size` rows are
    read of it. `overlap_s` is how far back each look for changes begins: as much as clocks and commits lag.
    """

    name: str
    time_zone: str
    keys_per_call: int = 500
    page_size: int = 5000
    page_limit: int = 20
    overlap_s: int = 120
