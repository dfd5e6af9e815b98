"""Owns what FHIR's primitive values may look like: days that exist, times that exist, ids.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

_YEAR = r"[0-9]{4}"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_MONTH = rf"{_YEAR}-(?:0[1-9]|1[0-2])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

DATE = rf"\A(?!0000)(?:{_DAY}|{_MONTH}|{_YEAR})\Z"
INSTANT = rf"\A(?!0000){_DAY}T{_TIME}{_ZONE}\Z"
DATE_TIME = rf"\A(?!0000)(?:{_DAY}(?:T{_TIME}{_ZONE})?|{_MONTH}|{_YEAR})\Z"
ID = r"\A[A-Za-z0-9\-.]{1,64}\Z"


def _text(pattern: str) -> Any:
    return Annotated[str, msgspec.Meta(pattern=pattern)]


TYPES: dict[str, Any] = {
    "base64Binary": str,
    "boolean": bool,
    "canonical": str,
    "code": str,
    "date": _text(DATE),
    "dateTime": _text(DATE_TIME),
    "decimal": float,
    "id": _text(ID),
    "instant": _text(INSTANT),
    "integer": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    "positiveInt": Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)],
    "string": str,
    "time": str,
    "unsignedInt": Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)],
    "uri": str,
    "url": str,
}
"""The type each of FHIR's primitives is decoded as."""
