"""Whether an adapter gives a practice's book back as it was stored, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.records import Dataset
from sources.memory import MemoryPractice
from sources.model import Appointment, Balance, Coverage, Location, Mrn
from sources.ports import AppointmentQuery, Listed
from tests.interop.programs import same
from tests.sources.practice import appointments, as_model, balances, coverages, locations

_BOOKED, _PLACE, _COVERED, _OWED = (
    frozenset(kind.__struct_fields__) - {"meta"} for kind in (Appointment, Location, Coverage, Balance)
)
QUERIES = (
    AppointmentQuery(),
    AppointmentQuery(start="2026-01-01T00:00:00-06:00", end="2026-07-01T00:00:00Z"),
    AppointmentQuery(statuses=("fulfilled", "noshow")),
)


async def compared(
    practice: Any, held: Dataset, queries: Sequence[AppointmentQuery] = QUERIES, *, stamped: bool = True
) -> int:
    """How many rows were compared. Not *stamped*: the server says itself when it stored a row.

    Raises:
        Disagreement: one is not as it was stored.
        SourceError: one could not be had.
    """
    book = [_plain(row, stamped) for row in appointments(held)]
    mrns = [Mrn(row["mrn"]) for row in held.pms.patients]
    memory = MemoryPractice(book)
    found = await practice.appointments([*(row.id for row in book), "none"], _BOOKED)
    same({key: _plain(row, stamped) for key, row in found.items()}, {row.id: row for row in book}, "by id")
    count = len(book)
    for query in queries:
        asked = await practice.appointments_of(mrns, query, _BOOKED)
        expected = _rows(await memory.appointments_of(mrns, query, _BOOKED), stamped)
        same(_rows(asked, stamped), expected, "appointments of patients")
        count += sum(map(len, expected.values()))
    return count + await _others(practice, held, mrns, stamped)


async def _others(practice: Any, held: Dataset, mrns: Sequence[Mrn], stamped: bool) -> int:
    """Places, and what is covered and owed."""
    places = {row.id: row for row in locations(held)}
    found = await practice.locations([*places, "999999"], _PLACE)
    same({key: _plain(row) for key, row in found.items()}, places, "locations")
    covered = {row.id: row for row in coverages(held)}
    listed = _rows(await practice.coverages_of(mrns, _COVERED))
    same({id_: row for mine in listed.values() for id_, row in mine.items()}, covered, "coverages")
    owed = {row.patient_mrn: _owed(row, stamped) for row in balances(held)}
    said = await practice.balances(mrns, _OWED)
    same({key: _owed(row, stamped) for key, row in said.items()}, owed, "balances")
    return len(places) + len(covered) + len(owed)


def _owed(row: Any, stamped: bool) -> Any:
    """An amount by its value: a server in JavaScript keeps 0.00 as 0."""
    row = as_model(row)
    amount = (Decimal(row.amount.value), row.amount.currency)
    return (amount, row.as_of) if stamped else amount


def _rows(found: Any, stamped: bool = True) -> dict[str, Any]:
    return {
        key: {row.id: _plain(row, stamped) for row in mine.rows}
        if isinstance(mine, Listed) and mine.complete
        else str(mine)[:200]
        for key, mine in found.items()
    }


def _plain(row: Any, stamped: bool = True) -> Any:
    """*row* as the model has it, without what a server says of its own keeping."""
    row = as_model(row)
    if isinstance(row, Appointment) and not stamped:
        return msgspec.structs.replace(row, last_updated=None, version=None)
    return msgspec.structs.replace(row, meta=None) if hasattr(row, "meta") else row
