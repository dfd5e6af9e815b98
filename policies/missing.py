"""The fewest scopes that an actor would have to be given."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from policies.classification import Need, Needs
from policies.rows import reaches
from policies.scopes import PrivateScope, in_order
from policies.standing import Standing

_Lacking = frozenset[tuple[str, str]]
"""What is lacking of one need: permissions, each a type and a letter, or a private scope and no letter."""


def fewest(standing: Standing, needs: Iterable[Needs]) -> tuple[str, ...]:
    """The fewest scopes that satisfy all of *needs*, together with those held; the shortest of as few.

    Permissions on one type are one scope. Which of its alternatives a need is given depends on what the
    others ask for, so all combinations are weighed. INVARIANT: these are few, however many the needs: a
    schema has a handful of different needs with alternatives.
    """
    choices = dict.fromkeys(
        tuple(_lacking(standing, need) for need in each.any_of)
        for each in dict.fromkeys(needs)
        if each.any_of
    )
    plans = (_scopes(standing, frozenset[tuple[str, str]]().union(*plan)) for plan in product(*choices))
    return min(plans, key=lambda scopes: (len(scopes), sum(map(len, scopes))))


def _scopes(standing: Standing, lacking: _Lacking) -> tuple[str, ...]:
    letters: dict[str, str] = {}
    for name, letter in lacking:
        letters[name] = letters.get(name, "") + letter
    return tuple(
        sorted(
            f"{standing.asks_in.value}/{name}.{in_order(held)}" if held else name
            for name, held in letters.items()
        )
    )


def _lacking(standing: Standing, need: Need) -> _Lacking:
    """What would satisfy *need* together with what is held; nothing where it is satisfied."""
    if isinstance(need, PrivateScope):
        return frozenset() if need in standing.scopes.private else frozenset({(str(need), "")})
    held = _held(standing, need.type)
    return frozenset((need.type, letter) for letter in need.letters if letter not in held)


def _held(standing: Standing, resource: str) -> set[str]:
    """The permissions on a type that some scope holds on some row. Scopes add up."""
    return {
        letter
        for scope in standing.scopes.resources
        if reaches(scope, resource, standing.reach)
        for letter in scope.letters
    }
