"""Owns the look at a page's dates, ids and references all at once: one by one it is dear. Pure.

Whether all of them conform is all that is found out here: the row that does not is found by reading each one
strictly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from sources.model import Record

_Get = Callable[[Any], Any]


class Texts(NamedTuple):
    """Where in the rows of one wire type the texts are whose form is laid down.

    `own`: how to get one, its pattern, and whether there are several; `parts`: how to get an element that has
    such texts, where in it they are, and whether there are several.
    """

    own: list[tuple[_Get, str, bool]]
    parts: list[tuple[_Get, Texts, bool]]

    def unchecked(self, attribute: str, wire_type: Any, known: Mapping[Any, Texts]) -> Any:
        """*wire_type*, into which *attribute* is read, without a pattern: it is noted here.

        *known* has the texts of the types below it.

        Raises:
            TypeError: it is of a make in which patterns could be overlooked.
        """
        if get_origin(wire_type) is Annotated and get_origin(get_args(wire_type)[0]) is tuple:
            several, *said = get_args(wire_type)
            return Annotated[(self.unchecked(attribute, several, known), *said)]
        if get_origin(wire_type) is tuple:
            return tuple[self._one(attribute, get_args(wire_type)[0], True, known), ...]  # type: ignore[misc]
        return self._one(attribute, wire_type, False, known)

    def conform(self, rows: Sequence[Any]) -> bool:
        """Whether all texts of the rows are of their form."""
        found: dict[str, list[str]] = {}
        self._gather(rows, found)
        return all(_are(pattern, texts) for pattern, texts in found.items())

    def _one(self, attribute: str, wire_type: Any, is_many: bool, known: Mapping[Any, Texts]) -> Any:
        get = attrgetter(attribute)
        pattern = _pattern(wire_type)
        if pattern is not None:
            self.own.append((get, pattern, is_many))
            return str
        if isinstance(wire_type, type) and issubclass(wire_type, Record):
            if any(known[wire_type]):
                self.parts.append((get, known[wire_type], is_many))
        elif not isinstance(wire_type, type) and get_origin(wire_type) not in (Annotated, Literal):
            raise TypeError(f"`{attribute}` is neither a record, a primitive nor several of one")
        return wire_type

    def _gather(self, rows: Sequence[Any], found: dict[str, list[str]]) -> None:
        for get, pattern, is_many in self.own:
            found.setdefault(pattern, []).extend(_column(get, rows, is_many))
        for get, within, is_many in self.parts:
            if column := _column(get, rows, is_many):
                within._gather(column, found)


def _pattern(wire_type: Any) -> str | None:
    """What a text of that type looks like; None: it is no text, or one that may have several lines."""
    if get_origin(wire_type) is not Annotated:
        return None
    kind, *said = get_args(wire_type)
    pattern: str | None = next((each.pattern for each in said if isinstance(each, msgspec.Meta)), None)
    return pattern if kind is str and pattern is not None and r"\s" not in pattern else None


def _column(get: _Get, rows: Sequence[Any], is_many: bool) -> list[Any]:
    """What the rows have of an element."""
    column: Iterable[Any] = map(get, rows)
    return list(chain.from_iterable(column)) if is_many else [each for each in column if each is not None]


def _are(pattern: str, texts: Sequence[str]) -> bool:
    lines = "\n".join((*texts, ""))
    # A text of several lines is none of these, and must not pass for several texts.
    return lines.count("\n") == len(texts) and _lines_of(pattern).fullmatch(lines) is not None


@lru_cache(maxsize=64)
def _lines_of(pattern: str) -> re.Pattern[str]:
    """Any number of lines that each match *pattern*, which stands between \\A and \\Z."""
    return re.compile(rf"(?:{pattern.removeprefix(chr(92) + 'A').removesuffix(chr(92) + 'Z')}\n)*+")
