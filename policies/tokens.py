"""FHIR token search (https://hl7.org/fhir/R4/search.html#token), on the domain records' coded values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sources.model import CodeableConcept, Coding


class Token(NamedTuple):
    """What a coding must be. `system`: None is any, the empty text is none; `code`: None is any."""

    system: str | None
    code: str | None

    def matches(self, coding: Coding) -> bool:
        if self.system is not None and (coding.system or "") != self.system:
            return False
        return self.code is None or coding.code == self.code


def tokens(value: str) -> tuple[Token, ...]:
    """The alternatives in a token parameter's value, parted by commas.

    Each is `code`, `system|code`, `|code` (no system) or `system|` (any code of it).

    Raises:
        ValueError: an alternative is none of these, or has an escape: what is not plain is not guessed at.
    """
    if "\\" in value:
        raise ValueError("a token with an escape is not supported; write the code without one")
    return tuple(_token(text) for text in value.split(","))


def _token(text: str) -> Token:
    system, bar, code = text.rpartition("|")
    if "|" in system or not (system or code):
        raise ValueError("a token must be `code`, `system|code`, `|code` or `system|`")
    return Token(system if bar else None, code or None)


def codings(value: object) -> Iterator[Coding]:
    """Every coding of a coded element; a `code` element is a coding without a system.

    Raises:
        TypeError: *value* is of no coded datatype.
    """
    match value:
        case None:
            return
        case str():
            yield Coding(code=value)
        case Coding():
            yield value
        case CodeableConcept():
            yield from value.coding
        case tuple():
            for one in value:
                yield from codings(one)
        case _:
            raise TypeError(f"`{type(value).__name__}` holds no codings")
