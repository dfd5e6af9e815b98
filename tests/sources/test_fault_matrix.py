"""Every fault of every adapter: what the client sees, in time, and that the adapter works again after it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sources.errors import SourceError
from tests.postgres import PostgresProcess
from tests.sources.matrix.cells import FAULTS, Sees
from tests.sources.matrix.databases import Database
from tests.sources.matrix.page import rendered
from tests.sources.matrix.table import ADAPTERS, DATABASE, MATRIX, MEMORY
from tests.sources.matrix.trying import SAID, Subject, seen, timeout_s, told

pytestmark = pytest.mark.anyio

SLACK_S = 15.0
"""For a busy machine. What does not end by itself, ends a minute later at the earliest."""

CELLS = [
    pytest.param(adapter, fault, id=f"{adapter}: {fault}")
    for adapter, row in MATRIX.items()
    for fault, cell in row.items()
    if cell.sees is not Sees.NO_MATTER
]


def test_every_fault_of_every_adapter_has_its_cell() -> None:
    assert {adapter: list(row) for adapter, row in MATRIX.items()} == {each: list(FAULTS) for each in MATRIX}
    assert set(MATRIX) == {*ADAPTERS, DATABASE, MEMORY}


def test_a_fault_that_does_not_apply_has_a_reason() -> None:
    cells = [cell for row in MATRIX.values() for cell in row.values()]

    assert all(cell.note for cell in cells if cell.sees is Sees.NO_MATTER)


@pytest.mark.parametrize(("adapter", "fault"), CELLS)
async def test_a_fault_costs_what_its_cell_says_and_nothing_once_it_is_over(
    adapter: str, fault: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cell = MATRIX[adapter][fault]
    async with _subject(adapter, request).under(fault, tmp_path) as trial:
        async with asyncio.timeout(trial.times * (timeout_s(fault) + SLACK_S)):
            had = [await seen(trial.ask) for _ in range(trial.times)]
        calls = trial.calls()
        await trial.heal()
        well = told(await trial.ask())

    assert len(well) == 2
    assert not any(isinstance(row, SourceError) for row in well.values())
    assert [one.sees(well) for one in had] == [cell.sees] * trial.times
    assert calls == (None if cell.calls is None else cell.calls * trial.times)
    for error in (error for one in had for error in one.errors):
        assert SAID not in str(error)
        assert error.__cause__ is None


def _subject(adapter: str, request: pytest.FixtureRequest) -> Subject:
    if adapter == DATABASE:
        server: PostgresProcess = request.getfixturevalue("postgres")
        return Database(server.database())
    return ADAPTERS[adapter]


def test_the_page_of_faults_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "faults.md"

    assert page.read_text(encoding="utf-8") == rendered(MATRIX), (
        "run `python -m tests.sources.matrix > docs/faults.md`"
    )
