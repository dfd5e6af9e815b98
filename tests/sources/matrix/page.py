"""Owns the matrix as a page for operators, docs/faults.md."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from tests.sources.matrix.cells import FAULTS, Cell, Fault, Row, Sees

HEAD = """\
# What a client sees when a source fails

Whatever a source does wrong costs its own fields, by an error of the [closed table](errors.md) that names the
source, at the field's path; all else stands. No error holds anything that a source said. Nothing outlasts the
source's `timeout_s`, retries included, and once the fault is over the next question is answered.

This page is made from the table of the tests (`tests/sources/matrix/table.py`), which try each line of it
over real sockets: two patients are asked for, and faults of a single row are in the first one's.
A source of each role is tried through the whole gateway as well, with what `extensions.sources` says of it
(`tests/stories/test_story_fault_matrix.py`).

"Asked" is how often one question reached the source. After five failures in a row it is left alone for a
while, and is not asked at all: see [how sources are called](sources/calling.md).
"""
COUNTS = {0: "not at all", 1: "once", 2: "twice"}


def rendered(matrix: Mapping[str, Row]) -> str:
    """The page: for each fault, who sees what, and what an operator does."""
    sections = (_section(name, fault, matrix) for name, fault in FAULTS.items())
    return "\n".join([HEAD, *sections])


def _section(name: str, fault: Fault, matrix: Mapping[str, Row]) -> str:
    groups: dict[Cell, list[str]] = {}
    for adapter, row in matrix.items():
        groups.setdefault(row[name], []).append(adapter)
    lines = [f"| {_names(adapters)} | {' | '.join(_told(cell))} |" for cell, adapters in groups.items()]
    return "\n".join(
        [
            f"## {name[0].upper()}{name[1:]}",
            "",
            f"{fault.what[0].upper()}{fault.what[1:]}. *Do:* {fault.do}",
            "",
            "| source | the client sees | asked | |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )


def _told(cell: Cell) -> tuple[str, str, str]:
    if cell.sees is Sees.NO_MATTER:
        return "does not apply", "", cell.note
    asked = "" if cell.calls is None else COUNTS.get(cell.calls, f"{cell.calls} times")
    return cell.sees.value, asked, cell.note


def _names(adapters: list[str]) -> str:
    """The adapters, those of a role together: `CRM: HubSpot, Salesforce`."""
    return "; ".join(_by_role(adapters))


def _by_role(adapters: list[str]) -> Iterator[str]:
    for role, names in itertools.groupby(adapters, lambda name: name.partition(": ")[0]):
        rest = [name.partition(": ")[2].replace(", ", " by ") for name in names]
        yield f"{role}: {', '.join(rest)}" if any(rest) else role
