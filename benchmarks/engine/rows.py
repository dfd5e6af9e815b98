"""The rows both executors read: a worklist of patients, a tree, a flat list; and the queries over them."""

from __future__ import annotations

from typing import Any

import msgspec


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of ten attributes and its key."""

    id: str
    a: str
    b: str
    c: str
    d: str
    e: int
    f: int
    g: float
    h: bool
    i: str | None


class Owner(msgspec.Struct, frozen=True):
    """A patient of the worklist; `id` is the key of its edges."""

    id: str
    family: str
    given: str
    birth_date: str
    gender: str


def row(prefix: str, number: int) -> Row:
    """The row *number* under *prefix*, the same each time."""
    name = f"{prefix}-{number}"
    return Row(name, f"a{name}", "booked", "2026-11-22T10:00:00Z", "Video visit", number, 30, 0.5, True, None)


PATIENTS = tuple(Owner(f"p{n}", f"Family{n}", "Given", "1980-01-01", "female") for n in range(50))
APPOINTMENTS = {p.id: tuple(row(f"{p.id}-a", n) for n in range(3)) for p in PATIENTS}
ENCOUNTERS = {p.id: tuple(row(f"{p.id}-e", n) for n in range(4)) for p in PATIENTS}
CONTACTS = {p.id: row(f"{p.id}-c", 0) for p in PATIENTS}
FLAT = tuple(row("flat", n) for n in range(1000))
CHILDREN: dict[str, tuple[Row, ...]] = {}


def _grow(parent: str, levels: int) -> None:
    CHILDREN[parent] = tuple(row(parent, n) for n in range(6))
    if levels > 1:
        for child in CHILDREN[parent]:
            _grow(child.id, levels - 1)


_grow("root", 4)

LEAVES = "id a b c d e f g h i"
QUERIES = {
    "flat object": f"{{ one {{ {LEAVES} }} }}",
    "worklist of 50 × (3 + 4 + 1)": f"""{{ patients {{ id family given birthDate gender
        appointments {{ {LEAVES} }} encounters {{ {LEAVES} }} contact {{ {LEAVES} }} }} }}""",
    "four levels deep": "{ tree { id a children { id a children { id a children { id a } } } } }",
    "1,000 rows × 10 leaves": f"{{ flat {{ {LEAVES} }} }}",
}


def many(found: dict[str, Any], keys: list[str]) -> list[Any]:
    """What a loader gives: a value for each key, in order."""
    return [found.get(key, ()) for key in keys]
