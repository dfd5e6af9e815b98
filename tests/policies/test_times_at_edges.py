"""Spans of time at their edges: the first and the last moment of a day, a month, a year and an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policies.times import Span, span
from sources.model import Period

TICK = timedelta(microseconds=1)


def day(month: int, number: int) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


MARCH = Span(day(3, 1), day(4, 1))


def test_a_span_holds_its_first_moment_and_not_the_one_after_its_last() -> None:
    assert MARCH.holds(day(3, 1))
    assert MARCH.holds(day(4, 1) - TICK)
    assert not MARCH.holds(day(4, 1))


def test_spans_that_only_touch_share_no_moment() -> None:
    april = Span(day(4, 1), day(5, 1))

    assert not MARCH.meets(april)
    assert not april.meets(MARCH)
    assert Span(day(3, 31), day(4, 1)).meets(MARCH)


def test_what_begins_earlier_or_ends_later_is_not_covered() -> None:
    assert MARCH.covers(MARCH)
    assert not MARCH.covers(Span(day(3, 1) - TICK, day(3, 2)))
    assert not MARCH.covers(Span(day(3, 1), day(4, 1) + TICK))


def test_a_period_that_ends_the_day_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        span(Period(start="2026-03-02", end="2026-03-01"))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-03-01T10:00:00Z", day(3, 1) + timedelta(hours=10), day(3, 1) + timedelta(hours=10) + TICK),
        ("2026-02-28", day(2, 28), day(3, 1)),
        ("2026-02", day(2, 1), day(3, 1)),
        ("2026-12", day(12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-01", day(1, 1), day(2, 1)),
        ("2026", day(1, 1), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_covers_what_its_precision_says_and_no_more(text: str, start: datetime, end: datetime) -> None:
    assert span(Period(start=text, end=text)) == Span(start, end)
