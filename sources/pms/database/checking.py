"""Owns what is found of a practice's database when it is tried: tables, rows, and what the account may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from sources.calling import Nonconforming
from sources.errors import SourceRejected
from sources.pms.database.mapping import Table
from sources.ports import Checked

ROWS = 50
"""How many rows of each table are looked at."""

Rows = Callable[[str, int], Awaitable[Sequence[str | None]]]
"""Of a kind of record, up to so many rows: what is wrong with each, or None. Raises: SourceError."""

MayWrite = Callable[[str], Awaitable[bool]]
"""Whether our account may change the table of that kind. Raises: SourceError."""


async def tried(tables: Sequence[Table], rows: Rows, may_write: MayWrite) -> Checked:
    """What is found of these tables, each by itself.

    Raises:
        SourceError: the database does not answer, or does not let us in.
    """
    found = [await _table(table, rows, may_write) for table in tables]
    return Checked(all(each.ok for each in found), tuple(line for each in found for line in each.said))


async def _table(table: Table, rows: Rows, may_write: MayWrite) -> Checked:
    try:
        faults = await rows(table.of, ROWS)
    except (SourceRejected, Nonconforming) as fault:
        why = fault.why if isinstance(fault, SourceRejected) else str(fault)
        columns = ", ".join(f"`{name}`" for name in table.columns.values())
        step = f"see that `{table.name}` is there, has {columns}, and that our account may SELECT them"
        return Checked(False, (f"{table.of} cannot be read: {why}", step))
    bad = Counter(fault for fault in faults if fault is not None)
    lines = [f"{table.of} can be read" if faults else f"{table.of} can be read; there are none"]
    lines += [f"{count} of {len(faults)} rows cannot: {why}" for why, count in bad.most_common(3)]
    if await may_write(table.of):
        lines.append(f"our account may change `{table.name}`; give it SELECT alone")
    return Checked(not bad, tuple(lines))
