"""Owns what Salesforce tells of the org's use of its daily allowance of calls. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

HEADER = "sforce-limit-info"
_USAGE = re.compile(r"(?:^|[;,\s])api-usage=(?P<used>[0-9]{1,12})/(?P<limit>[0-9]{1,12})(?=$|[;,\s])")


class Usage(NamedTuple):
    """Calls of the last 24 hours, by all of the org's clients, and how many it may make."""

    used: int
    limit: int


def usage(headers: Mapping[str, str]) -> Usage | None:
    """What `Sforce-Limit-Info: api-usage=18/5000` says; None if it is absent or says something else."""
    match = _USAGE.search(headers.get(HEADER) or headers.get("Sforce-Limit-Info") or "")
    return None if match is None else Usage(int(match["used"]), int(match["limit"]))
