"""What is usual by hour of the week: learnt from quiet weeks, and an hour far above it alarms once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.volume import Bounds, Measure, Track
from gateway.volume.usual import WEEK

MONDAY = 168 * 2_900
BOUNDS = Bounds(times=10.0, least_requests=20, least_records=50)
COUNTS = st.integers(0, 10_000)


def quiet(hour: int) -> int:
    """Requests of an hour of a quiet week: none at night, most at noon, few at the weekend."""
    day, of_day = divmod(hour % WEEK, 24)
    return 0 if of_day < 7 or of_day > 18 else (4 if day > 4 else 12 - abs(12 - of_day))


def after_quiet_weeks(weeks: int = 1) -> Track:
    track = Track(MONDAY, BOUNDS)
    for hour in range(MONDAY, MONDAY + weeks * WEEK):
        for _ in range(quiet(hour)):
            assert track.add(hour, 1, 5) == []
    track.roll(MONDAY + weeks * WEEK)
    return track


def test_after_a_quiet_week_a_burst_is_alarmed_once_and_at_ten_times_the_usual() -> None:
    track = after_quiet_weeks()
    noon = MONDAY + WEEK + 12
    alarms = [(n, alarm) for n in range(1, 500) for alarm in track.add(noon, 1, 0)]

    ((at, alarm),) = alarms
    assert (at, alarm.measure, alarm.bound, alarm.usual) == (120, Measure.REQUESTS, 120.0, 12.0)
    assert track.is_alarmed


def test_the_same_count_at_another_hour_of_the_week_is_measured_by_that_hour() -> None:
    track = after_quiet_weeks()
    saturday = MONDAY + WEEK + 5 * 24 + 12
    (alarm,) = [alarm for _ in range(100) for alarm in track.add(saturday, 1, 0)]

    assert (alarm.bound, alarm.usual) == (40.0, 4.0)


def test_a_second_quiet_week_alarms_nothing_and_neither_does_nine_times_the_usual() -> None:
    track = after_quiet_weeks(2)
    hours = range(MONDAY + 2 * WEEK, MONDAY + 3 * WEEK)
    alarms = [alarm for hour in hours for alarm in track.add(hour, 9 * quiet(hour), 0)]

    assert alarms == []


def test_records_are_alarmed_by_themselves() -> None:
    track = after_quiet_weeks()
    noon = MONDAY + WEEK + 12

    (alarm,) = track.add(noon, 1, 600)
    assert (alarm.measure, alarm.bound, alarm.usual) == (Measure.RECORDS, 600.0, 60.0)


def test_what_is_little_is_normal_even_where_nothing_is_usual() -> None:
    track = after_quiet_weeks()
    night = MONDAY + WEEK + 3

    assert track.add(night, 19, 49) == []
    assert [alarm.measure for alarm in track.add(night, 1, 0)] == [Measure.REQUESTS]


def test_the_next_hour_is_judged_anew_and_the_burst_is_no_new_usual() -> None:
    track = after_quiet_weeks()
    noon = MONDAY + WEEK + 12
    track.add(noon, 1_000_000, 0)
    track.roll(noon + 1)

    assert not track.is_alarmed
    track.roll(noon + WEEK)
    usual = track.usual(Measure.REQUESTS)
    assert usual == pytest.approx(12 + 0.3 * (120 - 12))


@given(st.lists(st.tuples(st.integers(0, 30), COUNTS, COUNTS), max_size=60))
def test_a_cold_start_alarms_nothing_for_a_week(steps: list[tuple[int, int, int]]) -> None:
    track, hour = Track(MONDAY, BOUNDS), MONDAY
    for gap, requests, records in steps:
        hour += gap
        if hour >= MONDAY + WEEK:
            break
        assert track.add(hour, requests, records) == []


@given(st.lists(st.tuples(st.integers(-3, 200), COUNTS, COUNTS), max_size=80))
def test_an_alarm_is_raised_once_an_hour_and_only_far_above_the_usual(
    steps: list[tuple[int, int, int]],
) -> None:
    track, hour = after_quiet_weeks(), MONDAY + WEEK
    seen: set[tuple[int, Measure]] = set()
    for gap, requests, records in steps:
        hour += gap
        for alarm in track.add(hour, requests, records):
            assert alarm.bound >= BOUNDS.least(alarm.measure)
            assert alarm.bound >= BOUNDS.times * alarm.usual
            at = (track.hour, alarm.measure)
            assert gap < 0 or at not in seen
            seen.add(at)


@given(st.lists(st.tuples(st.integers(0, 400), COUNTS, COUNTS), max_size=60))
def test_the_usual_stays_between_nothing_and_the_most_that_was_seen(
    steps: list[tuple[int, int, int]],
) -> None:
    track, hour = Track(MONDAY, BOUNDS), MONDAY
    totals: dict[int, int] = {}
    for gap, requests, records in steps:
        hour += gap
        totals[hour] = totals.get(hour, 0) + requests
        track.add(hour, requests, records)
    track.roll(hour + 1)

    means = [mean for mean in track.kept()[Measure.REQUESTS] if mean != -1.0]
    assert all(0 <= mean <= max(totals.values(), default=0) for mean in means)


@given(st.lists(st.tuples(st.integers(0, 50), COUNTS, COUNTS), max_size=60))
def test_what_is_kept_is_restored(steps: list[tuple[int, int, int]]) -> None:
    track, hour = Track(MONDAY, BOUNDS), MONDAY
    for gap, requests, records in steps:
        hour += gap
        track.add(hour, requests, records)

    assert Track.restored(hour, BOUNDS, track.kept()).kept() == track.kept()


@pytest.mark.parametrize("kept", [[], [[1.0]], [[0.0] * 168], [[0.0] * 168, [-2.0] * 168]])
def test_what_is_no_track_is_not_restored(kept: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"a track has|no count"):
        Track.restored(MONDAY, BOUNDS, kept)
