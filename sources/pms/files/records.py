"""Owns what the rows of files are: records in the words of FHIR. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import TypeAlias

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
from sources.pms.files.faults import BadRow
from sources.pms.files.settings import NEEDED, FeedSettings

Record: TypeAlias = Appointment | Location | Coverage | Balance

APPOINTMENT_STATUSES = frozenset(
    {
        "proposed",
        "pending",
        "booked",
        "arrived",
        "fulfilled",
        "cancelled",
        "noshow",
        "entered-in-error",
        "checked-in",
        "waitlist",
    }
)
COVERAGE_STATUSES = frozenset({"active", "cancelled", "draft", "entered-in-error"})

_ID = re.compile(r"[A-Za-z0-9.\-_:]{1,64}")
_AMOUNT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MINUTES = re.compile(r"[0-9]{1,5}")
_TRUE, _FALSE = frozenset({"1", "y", "yes", "true", "t"}), frozenset({"0", "n", "no", "false", "f", ""})
_LONGEST_MINUTES = 7 * 24 * 60
_LONGEST = 4_000


class Reader:
    """Reads one row of a feed by the names of its attributes."""

    def __init__(self, cells: Mapping[str, str], feed: FeedSettings, clock: PracticeClock) -> None:
        self._cells = cells
        self._feed = feed
        self._clock = clock

    def record(self) -> Record:
        """The record that the row is.

        Raises:
            BadRow: a value is missing, or not of its type.
        """
        for name in NEEDED[self._feed.kind]:
            self._needed(name)
        return _RECORDS[self._feed.kind](self)

    def key(self) -> str | None:
        """The id of the record, or the MRN of whom a balance is; None if the row does not even tell that."""
        try:
            return self._mrn() if self._feed.kind == "balances" else self._id("id")
        except BadRow:
            return None

    @property
    def is_deleted(self) -> bool:
        """Whether the row says that its record is gone."""
        return bool(self._flag("deleted"))

    def updated(self) -> str | None:
        """When the practice last changed the record."""
        return self._instant("updated")

    def appointment(self) -> Appointment:
        start, minutes = self._instant("start"), self._minutes()
        end = self._instant("end") or _after(start, minutes)
        if minutes is None and start is not None and end is not None:
            minutes = int((_moment(end) - _moment(start)).total_seconds() // 60)
        if minutes is not None and minutes < 0:
            raise BadRow(f"{self._column('end')}: before the start")
        reason, code, service = self._text("reason"), self._text("service_code"), self._text("service_name")
        coding = () if code is None else (Coding(code=code, display=service),)
        npi = None if self._text("npi") is None else self._id("npi")
        who = self._text("practitioner")
        return Appointment(
            id=self._id("id"),
            patient_mrn=self._mrn(),
            status=self._status(APPOINTMENT_STATUSES),
            start=start,
            end=end,
            minutes_duration=minutes,
            service_type=(CodeableConcept(coding=coding, text=service),) if coding or service else (),
            reason_code=() if reason is None else (CodeableConcept(text=reason),),
            booked=(Booked(npi=npi, display=who),) if npi or who else (),
            location_id=None if self._text("location_id") is None else self._id("location_id"),
            location_name=self._text("location_name"),
            is_telehealth=self._flag("telehealth"),
            video_url=self._url("video_url"),
            visit_number=None if self._text("visit_number") is None else self._number("visit_number"),
        )

    def location(self) -> Location:
        kind, phone, line = self._text("type"), self._text("phone"), self._text("line")
        city, state, postal_code = (self._text(name) for name in ("city", "state", "postal_code"))
        is_known = any((line, city, state, postal_code))
        lines = () if line is None else (line,)
        address = Address(line=lines, city=city, state=state, postal_code=postal_code)
        return Location(
            id=self._id("id"),
            status="active",
            name=self._text("name"),
            mode="instance",
            type=() if kind is None else (CodeableConcept(text=kind),),
            telecom=() if phone is None else (ContactPoint(system="phone", value=phone, use="work"),),
            address=address if is_known else None,
        )

    def coverage(self) -> Coverage:
        return Coverage(
            id=self._id("id"),
            patient_mrn=self._mrn(),
            status=self._status(COVERAGE_STATUSES),
            payor=self._text("payor"),
            plan=self._text("plan"),
            subscriber_id=self._text("subscriber_id"),
            period=Period(start=self._day("start"), end=self._day("end")),
        )

    def balance(self) -> Balance:
        amount = self._needed("amount")
        currency = self._text("currency") or self._feed.currency
        if not _AMOUNT.fullmatch(amount):
            raise BadRow(f"{self._column('amount')}: no amount")
        if not _CURRENCY.fullmatch(currency):
            raise BadRow(f"{self._column('currency')}: no currency")
        money = Money(value=amount, currency=currency)
        return Balance(patient_mrn=self._mrn(), amount=money, as_of=self._instant("as_of"))

    def _text(self, name: str) -> str | None:
        column = self._feed.columns.get(name)
        text = None if column is None else self._cells.get(column) or None
        if text is not None and (
            len(text) > _LONGEST or any(ord(c) < 32 and c not in "\n\r\t" for c in text)
        ):
            raise BadRow(f"{column}: too long, or with control characters")
        return text

    def _column(self, name: str) -> str:
        return self._feed.columns.get(name, name)

    def _needed(self, name: str) -> str:
        text = self._text(name)
        if text is None:
            raise BadRow(f"{self._column(name)}: empty")
        return text

    def _id(self, name: str) -> str:
        text = self._needed(name)
        if not _ID.fullmatch(text):
            raise BadRow(f"{self._column(name)}: an id with characters or of a length that are not taken")
        return text

    def _mrn(self) -> Mrn:
        return Mrn(self._number("mrn"))

    def _number(self, name: str) -> str:
        text = self._needed(name)
        if len(text) > 128 or not text.isprintable():
            raise BadRow(f"{self._column(name)}: characters or a length that are not taken")
        return text

    def _status(self, known: frozenset[str]) -> str:
        told = self._needed("status")
        status = self._feed.statuses.get(told, told)
        if status not in known:
            raise BadRow(f"{self._column('status')}: a status that is not known; name it in `statuses`")
        return status

    def _minutes(self) -> int | None:
        text = self._text("minutes")
        if text is not None and (not _MINUTES.fullmatch(text) or int(text) > _LONGEST_MINUTES):
            raise BadRow(f"{self._column('minutes')}: no number of minutes")
        return None if text is None else int(text)

    def _flag(self, name: str) -> bool | None:
        if name not in self._feed.columns:
            return None
        text = (self._text(name) or "").lower()
        if text not in _TRUE | _FALSE:
            raise BadRow(f"{self._column(name)}: neither yes nor no")
        return text in _TRUE

    def _url(self, name: str) -> str | None:
        text = self._text(name)
        if text is not None and not re.fullmatch(r"https://[^\s]{1,2000}", text):
            raise BadRow(f"{self._column(name)}: no https URL")
        return text

    def _instant(self, name: str) -> str | None:
        """A time with an offset, or by the practice's clock; ISO 8601, or as `time_format` has it."""
        text = self._text(name)
        if text is None:
            return None
        try:
            form = self._feed.time_format
            moment = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007
            if moment.tzinfo is not None:
                return moment.isoformat()
            return self._clock.instant(moment.isoformat())
        except (ValueError, OverflowError):
            raise BadRow(f"{self._column(name)}: no time") from None

    def _day(self, name: str) -> str | None:
        text = self._text(name)
        if text is None:
            return None
        try:
            form = self._feed.date_format
            if form is None:
                return date.fromisoformat(text).isoformat()
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            raise BadRow(f"{self._column(name)}: no day") from None


def _after(start: str | None, minutes: int | None) -> str | None:
    if start is None or minutes is None:
        return None
    # By the clock on the wall the offset may be another one then, but it is the same instant.
    return (_moment(start) + timedelta(minutes=minutes)).isoformat()


def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


_RECORDS: Mapping[str, Callable[[Reader], Record]] = {
    "appointments": Reader.appointment,
    "locations": Reader.location,
    "coverages": Reader.coverage,
    "balances": Reader.balance,
}
