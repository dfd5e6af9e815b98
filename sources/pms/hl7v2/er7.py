"""Owns the syntax of messages (HL7 v2, chapter 2, "ER7"): segments, fields, repetitions, components, escapes.

A value is told in three ways: text; None for `""`, which deletes it; `UNSET` for nothing, which leaves it be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from sources.pms.hl7v2.faults import DATA_TYPE, REQUIRED, SEQUENCE, Fault, Where

Told: TypeAlias = str | UnsetType | None

_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_LINES = re.compile(r"\r\n|\r|\n")
_NULL = '""'
_BREAKS = frozenset({".br", ".sp"})
_MARKS = re.compile(r"[HN]|\.(?:in|ti|sk|fi|nf|ce)[+-]?[0-9]{0,3}")
"""Escapes that say how text looks: highlighted, indented, centred."""


class Syntax(NamedTuple):
    """A message's own separators, and the codec its hexadecimal escapes are in."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "utf-8"

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent

    def escaped(self, text: str) -> str:
        """*text* as it stands in a message."""
        codes = {
            self.escape: "E",
            self.field: "F",
            self.component: "S",
            self.subcomponent: "T",
            self.repetition: "R",
            "\n": ".br",
            "\r": "X0D",
        }
        if text == _NULL:  # the text, not the order to delete
            return f"{self.escape}X22{self.escape}" * 2
        return "".join(f"{self.escape}{codes[c]}{self.escape}" if c in codes else c for c in text)

    def unescaped(self, raw: str, where: Where) -> str:
        """The text that stands in a message as *raw*.

        Raises:
            Fault: an escape is none of ours, or stands alone.
        """
        if self.escape not in raw:
            return raw
        parts = raw.split(self.escape)
        if len(parts) % 2 == 0:
            raise Fault(DATA_TYPE, "an escape that does not end", where)
        return "".join(self._spelled(parts, where))

    def _spelled(self, parts: Sequence[str], where: Where) -> Iterator[str]:
        """Every second part is an escape; bytes of neighbouring ones may make one character together."""
        pending = b""
        for index, part in enumerate(parts):
            is_escape = index % 2 == 1
            if is_escape and part[:1] == "X":
                pending += _bytes(part[1:], where)
            elif is_escape or part:
                yield self._text(pending, where)
                pending = b""
                yield self._meant(part, where) if is_escape else part
        yield self._text(pending, where)

    def _meant(self, code: str, where: Where) -> str:
        signs = {
            "F": self.field,
            "S": self.component,
            "T": self.subcomponent,
            "R": self.repetition,
            "E": self.escape,
        }
        if code in signs:
            return signs[code]
        if code in _BREAKS:
            return "\n"
        if _MARKS.fullmatch(code):
            return ""
        raise Fault(DATA_TYPE, "an escape that is not read here", where)

    def _text(self, pending: bytes, where: Where) -> str:
        try:
            return pending.decode(self.codec)
        except UnicodeDecodeError:
            raise Fault(DATA_TYPE, "an escape that is not in the message's character set", where) from None


def _bytes(digits: str, where: Where) -> bytes:
    try:
        return bytes.fromhex(digits) if digits and " " not in digits else _refused(where)
    except ValueError:
        return _refused(where)


def _refused(where: Where) -> bytes:
    raise Fault(DATA_TYPE, "an escape that is not hexadecimal", where)


class Repetition(NamedTuple):
    """One repetition of a field."""

    raw: str
    syntax: Syntax
    where: Where

    def value(self, component: int = 1, subcomponent: int = 1) -> Told:
        """What it tells in that component.

        Raises:
            Fault: its escapes are none, or it holds control characters.
        """
        if self.raw == _NULL:
            return None
        raw = _part(_part(self.raw, self.syntax.component, component), self.syntax.subcomponent, subcomponent)
        if not raw:
            return UNSET
        if raw == _NULL:
            return None
        text = self.syntax.unescaped(raw, self.where).strip(" ")
        if any(ord(c) < 32 and c not in "\n\r\t" for c in text):
            raise Fault(DATA_TYPE, "a control character", self.where)
        return text or UNSET

    def text(self, component: int = 1, subcomponent: int = 1) -> str | None:
        """The same where nothing and the order to delete come to the same."""
        told = self.value(component, subcomponent)
        return told if isinstance(told, str) else None


def _part(raw: str, separator: str, number: int) -> str:
    parts = raw.split(separator, number)
    return parts[number - 1] if len(parts) >= number else ""


@dataclass(frozen=True)
class Segment:
    """One line of a message; `fields[0]` is field 1. *number* counts the segments of its name."""

    name: str
    fields: tuple[str, ...]
    syntax: Syntax
    number: int = 1

    def where(self, field: int) -> Where:
        return Where(self.name, self.number, field)

    def raw(self, field: int) -> str:
        """The field as it stands."""
        return self.fields[field - 1] if field <= len(self.fields) else ""

    def repetitions(self, field: int) -> tuple[Repetition, ...]:
        """The field's repetitions that tell anything."""
        parts = self.raw(field).split(self.syntax.repetition)
        return tuple(Repetition(raw, self.syntax, self.where(field)) for raw in parts if raw)

    def first(self, field: int) -> Repetition:
        """The field's first repetition, which may tell nothing."""
        return Repetition(self.raw(field).split(self.syntax.repetition, 1)[0], self.syntax, self.where(field))

    def value(self, field: int, component: int = 1) -> Told:
        return self.first(field).value(component)

    def text(self, field: int, component: int = 1) -> str | None:
        return self.first(field).text(component)

    def needed(self, field: int, component: int = 1) -> str:
        """The same where it has to be there.

        Raises:
            Fault: it is not.
        """
        text = self.text(field, component)
        if text is None:
            raise Fault(REQUIRED, "missing", self.where(field))
        return text

    @property
    def written(self) -> str:
        if self.name == "MSH":
            return "MSH" + self.fields[0] + self.syntax.field.join(self.fields[1:])
        return self.syntax.field.join((self.name, *self.fields))


@dataclass(frozen=True)
class Message:
    """A message's segments; the first is its header, MSH."""

    segments: tuple[Segment, ...]

    @cached_property
    def header(self) -> Segment:
        return self.segments[0]

    @property
    def syntax(self) -> Syntax:
        return self.header.syntax

    @property
    def written(self) -> str:
        """The message as it goes on the wire, without its frame."""
        return "".join(segment.written + "\r" for segment in self.segments)


def syntax_of(text: str, codec: str) -> Syntax:
    """The separators that the header names.

    Raises:
        Fault: *text* does not begin with a header, or its separators are not told apart.
    """
    if text[:3] != "MSH" or len(text) < 9:
        raise Fault(SEQUENCE, "a message begins with MSH", Where("MSH"))
    field = text[3]
    encoding = _LINES.split(text, 1)[0][4:].split(field, 1)[0]
    signs = field + encoding
    # A fifth one, for truncation, came with version 2.7; it means nothing in what is read here.
    if len(encoding) not in (4, 5) or len(set(signs)) != len(signs) or any(map(_is_no_sign, signs)):
        raise Fault(DATA_TYPE, "separators that cannot be told apart", Where("MSH", 1, 2))
    return Syntax(*signs[:5])._replace(codec=codec)


def _is_no_sign(sign: str) -> bool:
    return sign.isalnum() or sign.isspace() or not sign.isprintable() or not sign.isascii() or sign == '"'


def parsed(text: str, codec: str) -> Message:
    """The message that *text* is; its values are read when they are asked for.

    Raises:
        Fault: it is none.
    """
    syntax = syntax_of(text, codec)
    counts: dict[str, int] = {}
    segments = []
    for line in filter(None, _LINES.split(text)):
        name, separator, rest = line.partition(syntax.field)
        if not _NAME.fullmatch(name):
            raise Fault(SEQUENCE, "a line that is no segment", Where("MSH"))
        counts[name] = counts.get(name, 0) + 1
        fields = tuple(rest.split(syntax.field)) if separator else ()
        if name == "MSH":
            fields = (syntax.field, *fields)
        segments.append(Segment(name, fields, syntax, counts[name]))
    if counts["MSH"] > 1:
        raise Fault(SEQUENCE, "two messages in one", Where("MSH", 2))
    return Message(tuple(segments))
