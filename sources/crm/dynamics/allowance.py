"""Owns what Dataverse says of our quota: requests that are left of the five minutes under way.

https://learn.microsoft.com/power-apps/developer/data-platform/api-limits
"""

from __future__ import annotations

from collections.abc import Mapping

from sources.calling import Allowance
from sources.calling.allowance import number


def dynamics_allowance(headers: Mapping[str, str]) -> Allowance | None:
    """What is left; when there will be more is said only by the refusal that follows, in `Retry-After`."""
    left = number(headers.get("x-ms-ratelimit-burst-remaining-xrm-requests"))
    return None if left is None else Allowance(int(left))
