"""Tokens: the (system, code) pairs in a FHIR element, and what a token search value asks of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Token:
    """A token search value: `system` None is any and "" is none; `code` None is any code of the system."""

    system: str | None
    code: str | None

    def matches(self, element: Any) -> bool:
        """Whether one of the pairs in *element* is the one asked for."""
        return any(self._is(system, code) for system, code in pairs(element))

    def _is(self, system: str, code: str) -> bool:
        return (self.system is None or self.system == system) and (self.code is None or self.code == code)


def token_of(system: str | None, code: str) -> Token:
    """The token for `system|code` (both), `|code` (no system), `system|` (any code), `code` (any system)."""
    if system and not code:
        return Token(system, None)
    return Token(system, code)


def pairs(element: Any) -> Iterator[tuple[str, str]]:
    """The (system, code) pairs of a code, boolean, Coding, CodeableConcept, Identifier or ContactPoint."""
    if isinstance(element, bool):
        yield "", str(element).lower()
    elif isinstance(element, str):
        yield "", element
    elif isinstance(element, dict):
        for coding in element.get("coding", ()):
            yield from pairs(coding)
        code = element.get("code", element.get("value"))
        if isinstance(code, str):
            yield element.get("system", ""), code
