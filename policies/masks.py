"""De-identification transforms (Safe Harbor, 45 CFR 164.514(b)(2)), and which coordinate takes which.

A mask sees the value and today's date and gives what may be shown; what it can't read it withholds (None).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

from policies.classification import Coordinate


@dataclass(frozen=True, slots=True)
class Mask:
    """A named transform. It can only withhold more, never fail open: a transform that raises gives None."""

    id: str
    meaning: str
    transform: Callable[[object, date], object]

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

OVER_89 = f"{OLDEST_SHOWN + 1}+"
"""What stands for each of those ages."""

_DATE = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-[0-9]{2}(?:T.*)?)?)?")
_ZIP = re.compile(r"([0-9]{3})[0-9]{2}(?:-?[0-9]{4})?")


def _year_of_birth(value: object, today: date) -> object:
    match = _DATE.fullmatch(_text(value))
    if match is None:
        return None
    # By years alone: someone who turns 90 later this year is already withheld, else the year shown for
    # a person of 89 would tell on which side of today their birthday lies.
    return match["year"] if 0 <= today.year - int(match["year"]) <= OLDEST_SHOWN else None


def _year_or_over_89(value: object, today: date) -> object:
    match = _DATE.fullmatch(_text(value))
    if match is None or int(match["year"]) > today.year:
        return None
    # The year and not the age: what is shown is made of it (`resolvers.ages`), and a birthday that passes
    # between two requests changes nothing.
    return _year_of_birth(value, today) or OVER_89


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
AGE = Mask(
    "age",
    f"The age reached in the course of this year; `{OVER_89}` for all who then are older than 89.",
    _year_or_over_89,
)
YEAR = Mask("year", "The year alone.", _year)
QUARTER = Mask("quarter", "The year and quarter alone, such as `2026-Q3`.", _quarter)
ZIP3 = Mask(
    "zip3",
    "The first three digits of the ZIP code; `000` for areas of 20,000 people or fewer.",
    _zip3,
)
KEPT = Mask(
    "kept", "As it is: not among the eighteen identifiers of Safe Harbor.", lambda value, today: value
)

MASKS: Mapping[Coordinate, Mask] = MappingProxyType(
    {
        Coordinate("Patient", "active"): KEPT,
        Coordinate("Patient", "birthDate"): YEAR_OF_BIRTH,
        Coordinate("Patient", "age"): AGE,
        Coordinate("Patient", "gender"): KEPT,
        Coordinate("Patient", "deceased"): KEPT,
        Coordinate("Patient", "deceasedDateTime"): YEAR,
        Coordinate("Patient", "postalCode"): ZIP3,
        Coordinate("Engagement", "lastTouch"): QUARTER,
    }
)
"""The mask of each coordinate that has one. No mask means no: where the boundary masks, others are denied.

No argument and no field of an input type is here: to filter by a value is to learn it.
"""

_SEARCHED = "To search by a value is to learn it, whatever is shown of it."

UNMASKED: Mapping[Coordinate, str] = MappingProxyType(
    {
        Coordinate(
            "Patient", "maritalStatus"
        ): "Needed for neither care nor its logistics (minimum necessary), "
        "and a sensitivity of its own in HL7's security labels (MARST).",
        Coordinate("PatientSearch", "birthDate"): _SEARCHED,
        Coordinate("PatientSearch", "gender"): _SEARCHED,
    }
)
"""The coordinates without a mask though the boundary masks their class for someone, and why they are denied.

Free text is in no masked class: it can't be de-identified by rule, and a mask that leaves nothing would
look like a record that holds nothing.
"""
