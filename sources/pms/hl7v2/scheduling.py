"""Owns what a scheduling message (SIU) makes of an appointment. Pure.

A message tells the whole appointment; what it leaves empty stays as it was, what it sets to `""` goes. Of
resources (AIS, AIL, AIP) it tells all, or with an action code (A, U, D) what became of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from sources.model import Appointment, Booked, CodeableConcept, Location, Mrn
from sources.pms.hl7v2 import datatypes
from sources.pms.hl7v2.er7 import Repetition, Segment
from sources.pms.hl7v2.faults import DATA_TYPE, NOT_IN_TABLE, REQUIRED, Fault
from sources.pms.hl7v2.moments import Moments
from sources.pms.hl7v2.settings import Hl7Settings

STATUSES: Mapping[str, str] = {
    "pending": "pending",
    "waitlist": "waitlist",
    "booked": "booked",
    "overbook": "booked",
    "started": "checked-in",
    "complete": "fulfilled",
    "cancelled": "cancelled",
    "discontinued": "cancelled",
    "deleted": "entered-in-error",
    "noshow": "noshow",
}
"""Table 0278 as FHIR's statuses of an appointment. Blocked is none: a slot that is kept free."""

BY_EVENT: Mapping[str, str] = {
    "S15": "cancelled",
    "S16": "cancelled",
    "S17": "entered-in-error",
    "S26": "noshow",
}
"""What an event makes of an appointment where SCH-25 says nothing; other events book."""


AMENDING = frozenset({"S18", "S19", "S20", "S21", "S22"})
"""Events that are about single resources. In others, who writes nothing but A tells all there are: were it
taken for additions, someone who is no longer booked would stay so."""

_NO_FIELD = 99


class Names(NamedTuple):
    """What the two sides call the appointment: its filler (SCH-2) and its placer (SCH-1)."""

    filler: str | None
    placer: str | None


class Span(NamedTuple):
    """When it is."""

    start: str
    end: str | None
    minutes: int | None


class Scheduled:
    """The segments of one scheduling message."""

    def __init__(self, segments: Sequence[Segment], event: str, moments: Moments) -> None:
        self._by_name: dict[str, list[Segment]] = {}
        for segment in segments:
            self._by_name.setdefault(segment.name, []).append(segment)
        self.sch = self._by_name["SCH"][0]
        self.event = event
        self._moments = moments

    def names(self) -> Names:
        """What it is called.

        Raises:
            Fault: it is not named at all.
        """
        filler, placer = self.sch.text(2), self.sch.text(1)
        if filler is None and placer is None:
            raise Fault(REQUIRED, "missing, and so is SCH-1", self.sch.where(2))
        filler = filler and datatypes.identifier(filler, self.sch.where(2))
        placer = placer and datatypes.identifier(placer, self.sch.where(1))
        return Names(filler, placer)

    def applied(self, known: Appointment | None, id_: str, mrn: Mrn, settings: Hl7Settings) -> Appointment:
        """The appointment as it is after this message; *known* is what it was.

        Raises:
            Fault: a value is not of its type, or a new appointment has no time.
        """
        span = self._span()
        before = known or Appointment(id=id_, patient_mrn=mrn, status="booked")
        facts: dict[str, Any] = {"patient_mrn": mrn, "status": self._status(settings.statuses)}
        if span is not None:
            facts |= {"start": span.start, "end": span.end, "minutes_duration": span.minutes}
        elif before.start is None and facts["status"] == "booked":
            raise Fault(REQUIRED, "a booking without a time: none in TQ1-7, SCH-11 or AIS-4")
        facts |= self._reason() | self._service() | self._place() | self._visit()
        facts["booked"] = self._booked(before.booked)
        after = replace(before, **facts)
        return replace(after, is_telehealth=_is_telehealth(after, settings))

    def _all(self, name: str) -> Sequence[Segment]:
        return self._by_name.get(name, ())

    def _status(self, more: Mapping[str, str]) -> str:
        told = self.sch.text(25) or self.sch.text(25, 2)
        if told is None:
            return BY_EVENT.get(self.event, "booked")
        status = more.get(told.lower()) or STATUSES.get(told.lower())
        if status is None:
            raise Fault(NOT_IN_TABLE, "a status that is not known", self.sch.where(25))
        return status

    def _span(self) -> Span | None:
        """From TQ1 (2.5 and later) or SCH-11 (before), or from the service's own time."""
        times: list[tuple[Repetition, int, Repetition, int]] = []
        times += ((tq1.first(7), 1, tq1.first(8), 1) for tq1 in self._all("TQ1")[:1])
        times += [(self.sch.first(11), 4, self.sch.first(11), 5)]
        services = [row for row in self._all("AIS") if _action(row) != "D"]
        times += ((ais.first(4), 1, ais.first(_NO_FIELD), 1) for ais in services[:1])
        for begin, begins, end, ends in times:
            start, over = begin.text(begins), end.text(ends)
            if start is not None:
                start = self._moments.instant(start, begin.where)
                return self._spanned(start, over and self._moments.instant(over, end.where))
        return None

    def _spanned(self, start: str, end: str | None) -> Span:
        length = self._length()
        if end is not None and datetime.fromisoformat(end) < datetime.fromisoformat(start):
            raise Fault(DATA_TYPE, "an end before the start", self.sch.where(11))
        if end is None and length is not None:
            end = (datetime.fromisoformat(start) + timedelta(minutes=length)).isoformat()
        if length is None and end is not None:
            between = datetime.fromisoformat(end) - datetime.fromisoformat(start)
            length = int(between.total_seconds() // 60)
        return Span(start, end, length)

    def _length(self) -> int | None:
        """Minutes, by SCH-9 and 10, or by the service's AIS-7 and 8."""
        candidates = [(self.sch, 9), *((ais, 7) for ais in self._all("AIS") if _action(ais) != "D")]
        for segment, field in candidates:
            text = segment.text(field)
            if text is not None:
                return datatypes.minutes(text, segment.text(field + 1), segment.where(field))
        return None

    def _reason(self) -> dict[str, Any]:
        return _field("reason_code", _concepts(self.sch, 7))

    def _service(self) -> dict[str, Any]:
        """What is done: by AIS or, without one, by the type of the appointment."""
        kept = [row for row in self._all("AIS") if _action(row) != "D"]
        found = tuple(concept for row in kept if (concept := datatypes.concept(row.first(3))) is not None)
        if found or self._all("AIS"):
            return {"service_type": found}
        return _field("service_type", _concepts(self.sch, 8))

    def _place(self) -> dict[str, Any]:
        """Where: by AIL or, without one, by the visit's place (PV1-3)."""
        for segment in self._all("AIL"):
            if _action(segment) != "D":
                return _place(segment)
        if self._all("AIL"):
            return {"location_id": None, "location_name": None}
        return next((_place(segment) for segment in self._all("PV1")), {})

    def _visit(self) -> dict[str, Any]:
        for pv1 in self._all("PV1"):
            number = pv1.value(19)
            if isinstance(number, str):
                return {"visit_number": datatypes.number(number, pv1.where(19))}
            if number is None:
                return {"visit_number": None}
        return {}

    def _booked(self, before: tuple[Booked, ...]) -> tuple[Booked, ...]:
        """Who it is with: all of them are told or, where the message says what became of each, these are."""
        segments = self._all("AIP")
        if not segments:
            return before
        told = [(_action(row), datatypes.practitioner(row.first(3))) for row in segments]
        actions = {action for action, _ in told}
        is_amended = None not in actions and bool(self.event in AMENDING or actions & {"U", "D"})
        people = {_key(row): row for row in before} if is_amended else {}
        for action, person in told:
            if person is not None and action == "D":
                people.pop(_key(person), None)
            elif person is not None:
                people[_key(person)] = person
        return tuple(people.values())


def place(appointment: Appointment) -> Sequence[Location]:
    """The place an appointment is at, as far as it tells of it; none where it has no name."""
    if appointment.location_id is None or appointment.location_name is None:
        return ()
    name = appointment.location_name
    return (Location(id=appointment.location_id, status="active", name=name, mode="instance"),)


def _action(segment: Segment) -> str | None:
    """The action code of a resource: added, deleted, updated, or none.

    Raises:
        Fault: it is another one.
    """
    code = segment.text(2)
    if code not in (None, "A", "D", "U", "X"):
        raise Fault(NOT_IN_TABLE, "an action that is not known", segment.where(2))
    return code


def _concepts(segment: Segment, field: int) -> tuple[CodeableConcept, ...] | None:
    """The concept of a field; () to delete it, None where nothing is told."""
    if segment.first(field).value() is None:
        return ()
    concept = datatypes.concept(segment.first(field))
    return None if concept is None else (concept,)


def _field(name: str, told: object) -> dict[str, Any]:
    return {} if told is None else {name: told}


def _place(segment: Segment) -> dict[str, Any]:
    """A person location (PL): its id is the point of care, or else the facility; its name the description."""
    row = segment.first(3)
    if row.value() is None:
        return {"location_id": None, "location_name": None}
    id_ = row.text(1) or row.text(4)
    if id_ is None:
        return {}
    return {"location_id": datatypes.identifier(id_, row.where), "location_name": row.text(9)}


def _key(person: Booked) -> str:
    return person.npi or person.display or ""


def _is_telehealth(appointment: Appointment, settings: Hl7Settings) -> bool | None:
    """As the facility's codes say; unknown where none are given."""
    if not settings.telehealth_services and not settings.telehealth_locations:
        return None
    codes = {coding.code for concept in appointment.service_type for coding in concept.coding}
    by_service = bool(codes & settings.telehealth_services)
    return by_service or appointment.location_id in settings.telehealth_locations
