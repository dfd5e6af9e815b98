"""Owns what has to be there and what may not come together: primitives and choices, which types cannot say.

A primitive that is required may be absent if its sibling says why (https://hl7.org/fhir/R4/json.html#primitive);
of the types of a choice (`value[x]`) one may be used (https://hl7.org/fhir/R4/formats.html#choice).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import UNSET

from sources.fhir.r4.definitions import DEFINITIONS, Element

_MISSING = "Object missing required field `{}`"
_SEVERAL = "Several types for `{}`"
"""In the words of msgspec, which `sources.calling.answers` puts into ours."""


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


def checking(rules: Rules) -> dict[str, Any]:
    """What a struct's namespace holds so that it keeps to *rules*."""
    checks = [
        *((attrgetter(*group), len(group) - 1, None, _MISSING.format(name)) for name, group in rules.needed),
        *(
            (attrgetter(*group), None, len(group) - 1, _SEVERAL.format(name))
            for name, group in rules.exclusive
        ),
    ]
    if not checks:
        return {}

    def __post_init__(self: Any) -> None:
        for values_of, most_absent, least_absent, fault in checks:
            values = values_of(self)
            absent = values.count(None) + values.count(UNSET)
            if (most_absent is not None and absent > most_absent) or (
                least_absent is not None and absent < least_absent
            ):
                raise ValueError(fault)

    return {"__post_init__": __post_init__}
