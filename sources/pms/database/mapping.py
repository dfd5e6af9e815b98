"""Owns which tables and columns hold what: the fields there are, and where a practice keeps each."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, DateTime, Integer, MetaData, Numeric
from sqlalchemy import Table as Reflected

APPOINTMENTS, LOCATIONS, COVERAGES, BALANCES = "appointments", "locations", "coverages", "balances"

FIELDS: Mapping[str, Mapping[str, bool]] = {
    APPOINTMENTS: {
        "id": True,
        "mrn": True,
        "status": True,
        "start": True,
        "end": False,
        "minutes": False,
        "npi": False,
        "practitioner_name": False,
        "location": False,
        "location_name": False,
        "service_code": False,
        "service_name": False,
        "reason": False,
        "is_telehealth": False,
        "video_url": False,
        "visit": False,
        "updated": False,
        "version": False,
        "is_deleted": False,
        "deleted_at": False,
    },
    LOCATIONS: {
        "id": True,
        "name": True,
        "kind": False,
        "phone": False,
        "line": False,
        "city": False,
        "state": False,
        "postal_code": False,
    },
    COVERAGES: {
        "id": True,
        "mrn": True,
        "is_active": True,
        "payor": False,
        "plan": False,
        "member": False,
        "start": False,
        "end": False,
    },
    BALANCES: {"mrn": True, "amount": True, "currency": True, "as_of": False},
}
"""The fields of each kind of record, and whether a practice has to have a column for them."""


class MappingUnusable(ValueError):
    """The mapping names no table, misses a field or has one that is not known; its text says which."""


@dataclass(frozen=True)
class Table:
    """Where a practice keeps the records *of* one kind: a table or view, and a column for each field it has.

    Raises:
        MappingUnusable: a field is missing or unknown.
    """

    of: str
    name: str
    columns: Mapping[str, str]

    def __post_init__(self) -> None:
        known = FIELDS[self.of]
        for unknown in sorted(self.columns.keys() - known):
            near = difflib.get_close_matches(unknown, known, n=1)
            advice = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
            raise MappingUnusable(f"`{unknown}` is no field of {self.of}; {advice}")
        missing = [name for name, is_needed in known.items() if is_needed and name not in self.columns]
        if missing:
            raise MappingUnusable(f"{self.of} need a column for {', '.join(f'`{name}`' for name in missing)}")

    def has(self, name: str) -> bool:
        """Whether there is a column for that field."""
        return name in self.columns


class There:
    """A table as the database describes it: each field's column, with its type."""

    def __init__(self, table: Table, columns: Mapping[str, ColumnElement[Any]]) -> None:
        self._columns = {field: columns[name] for field, name in table.columns.items()}

    @classmethod
    def reflected(cls, table: Table, connection: Connection) -> There:
        """The table as it is found by *connection*.

        Raises:
            NoSuchTableError: it is not there.
            KeyError: one of its columns is not.
        """
        schema, _, name = table.name.rpartition(".")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of columns that are not mapped, and whose types are not known
            found = Reflected(
                name,
                MetaData(),
                schema=schema or None,
                autoload_with=connection,
                include_columns=list(table.columns.values()),
                resolve_fks=False,
            )
        return cls(table, dict(found.c.items()))

    def has(self, name: str) -> bool:
        """Whether there is a column for that field."""
        return name in self._columns

    def column(self, name: str) -> ColumnElement[Any]:
        """The column of a field."""
        return self._columns[name]

    def value(self, name: str, written: str | int) -> object:
        """A value of a field, as its column has it.

        Raises:
            ValueError: the column can hold no such value.
        """
        kind = self.column(name).type
        if isinstance(kind, DateTime):
            return datetime.fromisoformat(str(written))
        if isinstance(kind, Integer | Numeric):
            return int(written)
        return str(written)
