"""Owns where the records of each kind of file go in the projection, and which are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, Table, delete, select

from sources.model import Appointment, Balance, Coverage, Location
from sources.pms.files.records import Record
from sources.pms.projection import Booking, Ledger, Outcome
from sources.pms.projection.tables import balance, coverage, location
from sources.pms.projection.writing import chunks


class Told(NamedTuple):
    """A row of a file: the record's key and the record, None if the row says that it is gone."""

    key: str
    record: Record | None
    updated: str | None


class Shelf(Protocol):
    """The records of one kind, in the hands of the projection's writer."""

    def keys(self) -> Iterable[str]:
        """Those of the records that are there."""
        ...

    def put(self, told: Sequence[Told], event: str) -> Sequence[Outcome]:
        """Take them in, as of the instant *event*; what each of them did."""
        ...

    def drop(self, keys: Iterable[str], event: str) -> None:
        """Let go of those records."""
        ...


class Bookings:
    """The appointments."""

    def __init__(self, connection: Connection) -> None:
        self._ledger = Ledger(connection)

    def keys(self) -> Iterable[str]:
        return self._ledger.ids()

    def put(self, told: Sequence[Told], event: str) -> Sequence[Outcome]:
        return self._ledger.book(
            Booking(row.key, event, row.record, updated=row.updated)
            for row in told
            if row.record is None or isinstance(row.record, Appointment)
        )

    def drop(self, keys: Iterable[str], event: str) -> None:
        self._ledger.book(Booking(key, event, None) for key in sorted(keys))


class Others:
    """Locations, coverages or balances: the last file that tells of one counts."""

    def __init__(self, connection: Connection, table: Table, key: ColumnElement[str]) -> None:
        self._connection = connection
        self._table = table
        self._key = key
        self._ledger = Ledger(connection)

    def keys(self) -> Iterable[str]:
        return set(self._connection.execute(select(self._key)).scalars())

    def put(self, told: Sequence[Told], event: str) -> Sequence[Outcome]:
        records = [row.record for row in told if row.record is not None]
        self._ledger.place(record for record in records if isinstance(record, Location))
        self._ledger.cover(record for record in records if isinstance(record, Coverage))
        self._ledger.owe(record for record in records if isinstance(record, Balance))
        return [Outcome.APPLIED] * len(told)

    def drop(self, keys: Iterable[str], event: str) -> None:
        for chunk in chunks(keys):
            self._connection.execute(delete(self._table).where(self._key.in_(chunk)))


def shelf(connection: Connection, kind: str) -> Shelf:
    """Where the records of files of that kind go."""
    if kind == "appointments":
        return Bookings(connection)
    table = _TABLES[kind]
    return Others(connection, table, table.c.mrn if kind == "balances" else table.c.id)


_TABLES: Mapping[str, Table] = {"locations": location, "coverages": coverage, "balances": balance}
