"""FHIR dates and periods as spans of time. A date without an offset is taken as UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sources.model import Period

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


class Span(NamedTuple):
    """From `start`, up to but without `end`."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def meets(self, other: Span) -> bool:
        """Whether the two share a moment."""
        return self.start < other.end and other.start < self.end

    def covers(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


def span(period: Period) -> Span:
    """The time of a period, its last day included; an absent bound is open.

    Raises:
        ValueError: a bound is no FHIR dateTime, or the period ends before it starts.
    """
    start = _span(period.start).start if period.start is not None else _BEGINNING
    end = _span(period.end).end if period.end is not None else _END
    if end <= start:
        raise ValueError("a period ends before it starts")
    return Span(start, end)


def _span(text: str) -> Span:
    """What a FHIR dateTime covers, by its precision."""
    if "T" in text:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return Span(moment, moment + timedelta(microseconds=1))
    year, month, day = (int(part) for part in [*text.split("-"), "0", "0"][:3])
    start = datetime(year, month or 1, day or 1, tzinfo=UTC)
    if day:
        return Span(start, start + timedelta(days=1))
    later = start.replace(day=28) + timedelta(days=4)
    return Span(start, later.replace(day=1) if month else start.replace(year=year + 1))
