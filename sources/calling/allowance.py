"""Owns what a source says of our quota in the headers of its answers. They can only slow us down."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

_NUMBER = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*")
_EPOCH = 1_000_000_000.0
"""A reset above it is an instant, below it a number of seconds."""


class Allowance(NamedTuple):
    """How many requests are left to us, and in how many seconds there will be more; None: it did not say."""

    left: int
    resets_in_s: float | None = None


AllowanceReader: TypeAlias = Callable[[Mapping[str, str]], Allowance | None]
"""Reads the headers of an answer; None where they say nothing of a quota."""


def rate_limit_headers(headers: Mapping[str, str]) -> Allowance | None:
    """`X-RateLimit-Remaining` and `-Reset` (seconds, or an epoch), or their names without `X-`."""
    for prefix in ("x-ratelimit", "ratelimit"):
        left = number(headers.get(f"{prefix}-remaining"))
        if left is not None:
            return Allowance(int(left), _seconds(number(headers.get(f"{prefix}-reset"))))
    return None


def usage_header(name: str, *, keep: float = 0.05) -> AllowanceReader:
    """A reader of `…=18/5000` in the header *name*: used and allowed. The share *keep* is left to others."""
    pattern = re.compile(r"(?:\A|[;,=\s])([0-9]{1,12})/([0-9]{1,12})(?:\Z|[;,\s(])")

    def read(headers: Mapping[str, str]) -> Allowance | None:
        found = pattern.search(headers.get(name, ""))
        if found is None:
            return None
        used, allowed = int(found[1]), int(found[2])
        return Allowance(max(0, int(allowed * (1 - keep)) - used))

    return read


def number(text: str | None) -> float | None:
    """The number a header holds, if it is one and not below zero."""
    found = _NUMBER.fullmatch(text) if text is not None and text.isascii() else None
    return None if found is None else float(found[1])


def _seconds(reset: float | None) -> float | None:
    if reset is None or reset < _EPOCH:
        return reset
    return max(0.0, reset - time.time())
