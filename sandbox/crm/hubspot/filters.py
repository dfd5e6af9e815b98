"""Owns which contacts a search finds: HubSpot's operators over text values. Pure."""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from sandbox.bodies import Unreadable
from sandbox.crm.hubspot.queries import Filter, FilterGroup

Properties: TypeAlias = Mapping[str, str | None]
Comparable: TypeAlias = tuple[int, float, str]

_COMPARE: dict[str, Callable[[Comparable, Comparable], bool]] = {
    "LT": lambda mine, asked: mine < asked,
    "LTE": lambda mine, asked: mine <= asked,
    "GT": lambda mine, asked: mine > asked,
    "GTE": lambda mine, asked: mine >= asked,
    "EQ": lambda mine, asked: mine == asked,
    "NEQ": lambda mine, asked: mine != asked,
}


def comparable(text: str) -> Comparable:
    """A key that sorts numbers by value and before other text, and other text without regard to case."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return (0, number, "") if math.isfinite(number) else (1, 0.0, text.casefold())


def check(groups: list[FilterGroup]) -> None:
    """Refuse filters that could not be judged.

    Raises:
        Unreadable: a filter lacks the value that its operator needs.
    """
    for test in (test for group in groups for test in group.filters):
        for name, value in _needs(test):
            if value is None:
                raise Unreadable(f"a filter lacks `{name}`, which its operator needs", name)


def _needs(test: Filter) -> list[tuple[str, object]]:
    if test.operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return []
    if test.operator in ("IN", "NOT_IN"):
        return [("values", test.values)]
    high = [("highValue", test.high_value)] if test.operator == "BETWEEN" else []
    return [("value", test.value), *high]


def passes(properties: Properties, groups: list[FilterGroup]) -> bool:
    """Whether a contact passes every filter of at least one group; no group at all asks for every contact."""
    return not groups or any(
        all(_passes(properties.get(test.name), test) for test in group.filters) for group in groups
    )


def _passes(value: str | None, test: Filter) -> bool:
    """A contact that lacks the property passes NOT_HAS_PROPERTY only."""
    if test.operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return bool(value) == (test.operator == "HAS_PROPERTY")
    if not value:
        return False
    mine = comparable(value)
    if test.operator in ("IN", "NOT_IN"):
        return (mine in {comparable(asked) for asked in test.values or ()}) == (test.operator == "IN")
    low = comparable(test.value or "")
    if test.operator == "BETWEEN":
        return low <= mine <= comparable(test.high_value or "")
    return _COMPARE[test.operator](mine, low)
