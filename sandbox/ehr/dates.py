"""FHIR dates as intervals, and the comparisons of date search parameters (R4, search.html#date)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.+)")
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_MINUTES = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})?")
_TICK = timedelta(microseconds=1)
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Interval:
    """The instants a FHIR date stands for: `start` inclusive, `end` exclusive."""

    start: datetime
    end: datetime

    def contains(self, other: "Interval") -> bool:
        """Whether every instant of *other* is in this interval."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "Interval") -> bool:
        """Whether the two share an instant."""
        return self.start < other.end and other.start < self.end


COMPARISONS: dict[str, Callable[[Interval, Interval], bool]] = {
    "eq": lambda asked, found: asked.contains(found),
    "ne": lambda asked, found: not asked.contains(found),
    "gt": lambda asked, found: found.end > asked.end,
    "lt": lambda asked, found: found.start < asked.start,
    "ge": lambda asked, found: found.end > asked.end or asked.contains(found),
    "le": lambda asked, found: found.start < asked.start or asked.contains(found),
    "sa": lambda asked, found: found.start >= asked.end,
    "eb": lambda asked, found: found.end <= asked.start,
    "ap": lambda asked, found: asked.overlaps(found),
}
"""What each prefix asks of a found interval; the names are FHIR's."""


def split_prefix(text: str) -> tuple[str, str]:
    """Splits `ge2026-01-01` into `ge` and `2026-01-01`; no prefix means `eq`."""
    match = _PREFIXED.fullmatch(text)
    return (match.group(1) or "eq", match.group(2)) if match else ("eq", text)


@lru_cache(maxsize=100_000)  # the same elements are compared search after search
def interval(text: str, zone: tzinfo) -> Interval:
    """The interval of a FHIR date, dateTime or instant; where it names no zone, *zone* is meant.

    Raises:
        ValueError: the text is not a FHIR date (the text itself is not in the message).
    """
    partial = _PARTIAL.fullmatch(text)
    try:
        return _of_date(partial, zone) if partial else _of_instant(text, zone)
    except (ValueError, OverflowError):
        raise ValueError("not a FHIR date") from None


def interval_of_element(element: Any, zone: tzinfo) -> Interval | None:
    """The interval of a date, dateTime, instant or Period element; None where none can be read."""
    try:
        if isinstance(element, str):
            return interval(element, zone)
        if isinstance(element, dict) and ("start" in element or "end" in element):
            start = interval(element["start"], zone).start if "start" in element else BEGINNING
            end = interval(element["end"], zone).end if "end" in element else END
            return Interval(start, end)
    except (ValueError, TypeError):
        return None
    return None


def _of_date(partial: re.Match[str], zone: tzinfo) -> Interval:
    year, month, day = (int(part) if part else None for part in partial.groups())
    start = datetime(year or 0, month or 1, day or 1, tzinfo=zone)
    if day:
        end = start + timedelta(days=1)
    elif month:
        end = (start + timedelta(days=31)).replace(day=1)
    else:
        end = start.replace(year=start.year + 1)
    return Interval(start, end)


def _of_instant(text: str, zone: tzinfo) -> Interval:
    if "T" not in text:
        raise ValueError
    start = datetime.fromisoformat(text)
    if start.tzinfo is None:
        start = start.replace(tzinfo=zone)
    if _MINUTES.fullmatch(text):
        return Interval(start, start + timedelta(minutes=1))
    return Interval(start, start + (_TICK if "." in text else timedelta(seconds=1)))
