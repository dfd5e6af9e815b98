"""Owns what events do to the projection, within one transaction: all of them, or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, insert, select, true, update

from sources.model import Appointment, Balance, ChangeKind, ChangeType, Coverage, Location, Mrn, Patient
from sources.pms.projection.entries import Booking, Charted, Merged, digest, micros, starts_us
from sources.pms.projection.tables import (
    TOLD,
    appointment,
    appointment_npi,
    balance,
    coverage,
    journal,
    location,
    meta,
    patient,
    retired,
)

T = TypeVar("T")
B = TypeVar("B", Coverage, Balance)

CHUNK = 500
"""How many keys go into one statement."""

APPOINTMENTS = "appointments"


class Outcome(Enum):
    """What became of an event."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    STALE = "stale"


class Ledger:
    """The projection, in the hands of its writer for one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._received = datetime.now(UTC).isoformat(timespec="milliseconds")

    def surviving(self, mrns: Iterable[Mrn]) -> dict[Mrn, Mrn]:
        """The number under which each patient's records are kept now."""
        return surviving(self._connection, mrns)

    def appointment(self, id_: str) -> Appointment | None:
        """The appointment of that id."""
        return self._appointment(appointment.c.id == id_)

    def named(self, filler_id: str | None, placer_id: str | None) -> Appointment | None:
        """The appointment that the filler knows by *filler_id* or, if the filler has named none so, the one
        placed as *placer_id* that has no other name of the filler's."""
        found = None
        if filler_id is not None:
            found = self._appointment(appointment.c.filler_id == filler_id)
        if found is None and placer_id is not None:
            is_free = appointment.c.filler_id.is_(None) if filler_id is not None else true()
            found = self._appointment((appointment.c.placer_id == placer_id) & is_free)
        return found

    def _appointment(self, where: ColumnElement[bool]) -> Appointment | None:
        asked = select(appointment.c.record).where(where, ~appointment.c.is_deleted)
        record = self._connection.execute(asked.order_by(appointment.c.event_us.desc())).scalar()
        return None if record is None else msgspec.json.decode(record, type=Appointment)

    def patient(self, mrn: Mrn) -> Patient | None:
        """The demographics kept of that patient."""
        number = self.surviving([mrn])[mrn]
        record = self._connection.execute(select(patient.c.record).where(patient.c.mrn == number)).scalar()
        return None if record is None else msgspec.json.decode(record, type=Patient)

    def ids(self) -> set[str]:
        """The ids of all appointments that are not deleted."""
        return set(
            self._connection.execute(select(appointment.c.id).where(~appointment.c.is_deleted)).scalars()
        )

    def book(self, bookings: Iterable[Booking]) -> list[Outcome]:
        """Take them in, in this order; what each of them did. Changes go into the journal."""
        outcomes: list[Outcome] = []
        for chunk in chunks(bookings):
            # Of two for one appointment the second is judged by the first.
            for alone in _distinct(chunk):
                outcomes += self._book(alone)
        return outcomes

    def _book(self, bookings: Sequence[Booking]) -> list[Outcome]:
        kept = self._kept([booking.id for booking in bookings])
        numbers = self.surviving(it.appointment.patient_mrn for it in bookings if it.appointment)
        changes = [_Change(booking, kept.get(booking.id), numbers) for booking in bookings]
        self._store([change for change in changes if change.outcome is Outcome.APPLIED])
        self._seen([change for change in changes if change.outcome is Outcome.UNCHANGED])
        return [change.outcome for change in changes]

    def _kept(self, ids: Sequence[str]) -> Mapping[str, Row[Any]]:
        rows = self._connection.execute(select(appointment).where(appointment.c.id.in_(ids)))
        return {row.id: row for row in rows}

    def _seen(self, changes: Sequence[_Change]) -> None:
        """Remember events that changed nothing: what is older is stale, and the names they tell are known."""
        alike: dict[tuple[tuple[str, Any], ...], list[str]] = {}
        for change in changes:
            booking = change.booking
            names = {"filler_id": booking.filler_id, "placer_id": booking.placer_id}
            told = {name: value for name, value in names.items() if value is not None}
            alike.setdefault(tuple({"event_us": change.event_us, **told}.items()), []).append(booking.id)
        for values, ids in alike.items():
            self._connection.execute(
                update(appointment).where(appointment.c.id.in_(ids)).values(**dict(values))
            )

    def _store(self, changes: Sequence[_Change]) -> None:
        ids = [change.booking.id for change in changes]
        if not ids:
            return
        run = self._connection.execute
        run(delete(appointment).where(appointment.c.id.in_(ids)))
        run(delete(appointment_npi).where(appointment_npi.c.appointment_id.in_(ids)))
        run(insert(appointment), [change.row() for change in changes])
        npis = [{"npi": npi, "appointment_id": it.booking.id} for it in changes for npi in it.npis()]
        if npis:
            run(insert(appointment_npi), npis)
        run(insert(journal), [{**change.noticed(), "received": self._received} for change in changes])

    def chart(self, charted: Charted) -> Outcome:
        """Take in a patient's demographics."""
        mrn = self.surviving([charted.mrn])[charted.mrn]
        event_us, sum_ = micros(charted.event), digest(charted.patient)
        kept = self._connection.execute(select(patient).where(patient.c.mrn == mrn)).first()
        if kept is not None and event_us < kept.event_us:
            return Outcome.STALE
        self._put(
            patient,
            {"mrn": mrn},
            record=msgspec.json.encode(charted.patient),
            digest=sum_,
            event_us=event_us,
            version=1 if kept is None else kept.version + 1,
        )
        if kept is not None and kept.digest == sum_:
            return Outcome.UNCHANGED
        self._patient_changed(mrn, charted.event)
        return Outcome.APPLIED

    def _patient_changed(self, mrn: Mrn, event: str) -> None:
        """It is known by its number alone: what the EHR calls the patient, the house finds out."""
        row = {
            "type": ChangeType.PATIENT.value,
            "kind": ChangeKind.UPDATED.value,
            "record_id": "",
            "mrn": mrn,
            "version": 0,
            "occurred": event,
            "received": self._received,
        }
        self._connection.execute(insert(journal).values(**row))

    def merge(self, merged: Merged) -> Outcome:
        """Make the retired number another one of the surviving, with all that is kept under it.

        Numbers that were merged into the retired one before go along. A merge that turns an earlier one
        round makes the other number the surviving one. Nothing is deleted.
        """
        event_us, one, other = micros(merged.event), merged.surviving, merged.retired
        earlier = retired.c.mrn.in_((one, other)) & (retired.c.event_us > event_us)
        if one == other or self._connection.execute(select(retired.c.mrn).where(earlier)).first():
            return Outcome.STALE
        numbers = self.surviving((one, other))
        is_reversal = numbers[one] == other
        survivor = one if is_reversal else numbers[one]
        run = self._connection.execute
        if is_reversal:
            run(delete(retired).where(retired.c.mrn == one))
        run(update(retired).where(retired.c.surviving == other).values(surviving=survivor))
        self._put(retired, {"mrn": other}, surviving=survivor, event_us=event_us)
        self._move(other, survivor, merged.event)
        for mrn in (survivor, other):
            self._patient_changed(mrn, merged.event)
        return Outcome.APPLIED

    def _move(self, old: Mrn, new: Mrn, event: str) -> None:
        rows = self._connection.execute(select(appointment).where(appointment.c.mrn == old)).all()
        self._store([_Moved(row, new, event) for row in rows if not row.is_deleted])
        self._rewrite(coverage, old, new, Coverage)
        owed = self._connection.execute(select(balance.c.mrn).where(balance.c.mrn == new)).first()
        if owed is None:
            self._rewrite(balance, old, new, Balance)

    def _rewrite(self, table: Table, old: Mrn, new: Mrn, kind: type[Coverage] | type[Balance]) -> None:
        for row in self._connection.execute(select(table).where(table.c.mrn == old)).all():
            record = replace(msgspec.json.decode(row.record, type=kind), patient_mrn=new)
            here = table.c.record == row.record
            changed = update(table).where(table.c.mrn == old, here)
            self._connection.execute(changed.values(mrn=new, record=msgspec.json.encode(record)))

    def place(self, locations: Iterable[Location]) -> None:
        """Keep these places, in place of what was kept of them."""
        rows = [{"id": record.id, "record": msgspec.json.encode(record)} for record in locations]
        self._replace(location, "id", rows)

    def cover(self, coverages: Iterable[Coverage]) -> None:
        """Keep these coverages, in place of what was kept of them."""
        rows = [
            {"id": record.id, "mrn": record.patient_mrn, "record": msgspec.json.encode(record)}
            for record in self._surviving(coverages)
        ]
        self._replace(coverage, "id", rows)

    def owe(self, balances: Iterable[Balance]) -> None:
        """Keep these balances, in place of what was kept of them."""
        rows = [
            {"mrn": record.patient_mrn, "record": msgspec.json.encode(record)}
            for record in self._surviving(balances)
        ]
        self._replace(balance, "mrn", rows)

    def fed(self, kind: str = APPOINTMENTS) -> None:
        """Remember that the feed has told what there is of that kind: none is an answer from now on."""
        self._put(meta, {"name": f"fed {kind}"}, value=self._received)

    def told(self, as_of: str | None = None) -> None:
        """Remember that the feed has told what there is as of that instant (None: of now), or a later one."""
        instant = as_of or self._received
        before = self._connection.execute(select(meta.c.value).where(meta.c.name == TOLD)).scalar()
        if before is None or micros(before) < micros(instant):
            self._put(meta, {"name": TOLD}, value=instant)

    def _surviving(self, records: Iterable[B]) -> list[B]:
        """The records under the numbers that are in use now."""
        every = list(records)
        numbers = self.surviving(record.patient_mrn for record in every)
        return [replace(record, patient_mrn=numbers[record.patient_mrn]) for record in every]

    def _replace(self, table: Table, key: str, rows: Iterable[dict[str, Any]]) -> None:
        """Put these rows in place of those with the same keys; of two with one key the later counts."""
        for chunk in chunks({row[key]: row for row in rows}.values()):
            self._connection.execute(delete(table).where(table.c[key].in_([row[key] for row in chunk])))
            self._connection.execute(insert(table), chunk)

    def _put(self, table: Table, key: dict[str, Any], **values: Any) -> None:
        here = and_(*(table.c[name] == value for name, value in key.items()))
        changed = self._connection.execute(update(table).where(here).values(**values))
        if changed.rowcount == 0:
            self._connection.execute(insert(table).values(**key, **values))


class _Change:
    """What one booking comes to, in the light of what is kept."""

    def __init__(self, booking: Booking, kept: Row[Any] | None, numbers: Mapping[Mrn, Mrn]) -> None:
        self.booking, self.kept = booking, kept
        self.event_us = micros(booking.event)
        self.version = 1 if kept is None else kept.version + 1
        told = booking.appointment
        self.record = told and replace(
            told,
            id=booking.id,
            patient_mrn=numbers[told.patient_mrn],
            version=str(self.version),
            last_updated=booking.updated or booking.event,
        )
        self.digest = b"" if self.record is None else digest(self.record)
        self.outcome = self._outcome()

    def _outcome(self) -> Outcome:
        kept = self.kept
        if kept is None:
            return Outcome.APPLIED if self.record is not None else Outcome.UNCHANGED
        if self.event_us < kept.event_us:
            return Outcome.STALE
        return Outcome.UNCHANGED if kept.digest == self.digest else Outcome.APPLIED

    def npis(self) -> set[str]:
        return set() if self.record is None else set(self.record.npis)

    def row(self) -> dict[str, Any]:
        record, kept = self.record, self.kept
        return {
            "id": self.booking.id,
            "filler_id": self.booking.filler_id or (None if kept is None else kept.filler_id),
            "placer_id": self.booking.placer_id or (None if kept is None else kept.placer_id),
            "mrn": record.patient_mrn if record is not None else kept and kept.mrn,
            "status": "" if record is None else record.status,
            "starts_us": 0 if record is None else starts_us(record),
            "visit_number": None if record is None else record.visit_number,
            "record": b"" if record is None else msgspec.json.encode(record),
            "digest": self.digest,
            "event_us": self.event_us,
            "version": self.version,
            "is_deleted": record is None,
        }

    def noticed(self) -> dict[str, Any]:
        row = self.row()
        kind = ChangeKind.UPDATED
        if row["is_deleted"]:
            kind = ChangeKind.DELETED
        elif self.kept is None or self.kept.is_deleted:
            kind = ChangeKind.CREATED
        return {
            "type": ChangeType.APPOINTMENT.value,
            "kind": kind.value,
            "record_id": self.booking.id,
            "mrn": row["mrn"],
            "version": self.version,
            "occurred": self.booking.updated or self.booking.event,
        }


class _Moved(_Change):
    """An appointment that changes its patient and nothing else; its own event stays the last of its own."""

    def __init__(self, kept: Row[Any], mrn: Mrn, event: str) -> None:
        record = msgspec.json.decode(kept.record, type=Appointment)
        super().__init__(Booking(kept.id, event, replace(record, patient_mrn=mrn)), kept, {mrn: mrn})

    def row(self) -> dict[str, Any]:
        assert self.kept is not None  # noqa: S101 (it was given)
        return {**super().row(), "event_us": self.kept.event_us}


def surviving(connection: Connection, mrns: Iterable[Mrn]) -> dict[Mrn, Mrn]:
    """The number under which each patient's records are kept now: their own, but for those merged away."""
    asked = list(dict.fromkeys(mrns))
    found = {mrn: mrn for mrn in asked}
    for chunk in chunks(asked):
        rows = connection.execute(select(retired.c.mrn, retired.c.surviving).where(retired.c.mrn.in_(chunk)))
        found |= {Mrn(row.mrn): Mrn(row.surviving) for row in rows}
    return found


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """*items* in lists that one statement takes."""
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _distinct(bookings: Sequence[Booking]) -> Iterator[list[Booking]]:
    """Runs of them in which no id comes twice."""
    run: list[Booking] = []
    seen: set[str] = set()
    for booking in bookings:
        if booking.id in seen:
            yield run
            run, seen = [], set()
        run.append(booking)
        seen.add(booking.id)
    yield run
