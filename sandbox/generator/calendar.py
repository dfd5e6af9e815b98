"""The practice's calendar: when a patient comes, what became of it, and local times as instants."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

TIME_ZONE = "America/Chicago"
_ZONE = ZoneInfo(TIME_ZONE)
_OPENING_HOUR, _CLOSING_HOUR = 8, 16
PAST = ("completed", "no_show", "cancelled")
FUTURE = ("scheduled", "confirmed", "cancelled")
TODAY = ("confirmed", "arrived", "checked_in", "in_session")


@dataclass(frozen=True)
class Slot:
    """One booking: when it starts (naive, local to the practice), and its PMS status."""

    starts_at: datetime
    status: str


DEMO_PATIENT = (
    (-730, "completed"),
    (-540, "completed"),
    (-400, "completed"),
    (-270, "cancelled"),
    (-180, "completed"),
    (-90, "completed"),
    (-45, "no_show"),
    (-14, "completed"),
    (3, "confirmed"),
    (24, "scheduled"),
    (66, "scheduled"),
)
"""Days from today and status of the first patient's bookings."""


def slots_of(rng: Random, number: int, today: date, died: date | None) -> list[Slot]:
    """A patient's bookings in order of time: 0 to 12 of them, none for every 17th patient."""
    if number == 1:
        planned = list(DEMO_PATIENT)
    else:
        planned = _planned(rng, 0 if number % 17 == 0 else rng.randint(1, 12))
    slots = [Slot(on_a_workday(rng, today, days), status) for days, status in planned]
    if died is not None:
        slots = [slot for slot in slots if slot.starts_at.date() < died]
    return sorted(slots, key=lambda slot: slot.starts_at)


def instant(local: datetime) -> str:
    """*local*, a naive time of the practice, as an instant of FHIR in UTC."""
    return (
        local.replace(tzinfo=_ZONE).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def with_offset(local: datetime) -> str:
    """*local*, a naive time of the practice, as a FHIR dateTime with its offset."""
    return local.replace(tzinfo=_ZONE).isoformat()


def on_a_workday(rng: Random, today: date, days: int) -> datetime:
    """A time in opening hours *days* from *today*, moved off a weekend in the direction away from today."""
    day = today + timedelta(days=days)
    if days:
        while day.weekday() > 4:
            day += timedelta(days=1 if days > 0 else -1)
    at = time(rng.randint(_OPENING_HOUR, _CLOSING_HOUR), rng.choice((0, 15, 30, 45)))
    return datetime.combine(day, at)


def _planned(rng: Random, count: int) -> list[tuple[int, str]]:
    future = sum(rng.random() < 0.3 for _ in range(count))
    found = [(-rng.randint(2, 1_000), rng.choices(PAST, (78, 9, 13))[0]) for _ in range(count - future)]
    found += [(rng.randint(1, 120), rng.choices(FUTURE, (40, 53, 7))[0]) for _ in range(future)]
    if count and rng.random() < 0.04:
        found[-1] = (0, rng.choice(TODAY))
    return found
