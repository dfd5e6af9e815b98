"""Whether two answers hold the same data: one canonical form, and the first difference in words."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
_CODES = frozenset({"status", "gender"})


def canonical(value: Any, key: str = "") -> Any:
    """*value* without what services may choose freely: key order, the zone of an instant, the wrapping of an
    id, the case of an enum. The order of lists stays.
    """
    if isinstance(value, dict):
        return {name: canonical(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if isinstance(value, str):
        return _text(value, key)
    return value


def difference(expected: Any, found: Any, path: str = "answer") -> str:
    """Where *found* first differs from *expected*; empty when they are equal."""
    if isinstance(expected, dict) and isinstance(found, dict):
        odd = sorted(expected.keys() ^ found.keys())
        if odd:
            return f"{path}.{odd[0]} is in one answer only"
        pairs = [(f"{path}.{name}", expected[name], found[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{path} has {len(found)} items, expected {len(expected)}"
        pairs = [(f"{path}[{place}]", *both) for place, both in enumerate(zip(expected, found, strict=True))]
    else:
        return "" if _same(expected, found) else f"{path} is {found!r}, expected {expected!r}"
    return next((words for at, one, other in pairs if (words := difference(one, other, at))), "")


def _same(expected: Any, found: Any) -> bool:
    return isinstance(expected, bool) == isinstance(found, bool) and bool(expected == found)


def _text(value: str, key: str) -> str:
    if key == "id":
        return _local_id(value)
    if key in _CODES:
        return value.lower().replace("_", "-")
    if _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value


def _local_id(value: str) -> str:
    """The id within its type: of `Patient/p1`, and of `Patient:p1` in Base64, `p1`."""
    if "/" in value:
        return value.rpartition("/")[2]
    try:
        kind, found, ident = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return value
    return ident if found and kind.isalpha() else value
