"""What came of a quarter: which days are in it, what counts, and what follows a visit up."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.small_cells import TOO_FEW, Told
from resolvers.cohort import Booking, Outcome, Quarter, latest_closed, outcome, quarter_of
from resolvers.faults import BadInput
from sources.model import PatientId

QUARTER = Quarter(2026, 2)
TOO_SMALL = Told(withheld=TOO_FEW)


def bookings(patients: int, status: str, day: str, first: int = 0) -> list[Booking]:
    """One booking of each of so many patients."""
    return [
        Booking(PatientId(f"p{n}"), status, date.fromisoformat(day)) for n in range(first, first + patients)
    ]


def of(*groups: list[Booking]) -> Outcome:
    return outcome(QUARTER, [booking for group in groups for booking in group])


def test_a_quarter_is_three_months_from_its_first_day_to_its_last() -> None:
    days = [
        (str(each), each.first.isoformat(), each.last.isoformat())
        for each in map(Quarter, [2024] * 4, range(1, 5))
    ]

    assert days == [
        ("2024-Q1", "2024-01-01", "2024-03-31"),
        ("2024-Q2", "2024-04-01", "2024-06-30"),
        ("2024-Q3", "2024-07-01", "2024-09-30"),
        ("2024-Q4", "2024-10-01", "2024-12-31"),
    ]


@pytest.mark.parametrize(
    ("today", "latest"),
    [
        ("2026-10-30", "2026-Q2"),
        ("2026-10-31", "2026-Q3"),
        ("2026-12-31", "2026-Q3"),
        ("2027-01-30", "2026-Q3"),
        ("2027-01-31", "2026-Q4"),
    ],
)
def test_a_quarter_can_be_told_of_thirty_days_after_its_end(today: str, latest: str) -> None:
    day = date.fromisoformat(today)

    assert str(latest_closed(day)) == latest
    assert str(quarter_of(latest, day)) == latest
    with pytest.raises(BadInput) as refused:
        quarter_of(str(Quarter.of(day)), day)
    assert str(refused.value) == (
        f"`quarter` must be one that ended 30 days ago or earlier; the latest is `{latest}`"
    )


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_each_day_is_in_one_quarter_and_its_neighbours_are_next_to_it(day: date) -> None:
    quarter = Quarter.of(day)

    assert quarter.holds(day)
    assert not quarter.before.holds(day)
    assert not quarter.next.holds(day)
    assert quarter.before.next == quarter
    assert quarter.next.first == quarter.last + timedelta(days=1)


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-Q5", "2026-Q0", "2026-q1", "26-Q1", "0999-Q1", "2026-Q1 ", "2026Q1", "٢٠٢٦-Q1"]
)
def test_what_is_no_quarter_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        quarter_of(text, date(2026, 11, 22))

    assert str(refused.value).endswith("the latest is `2026-Q3`")


def test_bookings_are_counted_by_status_and_patients_once() -> None:
    found = of(
        bookings(25, "fulfilled", "2026-04-01"),
        bookings(25, "fulfilled", "2026-06-30"),
        bookings(12, "noshow", "2026-05-01"),
        bookings(15, "cancelled", "2026-05-01", first=20),
        bookings(11, "booked", "2026-05-01", first=50),
    )

    assert (found.name, found.first_day, found.last_day) == ("2026-Q2", "2026-04-01", "2026-06-30")
    assert found.patients == Told(41, 50)
    assert found.kept == Told(41, 50)
    assert found.seen == Told(21, 30)
    assert found.missed == Told(11, 20)
    assert found.cancelled == Told(11, 20)
    assert found.other == Told(11, 20)
    assert found.attendance_rate == 0.75
    assert found.followed_up == TOO_SMALL
    assert found.follow_up_rate is None


def test_mistaken_entries_and_other_days_do_not_count() -> None:
    found = of(
        bookings(30, "entered-in-error", "2026-05-01"),
        bookings(30, "fulfilled", "2026-03-31"),
        bookings(30, "fulfilled", "2026-07-01"),
    )

    assert {found.patients, found.kept, found.missed, found.cancelled, found.other, found.seen} == {TOO_SMALL}
    assert found.attendance_rate is None


@pytest.mark.parametrize(
    ("first", "then", "follows"),
    [
        pytest.param("2026-04-01", "2026-04-02", True, id="the day after"),
        pytest.param("2026-04-01", "2026-05-01", True, id="thirty days after"),
        pytest.param("2026-04-01", "2026-05-02", False, id="a day too late"),
        pytest.param("2026-04-01", "2026-04-01", False, id="the same day"),
        pytest.param("2026-06-30", "2026-07-30", True, id="in the next quarter"),
        pytest.param("2026-03-31", "2026-04-01", False, id="after a visit of the quarter before"),
        pytest.param("2026-07-01", "2026-07-02", False, id="after a visit of the next quarter"),
    ],
)
def test_a_visit_on_a_later_day_within_thirty_follows_one_of_the_quarter_up(
    first: str, then: str, follows: bool
) -> None:
    found = of(bookings(11, "fulfilled", first), bookings(11, "fulfilled", then))

    assert found.followed_up == (Told(11, 20) if follows else TOO_SMALL)


def test_what_was_missed_follows_nothing_up() -> None:
    found = of(bookings(11, "fulfilled", "2026-04-01"), bookings(11, "noshow", "2026-04-05"))

    assert found.followed_up == TOO_SMALL


def test_the_share_of_those_followed_up_is_of_those_seen() -> None:
    found = of(bookings(40, "fulfilled", "2026-04-01"), bookings(21, "fulfilled", "2026-04-20"))

    assert (found.seen, found.followed_up) == (Told(31, 40), Told(21, 30))
    assert found.follow_up_rate == 0.72


def test_days_are_told_in_utc() -> None:
    assert Booking.of(PatientId("p"), "fulfilled", "2026-06-30T22:00:00-05:00").day == date(2026, 7, 1)


one_booking = st.builds(
    Booking,
    st.integers(0, 40).map(lambda n: PatientId(f"p{n}")),
    st.sampled_from(["fulfilled", "noshow", "cancelled", "booked", "entered-in-error"]),
    st.dates(date(2026, 3, 1), date(2026, 7, 30)),
)


@given(st.lists(one_booking, max_size=150))
def test_every_count_that_is_told_holds_what_a_plain_count_finds(made: list[Booking]) -> None:
    found = outcome(QUARTER, made)
    inside = [it for it in made if "2026-04-01" <= it.day.isoformat() <= "2026-06-30"]
    visits = [it for it in made if it.status == "fulfilled"]
    back = {
        it.patient
        for it in visits
        if it in inside
        for later in visits
        if later.patient == it.patient and 1 <= (later.day - it.day).days <= 30
    }
    counts = {
        "kept": [it.patient for it in inside if it.status == "fulfilled"],
        "missed": [it.patient for it in inside if it.status == "noshow"],
        "cancelled": [it.patient for it in inside if it.status == "cancelled"],
        "other": [it.patient for it in inside if it.status == "booked"],
        "patients": list({it.patient for it in inside if it.status != "entered-in-error"}),
        "seen": list({it.patient for it in inside if it.status == "fulfilled"}),
        "followed_up": list(back),
    }

    for name, people in counts.items():
        cell: Told = getattr(found, name)
        assert (cell.withheld is not None) is (len(set(people)) < 11), name
        assert cell.at_least is None or cell.at_most is None or cell.at_least <= len(people) <= cell.at_most
