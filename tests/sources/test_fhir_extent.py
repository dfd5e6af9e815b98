"""How much is read of one search: as many rows however small the pages; and what is there now."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataset import Dataset, generate
from sandbox.ehr.quirks import HAPI, Quirks
from sources.fhir.extent import SMALLER, Extent
from sources.fhir.settings import Strategy
from sources.model import Condition, PatientId
from sources.ports import Listed, Narrowing
from tests.sources.fhir_servers import TOKEN, records_of, serving

CODE = frozenset({"code"})
P1, P2 = PatientId("p1"), PatientId("p2")


def condition(number: int, patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"text": "Hypertension"},
    }


def held(rows: int) -> Dataset:
    """Two patients who have *rows* conditions between them, one more than the other at most."""
    dataset = generate(1)
    for id_ in ("p1", "p2"):
        dataset.add({"resourceType": "Patient", "id": id_})
    for number in range(rows):
        dataset.add(condition(number, f"p{number % 2 + 1}"))
    return dataset


async def listed(url: str, **settings: Any) -> dict[PatientId, tuple[int, bool]]:
    """How many conditions each patient is said to have, and whether these are said to be all."""
    records = records_of(url, **settings)
    try:
        found = await records.of_patients(Condition, [P1, P2], Narrowing(), CODE)
    finally:
        await records.close()
    assert all(isinstance(rows, Listed) for rows in found.values()), found
    return {patient: (len({row.id for row in rows.rows}), rows.complete) for patient, rows in found.items()}  # type: ignore[union-attr]


async def stored(url: str, resource: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        answer = await client.put(f"{url}/{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code == 201


@pytest.mark.anyio
@pytest.mark.parametrize("strategy", ["or-list", "batch", "parallel"])
async def test_a_server_that_makes_small_pages_is_read_to_the_end(strategy: Strategy) -> None:
    with serving(held(2_400), HAPI) as url:
        assert await listed(url, vendor="hapi", strategy=strategy) == {P1: (1_200, True), P2: (1_200, True)}


@pytest.mark.anyio
async def test_a_list_is_cut_at_as_many_rows_as_full_pages_hold_and_said_to_be() -> None:
    with serving(held(300), HAPI) as url:
        found = await listed(url, vendor="hapi", page_size=100, page_limit=2)

    assert [complete for _, complete in found.values()] == [False, False]
    assert sum(rows for rows, _ in found.values()) == 200


@pytest.mark.anyio
async def test_pages_of_a_few_rows_are_not_read_for_ever() -> None:
    with serving(held(50), Quirks(largest_page=1)) as url:
        found = await listed(url, strategy="or-list", page_limit=2)

    assert sum(rows for rows, _ in found.values()) == 2 * SMALLER
    assert not any(complete for _, complete in found.values())


@pytest.mark.anyio
@pytest.mark.parametrize("search", ["post", "get"])
@pytest.mark.parametrize("strategy", ["or-list", "batch", "parallel"])
async def test_what_was_recorded_a_moment_ago_is_found_where_searches_are_kept(
    strategy: Strategy, search: str
) -> None:
    asked = {"vendor": "hapi", "strategy": strategy, "search": search}
    with serving(held(3), HAPI) as url:
        before = await listed(url, **asked)
        await stored(url, {**condition(0, "p2"), "id": "new"})
        after = await listed(url, **asked)

    assert before == {P1: (2, True), P2: (1, True)}
    assert after == {P1: (2, True), P2: (2, True)}


@given(st.integers(1, 50), st.integers(1, 1_000), st.integers(0, 1_000))
def test_reading_ends_on_pages_of_any_size_and_never_before_the_pages_asked_for(
    limit: int, size: int, rows_a_page: int
) -> None:
    extent, pages = Extent(limit, size), 1
    while extent.has_room(pages, pages * rows_a_page):
        pages += 1

    assert limit <= pages <= limit * SMALLER
    assert (
        pages in (limit, limit * SMALLER) or pages * rows_a_page >= limit * size > (pages - 1) * rows_a_page
    )
