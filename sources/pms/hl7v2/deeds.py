"""Owns what a message comes to: what is to be done to the projection, told before anything is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sources.model import Appointment, Mrn
from sources.pms.hl7v2 import datatypes, persons, scheduling
from sources.pms.hl7v2.er7 import Message, Segment
from sources.pms.hl7v2.faults import DATA_TYPE, REQUIRED, UNKNOWN_KEY, Fault
from sources.pms.hl7v2.grammar import Kind, kind_of, read_segments
from sources.pms.hl7v2.header import Header, check
from sources.pms.hl7v2.moments import Moments
from sources.pms.hl7v2.scheduling import Names, Scheduled
from sources.pms.hl7v2.settings import Hl7Settings
from sources.pms.projection import Booking, Charted, Ledger, Merged, Outcome


class Chart(NamedTuple):
    """To amend a patient's demographics."""

    mrn: Mrn
    event: str
    facts: persons.Facts

    def done(self, ledger: Ledger) -> Outcome:
        patient = persons.amended(ledger.patient(self.mrn), self.mrn, self.facts)
        return ledger.chart(Charted(self.mrn, self.event, patient))


class Merge(NamedTuple):
    """To make two charts one."""

    merged: Merged

    def done(self, ledger: Ledger) -> Outcome:
        return ledger.merge(self.merged)


class Book(NamedTuple):
    """To write an appointment into the book."""

    names: Names
    mrn: Mrn
    event: str
    scheduled: Scheduled
    settings: Hl7Settings

    def done(self, ledger: Ledger) -> Outcome:
        """Raises: Fault, if what was known and what is told do not make an appointment."""
        known = ledger.named(*self.names)
        id_ = known.id if known is not None else self._id(ledger)
        appointment = self.scheduled.applied(known, id_, self.mrn, self.settings)
        booking = Booking(id_, self.event, appointment, self.names.filler, self.names.placer)
        outcome = ledger.book([booking])[0]
        if outcome is Outcome.APPLIED:
            ledger.place(scheduling.place(appointment))
        return outcome

    def _id(self, ledger: Ledger) -> str:
        """The filler's name, for good; the placer's counts apart, so that it is told apart."""
        id_ = self.names.filler or f"placer.{self.names.placer}"
        if ledger.appointment(id_) is not None:
            raise Fault(UNKNOWN_KEY, "a name that two appointments have", self.scheduled.sch.where(2))
        return datatypes.identifier(id_, self.scheduled.sch.where(1))


Deed = Chart | Merge | Book

_ANY = Appointment(id="any", patient_mrn=Mrn("any"), status="booked", start="2000-01-01T00:00:00+00:00")
"""What stands for whatever is known of an appointment, to try a message on."""


def deeds(message: Message, settings: Hl7Settings) -> Sequence[Deed]:
    """What *message* comes to; nothing, where it is of no patient's appointment.

    Raises:
        Fault: it cannot be taken.
    """
    header = Header.of(message.header)
    check(header, message.header, settings.processing_id)
    _check_sender(message.header, settings)
    kind = kind_of(header)
    segments = read_segments(message, kind)
    reading = _Reading(segments, header, settings)
    return _READ[kind](reading)


def _check_sender(msh: Segment, settings: Hl7Settings) -> None:
    for field, expected in ((3, settings.application), (4, settings.facility)):
        if expected is not None and msh.text(field) != expected:
            raise Fault(UNKNOWN_KEY, "a sender that is not expected", msh.where(field))


class _Reading:
    def __init__(self, segments: Sequence[Segment], header: Header, settings: Hl7Settings) -> None:
        self._segments = segments
        self._header = header
        self._settings = settings
        self._moments = Moments(settings.time_zone, header.moment)

    def person(self) -> Sequence[Deed]:
        """A patient's demographics, new or changed."""
        (pid,) = self._named("PID")
        return [Chart(self._mrn(pid, 3), self._event(), persons.told(pid))]

    def merge(self) -> Sequence[Deed]:
        """Pairs of charts that become one each: PID tells which one survives, MRG which does not."""
        event = self._event()
        deeds: list[Deed] = []
        for pid, mrg in zip(self._named("PID"), self._named("MRG"), strict=True):
            surviving, retired = self._mrn(pid, 3), self._mrn(mrg, 1)
            if surviving == retired:
                raise Fault(DATA_TYPE, "a chart that is merged into itself", mrg.where(1))
            deeds += [Merge(Merged(surviving, retired, event)), Chart(surviving, event, persons.told(pid))]
        return deeds

    def booking(self) -> Sequence[Deed]:
        """An appointment, new or changed."""
        (pid,) = self._named("PID")
        scheduled = Scheduled(self._segments, self._header.event, self._moments)
        book = Book(scheduled.names(), self._mrn(pid, 3), self._event(), scheduled, self._settings)
        # What is wrong with it shows now, before anything is answered, whatever is known of it.
        scheduled.applied(_ANY, _ANY.id, book.mrn, self._settings)
        return [book]

    def blocking(self) -> Sequence[Deed]:
        """Slots that are kept free are no one's appointments."""
        return []

    def _named(self, name: str) -> list[Segment]:
        return [segment for segment in self._segments if segment.name == name]

    def _mrn(self, segment: Segment, field: int) -> Mrn:
        return datatypes.mrn(segment, field, self._settings.mrn_type, self._settings.mrn_authority)

    def _event(self) -> str:
        """When it happened: as EVN-2 has it, or else when the message was made."""
        segment, field = self._segments[0], 7
        for evn in self._named("EVN"):
            if evn.text(2) is not None:
                segment, field = evn, 2
        text = segment.text(field)
        if text is None:
            raise Fault(REQUIRED, "missing", segment.where(field))
        event = self._moments.instant(text, segment.where(field))
        ahead = datetime.fromisoformat(event) - datetime.now(UTC)
        if ahead.total_seconds() > self._settings.future_s:
            raise Fault(DATA_TYPE, "a time that is still to come", segment.where(field))
        return event


_READ: dict[Kind, Callable[[_Reading], Sequence[Deed]]] = {
    Kind.PERSON: _Reading.person,
    Kind.MERGE: _Reading.merge,
    Kind.BOOKING: _Reading.booking,
    Kind.BLOCKING: _Reading.blocking,
}
