"""Owns when a failed exchange is tried again, and how long to wait before."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sources.calling.transport import Fault, Reply

THROTTLING = frozenset({429, 503})
"""Answers by which a source asks us to come back later."""

_FIRST_WAIT_S = 0.05


def wait_before_retry(ending: Reply | Fault, attempt: int) -> float | None:
    """Seconds to wait before the next attempt, after *attempt* ended so; None if another would not help.

    Only for requests that may be repeated. What the source says in `Retry-After` counts (RFC 9110, 10.2.3);
    without it the wait is random, up to a bound that doubles with each attempt.
    """
    if isinstance(ending, Fault):
        return _jitter(attempt) if ending is Fault.BROKEN else None
    if ending.status not in THROTTLING:
        return None
    asked = retry_after(ending.headers.get("retry-after"), datetime.now(UTC))
    return _jitter(attempt) if asked is None else asked


def _jitter(attempt: int) -> float:
    # Spreads clients over time; nothing secret depends on it.
    return random.uniform(0, _FIRST_WAIT_S * 2**attempt)  # noqa: S311


def retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds a `Retry-After` header asks for, never negative; None if it is absent or not one."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
