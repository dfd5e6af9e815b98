"""Owns the look at all parts of a page at once: their dates, ids and references, and what has to be there.

One by one that is dear: msgspec calls a pattern for each text and a function for each part. So the types
that pages are read as have neither, and each part notes itself as soon as it is decoded. Whether all conform
is all that is found out here: the row that does not is found by reading each one strictly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from threading import Lock
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET

from sources.fhir.presence import Rules

T = TypeVar("T")

_READING = Lock()
"""Types are shared by all who read, and note the parts of one page at a time."""


class Noted:
    """The parts of one type that a page turned out to have, and what they have to keep to."""

    def __init__(self, rules: Rules) -> None:
        self.parts: list[Any] = []
        self._rules = rules
        self._texts: list[tuple[Callable[[Any], Any], str, bool]] = []

    def namespace(self) -> dict[str, Any]:
        """What the type's namespace holds so that its parts are noted; nothing, if they may be anything."""
        return {"__post_init__": self.parts.append} if self else {}

    def __bool__(self) -> bool:
        return bool(self._texts or self._rules.needed or self._rules.exclusive)

    def plain(self, attribute: str, wire_type: Any) -> Any:
        """*wire_type*, which *attribute* is read as, without a pattern: what is there is looked at here.

        Raises:
            TypeError: it is of a make in which patterns could be overlooked.
        """
        if get_origin(wire_type) is Annotated and get_origin(get_args(wire_type)[0]) is tuple:
            several, *said = get_args(wire_type)
            return Annotated[(self.plain(attribute, several), *said)]
        if get_origin(wire_type) is tuple:
            return tuple[self._one(attribute, get_args(wire_type)[0], True), ...]  # type: ignore[misc]
        return self._one(attribute, wire_type, False)

    def _one(self, attribute: str, wire_type: Any, is_many: bool) -> Any:
        pattern = _pattern(wire_type)
        if pattern is not None:
            self._texts.append((attrgetter(attribute), pattern, is_many))
            return str
        if not isinstance(wire_type, type) and get_origin(wire_type) not in (Annotated, Literal):
            raise TypeError(f"`{attribute}` is neither a part, a primitive nor several of one")
        return wire_type

    def holds(self) -> bool:
        """Whether all parts have what they need, and no two things of which one excludes the other."""
        return self._rules.hold(self.parts)

    def gather(self, found: dict[str, set[Any]]) -> None:
        """Adds the texts of the parts to *found*, by the pattern that is theirs."""
        for get, pattern, is_many in self._texts:
            column: Iterable[Any] = map(get, self.parts)
            texts = chain.from_iterable(filter(None, column)) if is_many else column
            found.setdefault(pattern, set()).update(texts)


class Inspection:
    """The look at the pages that are read as one type; *noted* has all types that such a page is made of."""

    def __init__(self, noted: Sequence[Noted] = ()) -> None:
        self._noted = [each for each in noted if each]

    def read(self, decode: Callable[[], T]) -> T | None:
        """What *decode* gives; None, if a part of it does not conform. Raises what *decode* raises."""
        with _READING:
            try:
                value = decode()
                return value if self._conforms() else None
            finally:
                for noted in self._noted:
                    noted.parts.clear()

    def _conforms(self) -> bool:
        found: dict[str, set[Any]] = {}
        for noted in self._noted:
            if noted.parts:
                if not noted.holds():
                    return False
                noted.gather(found)
        return all(_are(pattern, texts - _ABSENT) for pattern, texts in found.items())


_ABSENT = {None, UNSET}


def _pattern(wire_type: Any) -> str | None:
    """What a text of that type looks like; None: it is no text, or one that may have several lines."""
    if get_origin(wire_type) is not Annotated:
        return None
    kind, *said = get_args(wire_type)
    pattern: str | None = next((each.pattern for each in said if isinstance(each, msgspec.Meta)), None)
    return pattern if kind is str and pattern is not None and r"\s" not in pattern else None


def _are(pattern: str, texts: Collection[str]) -> bool:
    lines = "\n".join((*texts, ""))
    # A text of several lines is none of these, and must not pass for several texts.
    return lines.count("\n") == len(texts) and _lines_of(pattern).fullmatch(lines) is not None


@lru_cache(maxsize=64)
def _lines_of(pattern: str) -> re.Pattern[str]:
    """Any number of lines that each match *pattern*, which stands between \\A and \\Z."""
    return re.compile(rf"(?:{pattern.removeprefix(chr(92) + 'A').removesuffix(chr(92) + 'Z')}\n)*+")
