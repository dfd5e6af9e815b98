"""De-identification transforms (Safe Harbor, 45 CFR 164.514(b)(2)), and which coordinate takes which.

A mask sees the value and today's date and gives what may be shown; what it can't read it withholds (None).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType

from policies.classification import Coordinate


@dataclass(frozen=True, slots=True)
class Mask:
    """A named transform. It can only withhold more, never fail open: a transform that raises gives None."""

    id: str
    meaning: str
    transform: Callable[[object, date], object] = field(repr=False, compare=False)

    def apply(self, value: object, today: date) -> object:
        """What of *value* may be shown on that day."""
        try:
            return self.transform(value, today)
        except Exception:  # noqa: BLE001 - whatever went wrong, the value stays hidden
            return None

    def __call__(self, value: object) -> object:
        """What of *value* may be shown today (UTC)."""
        return self.apply(value, datetime.now(UTC).date())


SMALL_ZIP3 = frozenset(
    "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893".split(),  # noqa: SIM905 - legible
)
"""The three-digit areas of 20,000 people or fewer: HHS guidance of 2012-11-26, from the Census of 2000.

The rule asks for the current Census; replace this list when HHS or the Census Bureau publishes a newer one.
"""

OLDEST_SHOWN = 89
"""Ages above this are one category (45 CFR 164.514(b)(2)(i)(C)), so no year may give one away."""

_DATE = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-[0-9]{2}(?:T.*)?)?)?")
_ZIP = re.compile(r"([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?")


def _year_of_birth(value: object, today: date) -> object:
    match = _DATE.fullmatch(_text(value))
    if match is None:
        return None
    # By years alone: someone who turns 90 later this year is already withheld, else the year shown for
    # a person of 89 would tell on which side of today their birthday lies.
    return match["year"] if 0 <= today.year - int(match["year"]) <= OLDEST_SHOWN else None


def _year(value: object, today: date) -> object:
    match = _DATE.fullmatch(_text(value))
    return match["year"] if match is not None else None


def _quarter(value: object, today: date) -> object:
    match = _DATE.fullmatch(_text(value))
    if match is None or match["month"] is None:
        return None
    return f"{match['year']}-Q{(int(match['month']) + 2) // 3}"


def _zip3(value: object, today: date) -> object:
    match = _ZIP.fullmatch(_text(value))
    if match is None:
        return None
    return "000" if match[1] in SMALL_ZIP3 else match[1]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


YEAR_OF_BIRTH = Mask(
    "year-of-birth",
    "The year alone; nothing for those who are, or this year become, older than 89.",
    _year_of_birth,
)
YEAR = Mask("year", "The year alone.", _year)
QUARTER = Mask("quarter", "The year and quarter alone, such as `2026-Q3`.", _quarter)
ZIP3 = Mask(
    "zip3",
    "The first three digits of the ZIP code; `000` for areas of 20,000 people or fewer.",
    _zip3,
)
WITHHELD = Mask("withheld", "Nothing: free text can't be de-identified by rule.", lambda value, today: None)
KEPT = Mask(
    "kept", "As it is: not among the eighteen identifiers of Safe Harbor.", lambda value, today: value
)

MASKS: Mapping[Coordinate, Mask] = MappingProxyType(
    {
        Coordinate("Patient", "birthDate"): YEAR_OF_BIRTH,
        Coordinate("Patient", "gender"): KEPT,
        Coordinate("Patient", "deceased"): KEPT,
        Coordinate("Patient", "deceasedDateTime"): YEAR,
        Coordinate("Address", "state"): KEPT,
        Coordinate("Address", "postalCode"): ZIP3,
        Coordinate("Engagement", "lastTouch"): QUARTER,
        Coordinate("CarePlan", "description"): WITHHELD,
        Coordinate("DocumentReference", "description"): WITHHELD,
    }
)
"""The mask of each coordinate that has one. No mask means no: where the boundary masks, others are denied.

No argument and no field of an input type is here: to filter by a value is to learn it.
"""
