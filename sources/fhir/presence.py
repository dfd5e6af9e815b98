"""Owns what has to be there and what may not come together: primitives and choices, which types cannot say.

A primitive that is required may be absent if its sibling says why (https://hl7.org/fhir/R4/json.html#primitive);
of the types of a choice (`value[x]`) one may be used (https://hl7.org/fhir/R4/formats.html#choice).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import UNSET

from sources.fhir.r4.definitions import DEFINITIONS, Element

_MISSING = "Object missing required field `{}`"
_SEVERAL = "Several types for `{}`"
"""In the words of msgspec, which `sources.calling.answers` puts into ours."""

_ABSENT = (None, UNSET)


class Rules(NamedTuple):
    """Of the attributes of each group, with how the group is called: `needed` have to hold one of them at
    least, `exclusive` one at most."""

    needed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclusive: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, owner: str, attribute: Callable[[str], str], is_asked: Callable[[Element], bool]) -> Rules:
        """The rules of the type *owner*: for its elements' *attribute*s, where the element *is_asked* for."""
        elements = DEFINITIONS[owner]
        needed: dict[str, tuple[str, ...]] = {
            each.name: (attribute(each.name), attribute(f"_{each.name}"))
            for each in elements
            if each.is_required and each.has_sibling and each.choice is None and is_asked(each)
        }
        choices: dict[str, list[Element]] = {}
        for each in elements:
            # An extension may hold any of fifty types: to count them would cost more than to read it.
            if each.choice is not None and owner != "Extension":
                choices.setdefault(f"{each.choice}[x]", []).append(each)
        asked = {name: group for name, group in choices.items() if any(map(is_asked, group))}
        groups = {name: tuple(attribute(it.name) for it in group) for name, group in asked.items()}
        for name, group in asked.items():
            if group[0].is_required:
                siblings = tuple(attribute(f"_{each.name}") for each in group if each.has_sibling)
                needed[name] = (*groups[name], *siblings)
        return cls(tuple(needed.items()), tuple(groups.items()))

    def fault(self, part: Any) -> str | None:
        """What of it *part* does not keep to."""
        for name, group in self.needed:
            if _count(part, group) == 0:
                return _MISSING.format(name)
        for name, group in self.exclusive:
            if _count(part, group) > 1:
                return _SEVERAL.format(name)
        return None

    def hold(self, parts: Sequence[Any]) -> bool:
        """Whether all *parts* keep to it; the same as `fault` tells of each, and faster."""
        for _, group in self.needed:
            # Hardly ever does anything but the first of them have to be looked at.
            without = [part for part in parts if getattr(part, group[0]) in _ABSENT]
            if any(_count(part, group) == 0 for part in without):
                return False
        for _, group in self.exclusive:
            values_of, fewest = attrgetter(*group), len(group) - 1
            if any(values.count(None) + values.count(UNSET) < fewest for values in map(values_of, parts)):
                return False
        return True


def _count(part: Any, group: Sequence[str]) -> int:
    """How many of those attributes *part* has."""
    values = [getattr(part, name) for name in group]
    return sum(value is not None and value is not UNSET for value in values)


def checking(rules: Rules) -> dict[str, Any]:
    """What a struct's namespace holds so that each one keeps to *rules*."""
    if not (rules.needed or rules.exclusive):
        return {}

    def __post_init__(self: Any) -> None:
        fault = rules.fault(self)
        if fault is not None:
            raise ValueError(fault)

    return {"__post_init__": __post_init__}
