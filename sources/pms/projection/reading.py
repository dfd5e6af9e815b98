"""Owns the projection's answers to the ports' questions: each one statement a chunk of keys."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection, Select, Table, func, select, tuple_

from sources.model import Appointment, Change, ChangeKind, ChangeType, Mrn, PatientId, Record
from sources.pms.projection.entries import micros
from sources.pms.projection.tables import (
    FORGOTTEN,
    TOLD,
    UNSCHEDULED,
    appointment,
    appointment_npi,
    journal,
    meta,
    quarantine,
)
from sources.pms.projection.writing import APPOINTMENTS, chunks, surviving
from sources.ports import AppointmentQuery, Listed, Noticed, Page

R = TypeVar("R", bound=Record)

ROWS = 100_000
"""The most appointments one question reads; who asks for more patients' is told that there are more."""

CHANGES = 1_000
"""The most changes one look gives; the next look gives the next."""

_APPOINTMENT = msgspec.json.Decoder(Appointment)


class BadBookmark(Exception):
    """A bookmark is not one of ours, or leads to what is forgotten."""


class Place(NamedTuple):
    """Where a page ends: the digest of its search, and the last row's start and id."""

    search: str
    starts_us: int
    id: str


def by_column(connection: Connection, name: str, keys: Sequence[str]) -> dict[str, Appointment]:
    """The appointments by a column that names one; of a visit with several, the one that was told last."""
    column = appointment.c[name]
    found: dict[str, Appointment] = {}
    for chunk in chunks(dict.fromkeys(keys)):
        asked = select(column, appointment.c.record).where(column.in_(chunk), ~appointment.c.is_deleted)
        rows = connection.execute(asked.order_by(appointment.c.event_us))
        found |= {key: _APPOINTMENT.decode(record) for key, record in rows}
    return found


def of_patients(
    connection: Connection, mrns: Sequence[Mrn], query: AppointmentQuery, most: int = ROWS
) -> dict[Mrn, Listed[Appointment]]:
    """Each patient's appointments, ordered by start; those beyond the first *most* rows are cut off.

    A number that was merged into another is answered with the surviving number's.
    """
    numbers = surviving(connection, mrns)
    found: dict[Mrn, list[Appointment]] = defaultdict(list)
    rows = list(_of_numbers(connection, sorted(set(numbers.values())), query, most))
    for row in rows[:most]:
        found[Mrn(row.mrn)].append(_APPOINTMENT.decode(row.record))
    is_cut = len(rows) > most
    # Rows come by number: from the last one on it is not known whether there are more.
    last = Mrn(rows[most].mrn) if is_cut else None
    lists = {number: Listed(tuple(mine)) for number, mine in found.items()}
    if last is not None:
        cut = {number for number in numbers.values() if number >= last}
        lists |= {number: Listed(tuple(found.get(number, ())), complete=False) for number in cut}
    return {mrn: lists[number] for mrn, number in numbers.items() if number in lists}


def _of_numbers(
    connection: Connection, numbers: Sequence[Mrn], query: AppointmentQuery, most: int
) -> Iterator[Any]:
    left = most + 1
    for chunk in chunks(numbers):
        asked = _narrowed(select(appointment.c.mrn, appointment.c.record), query)
        asked = asked.where(appointment.c.mrn.in_(chunk))
        ordered = asked.order_by(appointment.c.mrn, appointment.c.starts_us, appointment.c.id).limit(left)
        rows = connection.execute(ordered).all()
        yield from rows
        left -= len(rows)
        if left <= 0:
            return


def page(
    connection: Connection, query: AppointmentQuery, count: int, bookmark: str | None
) -> Page[Appointment]:
    """One page of a search, ordered by start and id: rows that come in between move no others.

    Raises:
        BadBookmark: *bookmark* belongs to no search of ours, or to another one.
    """
    search = sha256(msgspec.json.encode(query)).hexdigest()[:16]
    columns = appointment.c
    asked = _narrowed(select(columns.record, columns.starts_us, columns.id), query)
    if query.mrns:
        asked = asked.where(columns.mrn.in_(set(surviving(connection, query.mrns).values())))
    if bookmark is not None:
        place = _opened(bookmark)
        if place.search != search:
            raise BadBookmark
        asked = asked.where(tuple_(columns.starts_us, columns.id) > tuple_(place.starts_us, place.id))
    rows = connection.execute(asked.order_by(columns.starts_us, columns.id).limit(count + 1)).all()
    shown = rows[:count]
    more = len(rows) > count and bool(shown)
    following = _written(Place(search, shown[-1].starts_us, shown[-1].id)) if more else None
    return Page(tuple(_APPOINTMENT.decode(row.record) for row in shown), following)


def _narrowed(asked: Select[Any], query: AppointmentQuery) -> Select[Any]:
    columns = appointment.c
    asked = asked.where(~columns.is_deleted)
    if query.statuses:
        asked = asked.where(columns.status.in_(query.statuses))
    if query.npis:
        with_them = select(appointment_npi.c.appointment_id).where(appointment_npi.c.npi.in_(query.npis))
        asked = asked.where(columns.id.in_(with_them))
    if query.start is not None:
        asked = asked.where(columns.starts_us >= micros(query.start), columns.starts_us < UNSCHEDULED)
    if query.end is not None:
        asked = asked.where(columns.starts_us < micros(query.end))
    return asked


def _written(place: Place) -> str:
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _opened(bookmark: str) -> Place:
    try:
        packed = urlsafe_b64decode(bookmark + "=" * (-len(bookmark) % 4))
        return msgspec.json.decode(packed, type=Place)
    except (binascii.Error, ValueError):
        raise BadBookmark from None


def kept(connection: Connection, table: Table, ids: Sequence[str], kind: type[R]) -> dict[str, R]:
    """The records of *table* with those ids."""
    found: dict[str, R] = {}
    for chunk in chunks(dict.fromkeys(ids)):
        rows = connection.execute(select(table.c.id, table.c.record).where(table.c.id.in_(chunk)))
        found |= {row.id: msgspec.json.decode(row.record, type=kind) for row in rows}
    return found


def of_mrns(connection: Connection, table: Table, mrns: Sequence[Mrn], kind: type[R]) -> dict[Mrn, list[R]]:
    """The records of *table* of each patient who has any."""
    numbers = surviving(connection, mrns)
    found: dict[Mrn, list[R]] = defaultdict(list)
    for chunk in chunks(set(numbers.values())):
        rows = connection.execute(select(table.c.mrn, table.c.record).where(table.c.mrn.in_(chunk)))
        for row in rows:
            found[Mrn(row.mrn)].append(msgspec.json.decode(row.record, type=kind))
    return {mrn: found[number] for mrn, number in numbers.items() if number in found}


def has_been_fed(connection: Connection, kind: str = APPOINTMENTS) -> bool:
    """Whether the feed has told what there is of that kind, so that what is not here is nowhere."""
    return connection.execute(select(meta.c.value).where(meta.c.name == f"fed {kind}")).scalar() is not None


class Known(NamedTuple):
    """What is known of a feed: whether it has told what there is, as of when, and how much it was refused."""

    is_fed: bool
    as_of: str | None
    refused: int


def known(connection: Connection) -> Known:
    """The state of the projection."""
    refused = connection.execute(select(func.count()).select_from(quarantine)).scalar_one()
    return Known(has_been_fed(connection), told_as_of(connection), refused)


def told_as_of(connection: Connection) -> str | None:
    """The instant as of which the feed has told; None before it has."""
    return connection.execute(select(meta.c.value).where(meta.c.name == TOLD)).scalar()


def since(
    connection: Connection, bookmark: str | None, told: Callable[[str, Any], Noticed]
) -> tuple[Sequence[Noticed], str]:
    """What changed after *bookmark*, oldest first, and the bookmark after it.

    Raises:
        BadBookmark: it is none of this store's, or of what this store has lost or forgotten since.
    """
    said = {row.name: row.value for row in connection.execute(select(meta))}
    store, forgotten = said["store"], int(said.get(FORGOTTEN, 0))
    end = connection.execute(select(func.max(journal.c.seq))).scalar() or forgotten
    if bookmark is None:
        return (), f"{store}.{end}"
    whose, _, number = bookmark.partition(".")
    if whose != store or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise BadBookmark
    if not forgotten <= int(number) <= end:
        raise BadBookmark
    asked = select(journal).where(journal.c.seq > int(number)).order_by(journal.c.seq).limit(CHANGES)
    rows = connection.execute(asked).all()
    return [told(store, row) for row in rows], f"{store}.{rows[-1].seq if rows else number}"


def noticed(source: str, store: str, row: Any) -> Noticed:
    """A row of the journal as the port tells it. A patient has no version: its place in the journal tells one
    change of it from the other."""
    is_patient = row.type == ChangeType.PATIENT.value
    change = Change(
        kind=ChangeKind(row.kind),
        type=ChangeType(row.type),
        source=source,
        id=row.record_id,
        patient_id=PatientId(""),
        version=f"{store}.{row.seq}" if is_patient else str(row.version),
        occurred=row.occurred,
        received=row.received,
    )
    return Noticed(change, Mrn(row.mrn))
