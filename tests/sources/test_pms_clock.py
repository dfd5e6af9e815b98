"""The practice's clock: every wall time is one instant, also in the hours that come twice or never."""

# ruff: noqa: DTZ001 (wall times have no zone; that is what this is about)

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.pms.clock import PracticeClock

ZONES = ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]
CHICAGO = PracticeClock("America/Chicago")

walls = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)).map(lambda it: it.replace(microsecond=0))
moments = st.datetimes(datetime(1990, 1, 2), datetime(2037, 12, 30), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("local", "minutes", "span"),
    [
        ("2026-07-01T10:00:00", 30, ("2026-07-01T10:00:00-05:00", "2026-07-01T10:30:00-05:00")),
        ("2026-12-01T10:00:00", 0, ("2026-12-01T10:00:00-06:00", "2026-12-01T10:00:00-06:00")),
        # Summer time ends on 1 November at 02:00: 01:30 comes twice, and the first is meant.
        ("2026-11-01T01:30:00", 30, ("2026-11-01T01:30:00-05:00", "2026-11-01T01:00:00-06:00")),
        ("2026-11-01T00:30:00", 120, ("2026-11-01T00:30:00-05:00", "2026-11-01T01:30:00-06:00")),
        # It begins on 8 March at 02:00: 02:30 never comes, and an hour later is meant.
        ("2026-03-08T02:30:00", 30, ("2026-03-08T03:30:00-05:00", "2026-03-08T04:00:00-05:00")),
        ("2026-03-08T01:45:00", 30, ("2026-03-08T01:45:00-06:00", "2026-03-08T03:15:00-05:00")),
        (
            "2026-12-31T23:50:00.5",
            20,
            ("2026-12-31T23:50:00.500000-06:00", "2027-01-01T00:10:00.500000-06:00"),
        ),
    ],
)
def test_a_span_is_from_an_instant_to_an_instant(local: str, minutes: int, span: tuple[str, str]) -> None:
    assert CHICAGO.span(local, minutes) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-12-01",
        "2026-12-01T10:00",
        "2026-12-01 10:00:00",
        "2026-12-01T10:00:00Z",
        "2026-12-01T10:00:00-06:00",
        "2026-13-01T10:00:00",
        "2026-02-30T10:00:00",
        "2026-12-01T25:00:00",
        "2026-12-01T10:00:00\n",
        "1850-01-01T00:00:00",  # before there was standard time
        "9999-12-31T23:59:59",
        "Jane Doe at ten o'clock",
    ],
)
def test_what_is_no_wall_time_of_this_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        CHICAGO.instant(text)


@given(wall=walls, minutes=st.integers(0, 3_000), zone=st.sampled_from(ZONES))
@example(wall=datetime(2026, 3, 8, 1, 30), minutes=60, zone="America/Chicago")
@example(wall=datetime(2026, 11, 1, 1, 59, 59), minutes=1, zone="America/Chicago")
@example(wall=datetime(2026, 7, 14, 23, 59, 59), minutes=1, zone="America/Chicago")
@example(wall=datetime(2026, 7, 14, 23, 30), minutes=29, zone="America/Chicago")
@example(wall=datetime(2026, 7, 14, 8, 0, 0, 250_000), minutes=30, zone="America/Chicago")
def test_a_span_is_what_a_conversion_by_way_of_utc_makes_of_it(
    wall: datetime, minutes: int, zone: str
) -> None:
    here = ZoneInfo(zone)
    begin = wall.replace(tzinfo=here).astimezone(UTC)
    both = (begin, begin + timedelta(minutes=minutes))

    span = PracticeClock(zone).span(wall.isoformat(), minutes)

    assert span == tuple(each.astimezone(here).isoformat() for each in both)


def test_a_clock_remembers_months_and_no_time_that_it_was_told() -> None:
    clock = PracticeClock("America/Chicago")

    clock.span("2026-07-01T10:00:00", 30)
    clock.span("2026-07-14T11:30:00", 20)

    for text in ("Jane Doe at ten o'clock", "2026-13-01T10:00:00", "٢٠٢٦-07-01T10:00:00"):
        with pytest.raises(ValueError, match=r"."):
            clock.span(text, 30)

    assert list(clock._months) == ["2026-07-"]
    assert set(clock._months["2026-07-"]) == {f"{day:02}" for day in range(1, 32)}
    assert vars(clock).keys() == {"_zone", "_months"}


def test_a_clock_forgets_months_before_it_remembers_too_many() -> None:
    clock = PracticeClock("America/Chicago")

    for month in range(1_030):
        clock.instant(f"{1950 + month // 12}-{month % 12 + 1:02}-10T08:00:00")

    assert 0 < len(clock._months) <= 1_024


def test_an_unknown_zone_is_refused_at_once() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        PracticeClock("America/Springfield")


@pytest.mark.parametrize("zone", ZONES)
@given(wall=walls)
@example(datetime(2026, 11, 1, 1, 30))
@example(datetime(2026, 3, 8, 2, 30))
def test_an_instant_shows_the_wall_time_it_was_made_of_unless_that_never_came(
    zone: str, wall: datetime
) -> None:
    info = ZoneInfo(zone)
    came = wall.replace(tzinfo=info).astimezone(UTC).astimezone(info).replace(tzinfo=None) == wall
    instant = PracticeClock(zone).instant(wall.isoformat())

    assert (
        datetime.fromisoformat(instant).utcoffset()
        == datetime.fromisoformat(instant).astimezone(info).utcoffset()
    )
    assert (instant[:19] == wall.isoformat()) == came


@pytest.mark.parametrize("zone", ZONES)
@given(start=moments, wall=walls, near=st.integers(-180, 180))
@example(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), datetime(2026, 1, 1), 0)
@example(datetime(2026, 11, 1, 7, 30, tzinfo=UTC), datetime(2026, 1, 1), 0)
@example(datetime(2026, 11, 1, 7, 0, tzinfo=UTC), datetime(2026, 1, 1), -60)
@example(datetime(2026, 3, 8, 8, 15, tzinfo=UTC), datetime(2026, 1, 1), 30)
def test_bounds_in_wall_time_lose_nothing(zone: str, start: datetime, wall: datetime, near: int) -> None:
    clock = PracticeClock(zone)
    bound = start.isoformat()
    close = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0, fold=0)
    for shown in (wall, close + timedelta(minutes=near)):
        meant = datetime.fromisoformat(clock.instant(shown.isoformat()))
        if meant >= start:
            assert shown.isoformat() >= clock.not_after(bound)
        else:
            assert shown.isoformat() < clock.not_before(bound)


@pytest.mark.parametrize("zone", ZONES)
@given(then=moments, minutes=st.integers(0, 600), part=st.floats(0, 1))
@example(datetime(2026, 11, 1, 6, 45, tzinfo=UTC), 40, 0.9)
def test_no_update_since_an_instant_is_written_down_as_earlier(
    zone: str, then: datetime, minutes: int, part: float
) -> None:
    clock = PracticeClock(zone)
    now = then + timedelta(minutes=minutes)
    updated = then + (now - then) * part
    written = updated.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0).isoformat()

    assert written >= clock.since(then.isoformat(), now)


def test_an_instant_without_an_offset_is_refused() -> None:
    for bound in (CHICAGO.not_after, CHICAGO.not_before):
        with pytest.raises(ValueError, match="offset"):
            bound("2026-12-01T10:00:00")
