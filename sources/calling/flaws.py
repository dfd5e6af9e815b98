"""Owns what is said of something that does not conform: what it is, which field, and how. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLACE = re.compile(r"(?P<place>[A-Za-z][A-Za-z0-9_@$.\[\]]{0,200}): (?P<fault>.+)\Z", re.DOTALL)
_EXTRA = re.compile(r"unknown field `(?P<name>[\w.]+)`\Z")
_MISSING = re.compile(r"`(?P<name>\w+(?:\[x\])?)` is missing\Z")

ANSWER = "answer"
"""The kind of what is no record: an answer as a whole."""


class Flaw(NamedTuple):
    """How something does not conform, without any value out of it.

    `kind` is what it is (`Patient`, `appointment`), `field` the path of the field from there on, the kind in
    front (`Patient.name.family`); `why` is all of it as a message. `is_extra`: the field is one nobody knows.
    """

    kind: str
    field: str
    why: str
    is_extra: bool = False

    @classmethod
    def of(cls, why: str) -> Flaw:
        """What a message of ours says: `Patient.name[]: unknown field `x``."""
        match = _PLACE.match(why)
        if match is None:
            return cls(ANSWER, ANSWER, why)
        place, fault = match["place"].replace("[]", ""), match["fault"]
        extra, missing = _EXTRA.match(fault), _MISSING.match(fault)
        named = extra or missing
        field = f"{place}.{named['name']}" if named is not None else place
        return cls(place.partition(".")[0], field, why, extra is not None)
