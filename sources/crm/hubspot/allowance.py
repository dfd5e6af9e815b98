"""Owns what HubSpot says of our quota; some of its answers, those to searches among them, say nothing.

https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

from collections.abc import Mapping

from sources.calling import Allowance
from sources.calling.allowance import number

_PREFIX = "x-hubspot-ratelimit-"


def hubspot_allowance(headers: Mapping[str, str]) -> Allowance | None:
    """What is left of the short interval's quota, or nothing where that of the day is used up."""
    left_today = number(headers.get(f"{_PREFIX}daily-remaining"))
    if left_today == 0:
        return Allowance(0)
    left = number(headers.get(f"{_PREFIX}remaining"))
    if left is None:
        return None
    interval_ms = number(headers.get(f"{_PREFIX}interval-milliseconds"))
    return Allowance(int(left), None if interval_ms is None else interval_ms / 1000)
