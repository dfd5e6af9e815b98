"""Owns a database's rows in the words of FHIR. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sources.calling import Nonconforming
from sources.model import (
    Address,
    Appointment,
    Balance,
    Booked,
    CodeableConcept,
    Coding,
    ContactPoint,
    Coverage,
    Location,
    Money,
    Mrn,
    Period,
)
from sources.pms.clock import PracticeClock
from sources.pms.database.wire import AppointmentRow, BalanceRow, CoverageRow, LocationRow

Times = Literal["local", "utc", "offset"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Clock:
    """What a practice's times mean, and what to ask for by them.

    Raises:
        ZoneInfoNotFoundError: there is no such zone.
    """

    def __init__(self, time_zone: str, times: Times) -> None:
        self.times = times
        self._zone = ZoneInfo(time_zone)
        self._wall = PracticeClock(time_zone)

    def instant(self, written: str) -> str:
        """The instant a column's value stands for, with the offset of the zone.

        Raises:
            ValueError: it is no time, or has an offset where it should have none, or none where it should.
        """
        if self.times == "local":
            return self._wall.instant(written)
        moment = datetime.fromisoformat(written)
        if (moment.tzinfo is None) is (self.times == "offset"):
            raise ValueError("with an offset, or without")
        here = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return here.astimezone(self._zone).isoformat()

    def later(self, instant: str, minutes: int) -> str:
        """The instant so many minutes after *instant*."""
        moment = datetime.fromisoformat(instant).astimezone(UTC) + timedelta(minutes=minutes)
        return moment.astimezone(self._zone).isoformat()

    def not_after(self, instant: str) -> str:
        """A column's value such that whatever is at *instant* or later has it or a later one."""
        return self._wall.not_after(instant) if self.times == "local" else self._utc(instant, timedelta())

    def not_before(self, instant: str) -> str:
        """A column's value such that whatever is before *instant* has an earlier one."""
        if self.times == "local":
            return self._wall.not_before(instant)
        return self._utc(instant, timedelta(microseconds=999_999))

    def since(self, moment: datetime, now: datetime) -> str:
        """A column's value from which on everything since *moment* was written down, up to *now*."""
        if self.times == "local":
            return self._wall.since(moment.isoformat(), now)
        return self._utc(moment.isoformat(), timedelta())

    def _utc(self, instant: str, later: timedelta) -> str:
        moment = (datetime.fromisoformat(instant) + later).astimezone(UTC).replace(microsecond=0)
        return (moment if self.times == "offset" else moment.replace(tzinfo=None)).isoformat()


def appointment(row: AppointmentRow, clock: Clock, statuses: Mapping[str, str]) -> Appointment:
    """*row* as a domain record.

    Raises:
        Nonconforming: its status is not in *statuses*, or one of its times is none.
    """
    status = statuses.get(str(row.status))
    if status is None:
        raise Nonconforming("appointments.status: not among the statuses of the settings")
    start = _instant(row.start, clock, "appointments.start")
    return Appointment(
        id=str(row.id),
        patient_mrn=Mrn(str(row.mrn)),
        status=status,
        start=start,
        end=_end(row, start, clock),
        minutes_duration=row.minutes if row.minutes is not None else _minutes(row, start, clock),
        service_type=_service(row),
        reason_code=(CodeableConcept(text=row.reason),) if row.reason else (),
        booked=_booked(row),
        location_id=_text(row.location),
        location_name=row.location_name,
        is_telehealth=None if row.is_telehealth is None else bool(row.is_telehealth),
        video_url=row.video_url,
        visit_number=_text(row.visit),
        last_updated=_instant(row.updated, clock, "appointments.updated"),
        version=_text(row.version),
    )


def location(row: LocationRow) -> Location:
    """*row* as a domain record."""
    has_address = any((row.line, row.city, row.state, row.postal_code))
    return Location(
        id=str(row.id),
        status="active",
        name=row.name,
        mode="instance",
        type=(CodeableConcept(text=row.kind),) if row.kind else (),
        telecom=(ContactPoint(system="phone", value=row.phone, use="work"),) if row.phone else (),
        address=Address(
            line=(row.line,) if row.line else (), city=row.city, state=row.state, postal_code=row.postal_code
        )
        if has_address
        else None,
    )


def coverage(row: CoverageRow) -> Coverage:
    """*row* as a domain record; one that is not active is FHIR's `cancelled`.

    Raises:
        Nonconforming: one of its dates is none.
    """
    for name, date in (("start", row.start), ("end", row.end)):
        if date is not None and _DATE.fullmatch(date) is None:
            raise Nonconforming(f"coverages.{name}: no date")
    return Coverage(
        id=str(row.id),
        patient_mrn=Mrn(str(row.mrn)),
        status="active" if row.is_active else "cancelled",
        payor=row.payor,
        plan=row.plan,
        subscriber_id=_text(row.member),
        period=Period(start=row.start, end=row.end),
    )


def balance(row: BalanceRow, clock: Clock) -> Balance:
    """*row* as a domain record.

    Raises:
        Nonconforming: its amount is no decimal, its currency no code of three letters, or its time none.
    """
    amount = str(row.amount)
    if _AMOUNT.fullmatch(amount) is None:
        raise Nonconforming("balances.amount: no decimal")
    if len(row.currency) != 3 or not row.currency.isalpha():
        raise Nonconforming("balances.currency: no code of ISO 4217")
    return Balance(
        patient_mrn=Mrn(str(row.mrn)),
        amount=Money(value=amount, currency=row.currency),
        as_of=_instant(row.as_of, clock, "balances.as_of"),
    )


def _instant(written: str | None, clock: Clock, field: str) -> str | None:
    if written is None:
        return None
    try:
        return clock.instant(written)
    except ValueError:
        raise Nonconforming(f"{field}: not a time as `times` says") from None


def _end(row: AppointmentRow, start: str | None, clock: Clock) -> str | None:
    if row.end is not None:
        return _instant(row.end, clock, "appointments.end")
    if start is None or row.minutes is None:
        return None
    return clock.later(start, row.minutes)


def _minutes(row: AppointmentRow, start: str | None, clock: Clock) -> int | None:
    end = _instant(row.end, clock, "appointments.end")
    if start is None or end is None:
        return None
    return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() // 60)


def _service(row: AppointmentRow) -> tuple[CodeableConcept, ...]:
    code, name = _text(row.service_code), row.service_name
    if code is None and name is None:
        return ()
    coding = (Coding(code=code, display=name),) if code is not None else ()
    return (CodeableConcept(coding=coding, text=name),)


def _booked(row: AppointmentRow) -> tuple[Booked, ...]:
    if row.npi is None and row.practitioner_name is None:
        return ()
    return (Booked(npi=_text(row.npi), display=row.practitioner_name),)


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)
