"""What came of a quarter's appointments: counted over whose they are, and told as policy lets it be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from policies.small_cells import Told, share, told
from resolvers.faults import BadInput
from sources.model import PatientId

FOLLOW_UP = timedelta(days=30)
"""How long after a visit another one follows it up; so long after its end, too, a quarter can be told of."""

KEPT, MISSED, CANCELLED = "fulfilled", "noshow", "cancelled"
MISTAKEN = "entered-in-error"
"""The status of what never was an appointment."""

_QUARTER = re.compile(r"([12][0-9]{3})-Q([1-4])")


class Quarter(NamedTuple):
    """A quarter of a calendar year, in UTC."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"

    @property
    def first(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        return self.next.first - timedelta(days=1)

    @property
    def next(self) -> Quarter:
        return Quarter(self.year, self.number + 1) if self.number < 4 else Quarter(self.year + 1, 1)

    @property
    def before(self) -> Quarter:
        return Quarter(self.year, self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4)

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last

    def closed(self, today: date) -> bool:
        """Whether all that can follow up its visits has been."""
        return self.next.first + FOLLOW_UP <= today

    @classmethod
    def of(cls, day: date) -> Quarter:
        return cls(day.year, (day.month + 2) // 3)


def quarter_of(text: str, today: date) -> Quarter:
    """The closed quarter that *text* names, such as `2026-Q3`.

    Raises:
        BadInput: it names none, or one that is not closed.
    """
    latest = latest_closed(today)
    match = _QUARTER.fullmatch(text)
    if match is None or (asked := Quarter(int(match[1]), int(match[2]))) > latest:
        days = FOLLOW_UP.days
        raise BadInput(
            f"`quarter` must be one that ended {days} days ago or earlier; the latest is `{latest}`"
        )
    return asked


def latest_closed(today: date) -> Quarter:
    """The latest quarter that can be told of on that day."""
    found = Quarter.of(today)
    while not found.closed(today):
        found = found.before
    return found


class Booking(NamedTuple):
    """What counts of an appointment: whose it was, what became of it, and the day (UTC) it was for."""

    patient: PatientId
    status: str
    day: date

    @classmethod
    def of(cls, patient: PatientId, status: str, start: str) -> Booking:
        """*start* is an instant. Raises ValueError if it is none."""
        return cls(patient, status, datetime.fromisoformat(start).astimezone(UTC).date())


@dataclass(frozen=True)
class Outcome:
    """The row behind `outcomes`: `patients`, `seen` and `followed_up` count patients, the others bookings."""

    quarter: Quarter
    patients: Told
    kept: Told
    missed: Told
    cancelled: Told
    other: Told
    seen: Told
    followed_up: Told

    @property
    def name(self) -> str:
        return str(self.quarter)

    @property
    def first_day(self) -> str:
        return self.quarter.first.isoformat()

    @property
    def last_day(self) -> str:
        return self.quarter.last.isoformat()

    @property
    def attendance_rate(self) -> float | None:
        return share(self.kept, (self.kept, self.missed))

    @property
    def follow_up_rate(self) -> float | None:
        return share(self.followed_up, (self.seen,))


def outcome(quarter: Quarter, bookings: Iterable[Booking]) -> Outcome:
    """What came of a quarter, by the bookings of it and of the days that can follow its visits up."""
    real = [booking for booking in bookings if booking.status != MISTAKEN]
    within = [booking for booking in real if quarter.holds(booking.day)]
    kept, missed, cancelled = (
        [booking.patient for booking in within if booking.status == status]
        for status in (KEPT, MISSED, CANCELLED)
    )
    other = [booking.patient for booking in within if booking.status not in (KEPT, MISSED, CANCELLED)]
    return Outcome(
        quarter,
        patients=_people({booking.patient for booking in within}),
        kept=_bookings(kept),
        missed=_bookings(missed),
        cancelled=_bookings(cancelled),
        other=_bookings(other),
        seen=_people(set(kept)),
        followed_up=_people(_followed_up(quarter, real)),
    )


def _followed_up(quarter: Quarter, bookings: Iterable[Booking]) -> set[PatientId]:
    """Those who were seen in the quarter, and again on a later day within the time for it."""
    days: dict[PatientId, set[date]] = {}
    for booking in bookings:
        if booking.status == KEPT:
            days.setdefault(booking.patient, set()).add(booking.day)
    return {
        patient
        for patient, visits in days.items()
        for one, then in pairwise(sorted(visits))
        if quarter.holds(one) and then - one <= FOLLOW_UP
    }


def _people(patients: set[PatientId]) -> Told:
    return told(len(patients), len(patients))


def _bookings(patients: list[PatientId]) -> Told:
    """The count of bookings that are those patients', one for each."""
    return told(len(patients), len(set(patients)))
