"""Owns what a practice's files need to be told of: their names, their form, and what their columns are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["appointments", "locations", "coverages", "balances"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "appointments": (
        "id",
        "mrn",
        "status",
        "start",
        "end",
        "minutes",
        "service_code",
        "service_name",
        "reason",
        "npi",
        "practitioner",
        "location_id",
        "location_name",
        "telehealth",
        "video_url",
        "visit_number",
        "updated",
        "deleted",
    ),
    "locations": ("id", "name", "type", "phone", "line", "city", "state", "postal_code"),
    "coverages": ("id", "mrn", "status", "payor", "plan", "subscriber_id", "start", "end"),
    "balances": ("mrn", "amount", "currency", "as_of"),
}
"""What a column of each kind of file may be."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "appointments": ("id", "mrn", "status", "start"),
    "locations": ("id", "name"),
    "coverages": ("id", "mrn", "status"),
    "balances": ("mrn", "amount"),
}
"""What has to have a column, and a value in every row."""


@dataclass(frozen=True)
class FeedSettings:
    """One kind of file.

    `pattern` is the name of its files with `{stamp}` where their time stands, in `stamp_format` (strptime).
    `columns` says which of the file's columns is what; `ignored` are the others it may have. A file is
    `full`, so that what is not in it is gone, or a `delta`. `whole` proves that a file has come whole: a
    `sha256` file beside it, a `trailer` with the number of its rows, or, by `stable`, that it does not grow
    between two looks. `row` is the element of a row in XML. `statuses` are FHIR's of the practice's words.
    """

    name: str
    kind: Kind
    pattern: str
    columns: Mapping[str, str]
    format: Literal["csv", "xml"] = "csv"
    mode: Literal["full", "delta"] = "full"
    whole: Literal["sha256", "trailer", "stable"] = "stable"
    stamp_format: str = "%Y%m%d%H%M%S"
    charset: str = "utf-8-sig"
    delimiter: str = ","
    trailer: str = "TRAILER"
    row: str = "row"
    ignored: frozenset[str] = frozenset()
    statuses: Mapping[str, str] = field(default_factory=dict)
    time_format: str | None = None
    date_format: str | None = None
    currency: str = "USD"
    most_deleted: float = 0.2
    most_bad: float = 0.05

    def __post_init__(self) -> None:
        """Raises: ValueError, with what to do, if they cannot be used."""
        if self.pattern.count("{stamp}") != 1 or "/" in self.pattern:
            raise ValueError("a pattern is a name of files with one {stamp} in it")
        unknown = sorted(set(self.columns) - set(COLUMNS[self.kind]))
        if unknown:
            raise ValueError(f"{self.kind} have no `{unknown[0]}`; they have {', '.join(COLUMNS[self.kind])}")
        missing = [name for name in NEEDED[self.kind] if name not in self.columns]
        if missing:
            raise ValueError(f"{self.kind} need a column for `{missing[0]}`")
        if len(self.delimiter) != 1:
            raise ValueError("a delimiter is one character")
        try:
            "".encode(self.charset)
        except LookupError:
            raise ValueError("the charset is none that is known") from None

    def stamp_in(self, name: str) -> str | None:
        """The stamp in a file's name; None for a file of another kind."""
        before, _, after = self.pattern.partition("{stamp}")
        found = re.fullmatch(f"{re.escape(before)}(?P<stamp>[0-9A-Za-z_+.-]+?){re.escape(after)}", name)
        return None if found is None else found["stamp"]


@dataclass(frozen=True)
class FilesSettings:
    """A practice's files. `time_zone` is the IANA name of the zone that times without an offset are in."""

    name: str
    time_zone: str
    feeds: tuple[FeedSettings, ...]
    look_every_s: float = 30.0
    max_bytes: int = 256 << 20
    future_s: float = 3_600.0
