"""Owns what FHIR's primitive values may look like: days that exist, times that exist, ids.

https://hl7.org/fhir/R4/datatypes.html#primitive
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

_YEAR = r"[0-9]{4}"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)"
    rf"|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
_MONTH = rf"{_YEAR}-(?:0[1-9]|1[0-2])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

DATE = rf"\A(?!0000)(?:{_DAY}|{_MONTH}|{_YEAR})\Z"
INSTANT = rf"\A(?!0000){_DAY}T{_TIME}{_ZONE}\Z"
DATE_TIME = rf"\A(?!0000)(?:{_DAY}(?:T{_TIME}{_ZONE})?|{_MONTH}|{_YEAR})\Z"
TIME = rf"\A{_TIME}\Z"
ID = r"\A[A-Za-z0-9\-.]{1,64}\Z"
CODE = r"\A\S+(?:\s\S+)*\Z"
BASE64 = r"\A[0-9A-Za-z+/=\s]+\Z"
URI = r"\A\S+\Z"
OID = r"\Aurn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+\Z"
UUID = r"\Aurn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z"
REFERENCE = (
    r"\A(?:#\S*|[A-Za-z][A-Za-z0-9+.-]*:\S+"
    r"|[A-Z][A-Za-z]*/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?)\Z"
)
"""A literal reference: to a part of the same resource, absolute, or to a resource of the same server
(https://hl7.org/fhir/R4/references.html#literal)."""


def _text(pattern: str) -> Any:
    return Annotated[str, msgspec.Meta(pattern=pattern)]


_SOMETHING: Any = Annotated[str, msgspec.Meta(min_length=1)]
"""Text: no element is there and empty. The specification's pattern would also forbid a non-breaking space."""

TYPES: dict[str, Any] = {
    "Id": _text(ID),
    "String": _SOMETHING,
    "base64Binary": _SOMETHING,
    "boolean": bool,
    "canonical": _SOMETHING,
    "code": _SOMETHING,
    "date": _text(DATE),
    "dateTime": _text(DATE_TIME),
    "decimal": float,
    "id": _text(ID),
    "instant": _text(INSTANT),
    "integer": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)],
    "markdown": _SOMETHING,
    "oid": _text(OID),
    "positiveInt": Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)],
    "string": _SOMETHING,
    "time": _text(TIME),
    "unsignedInt": Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)],
    "uri": _SOMETHING,
    "url": _SOMETHING,
    "uuid": _text(UUID),
    "xhtml": _SOMETHING,
}
"""The type each of FHIR's primitives is decoded as. `Id` is a resource's own, `String` the id of a part."""

OFFICIAL: dict[str, Any] = {
    **TYPES,
    **dict.fromkeys(("canonical", "uri", "url"), _text(URI)),
    "base64Binary": _text(BASE64),
    "code": _text(CODE),
}
"""The same with the patterns of the official schema that cost most: a resource is full of codes and URIs."""

REFERENCES: Any = _text(REFERENCE)
"""The type of `Reference.reference`."""
