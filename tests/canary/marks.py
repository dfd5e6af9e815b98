"""Marked values: each stands in one field of one record of one source, and is found wherever it turns up.

Text is marked by a word of its own. What can't hold text is marked by a value of a range that nothing else is
in: a birth date, the second and its fraction of an instant, the digits of a number, a ZIP+4 code, an integer.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

SHOWN_NOWHERE = ""
"""The field of a mark that stands in an element which the graph does not show."""

_SHAPES = (
    rb"cnry[0-9a-z]{6}",
    rb"Y25y[0-9A-Za-z+/]{12}",  # the same in base64, from the start of a text
    rb"\d{4}-\d\d-\d\d(?!T)",
    rb"\d\d:\d\d\.\d{6}",
    rb"\d{1,5}\.\d{4,7}",
    rb"\d{5}-\d{4}",
    rb"731\d{6}",
    rb"[0-9a-f]{40}",
)
_FOUND = re.compile(rb"(?<![0-9A-Za-z.])(?:" + b"|".join(_SHAPES) + rb")")
_CURSOR = re.compile(rb'"(?:startCursor|endCursor|cursor|after)":"([A-Za-z0-9_=-]{8,})"')


@dataclass(frozen=True)
class Mark:
    """Where a marked value stands. `shown_as` is the field of the graph that shows it, if one does.

    `is_key` tells the ids, MRNs and visit numbers by which sources know a record from what they hold of it.
    """

    text: str
    source: str
    kind: str
    record: int
    element: str
    shown_as: str = SHOWN_NOWHERE
    is_key: bool = False


@dataclass
class Marks:
    """All marks of one world, by the text that is searched for."""

    by_text: dict[bytes, Mark] = field(default_factory=dict)
    _made: int = 0

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _keep(self, mark: Mark) -> Mark:
        assert mark.text.encode() not in self.by_text, "two marks have one text"
        self.by_text[mark.text.encode()] = mark
        return mark

    def text(self) -> str:
        """A word that stands nowhere else."""
        number, digits = self._next() * 7_919, ""
        for _ in range(6):
            number, rest = divmod(number, 36)
            digits += "0123456789abcdefghijklmnopqrstuvwxyz"[rest]
        return f"cnry{digits}"

    def birth_date(self) -> str:
        return (date(1938, 1, 3) + timedelta(days=self._next() * 11 % 25_000)).isoformat()

    def tail(self) -> str:
        """Minute, second and fraction of an instant: the same in every zone of whole hours."""
        made = self._next()
        return f"{made % 60:02}:{made // 60 % 60:02}.{100_001 + made * 37 % 899_999:06}"

    def digits(self, whole: int, places: int = 7) -> str:
        made = self._next() * 61 % 89_999 * 10 + 7  # no zero at the end, which a number would lose
        return f"{whole}.{100_000 + made}7"[: len(str(whole)) + 1 + places]

    def zip4(self) -> str:
        made = self._next()
        return f"{60_000 + made % 3_000:05}-{1_000 + made * 7 % 9_000:04}"

    def integer(self) -> int:
        return 731_000_000 + self._next()

    def register(self, mark: Mark) -> Mark:
        return self._keep(mark)

    def in_(self, data: bytes) -> set[Mark]:
        """The marks found in *data*, in what cursors there hold, and in base64."""
        found = set(self.plainly_in(data))
        for cursor in _CURSOR.findall(data):
            found.update(self.plainly_in(opened(cursor)))
        return found

    def plainly_in(self, data: bytes) -> Iterator[Mark]:
        """The marks that stand in *data* as they are."""
        for text in _FOUND.findall(data):
            mark = self.by_text.get(text)
            if mark is not None:
                yield mark


def opened(cursor: bytes) -> bytes:
    """What a cursor holds, if it is base64 of something."""
    try:
        return urlsafe_b64decode(cursor + b"=" * (-len(cursor) % 4))
    except ValueError:
        return b""


def in_base64(text: str) -> str:
    """The base64 of a text that begins with a mark; its first sixteen signs are searched for."""
    return b64encode(text.encode()).decode()


def base64_key(text: str) -> str:
    return in_base64(text)[:16]
