"""Grants whose decisions are drawn from a seed: the same whenever asked, and of no pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from policies import Coordinate, Decision, Effect, RowRule
from policies.conditions import RowConditions
from policies.masks import Mask
from policies.rows import Clause

ALLOWED = Decision(Effect.ALLOW, ("everything is allowed",))


class EveryRow:
    """Keeps no row back."""

    def rows(self, resource: str, letters: str) -> RowRule:
        return RowRule(True, frozenset(), None, (Clause(bound=False),), None)

    def conditions(self, resource: str, letters: str, *, consents: bool) -> RowConditions:
        raise AssertionError("the awkward schema shows no resource")

    def missing(self, coordinates: Iterable[Coordinate]) -> tuple[str, ...]:
        """Whatever is asked, of these grants no scopes are told."""
        return ()


class Everything(EveryRow):
    """Allows every coordinate."""

    key = "everything"

    def decide(self, coordinate: Coordinate) -> Decision:
        return ALLOWED


def _blurred(value: object) -> object:
    """What stays of a value is of its type: a shorter list, no digit but zero, or nothing at all."""
    match value:
        case bool():
            return None
        case int():
            return 0
        case str():
            return "*"
        case list() | tuple():
            return value[:1]
        case _:
            return None


HIDE = Mask("hide", "nothing is shown", lambda value, today: None)
BLUR = Mask("blur", "little is shown", lambda value, today: _blurred(value))
PASS = Mask("pass", "all is shown", lambda value, today: value)


@dataclass(frozen=True)
class Drawn(EveryRow):
    """Denies and masks some of a thousand coordinates, arguments and input fields among them."""

    seed: int
    denied: int
    masked: int

    @property
    def key(self) -> str:
        return f"{self.seed} {self.denied} {self.masked}"

    def decide(self, coordinate: Coordinate) -> Decision:
        drawn = ((crc32(str(coordinate).encode(), self.seed) * 2654435761) & 0xFFFFFFFF) >> 8
        number = drawn % 1000
        if number < self.denied:
            return Decision(Effect.DENY, ("drawn",), ("a/Scope.r",))
        if number < self.denied + self.masked:
            return Decision(Effect.MASK, ("blurred",), mask=(HIDE, BLUR, PASS)[drawn // 1000 % 3])
        return ALLOWED


@dataclass(frozen=True)
class Decided(EveryRow):
    """Decides as told, and allows the rest."""

    decisions: Mapping[Coordinate, Decision]
    key: str = "as told"

    def decide(self, coordinate: Coordinate) -> Decision:
        return self.decisions.get(coordinate, ALLOWED)


def denying(*coordinates: str) -> Decided:
    """A grant that denies those coordinates, `Type.field` or `Type.field(argument:)`, and no other."""
    denied = Decision(Effect.DENY, ("told to",))
    return Decided({_coordinate(text): denied for text in coordinates}, key=" ".join(coordinates))


def masking(mask: Mask, *coordinates: str) -> Decided:
    """A grant that masks those coordinates, and allows all others."""
    masked = Decision(Effect.MASK, ("told to",), mask=mask)
    return Decided({_coordinate(text): masked for text in coordinates}, key=" ".join(coordinates))


def _coordinate(text: str) -> Coordinate:
    type_name, _, rest = text.partition(".")
    name, _, argument = rest.partition("(")
    return Coordinate(type_name, name, argument.removesuffix(":)") or None)
