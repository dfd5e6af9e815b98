"""Owns what a practice's database needs to be told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sources.pms.database.mapping import Table


@dataclass(frozen=True)
class DatabaseSettings:
    """One practice's database.

    `times` says what its times are: wall times of `time_zone` (an IANA name), UTC without an offset, or of a
    type that has a time zone. `statuses` gives each of its statuses a FHIR AppointmentStatus. At most
    `keys_per_call` keys go into one statement, and at most `rows_per_call` rows are read of it. Changes are
    looked for from `overlap_s` before the last one seen: a transaction commits after it wrote its time down.
    """

    name: str
    time_zone: str
    tables: Mapping[str, Table]
    statuses: Mapping[str, str]
    times: Literal["local", "utc", "offset"] = "local"
    keys_per_call: int = 500
    rows_per_call: int = 20_000
    overlap_s: float = 120.0
