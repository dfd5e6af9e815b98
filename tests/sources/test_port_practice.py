"""The contract of a PMS: the same questions have the same answers in memory and over a real socket."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from sources.errors import SourceRejected
from sources.memory import MemoryPractice
from sources.model import Appointment, ChangeKind, Mrn
from sources.ports import AppointmentQuery, Listed
from tests.sources.practice import Served, appointments, balances, coverages, locations

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()
MRNS = [Mrn(f"MRN-{n:06}") for n in range(1, 31)]
NOBODY = Mrn("MRN-999999")


@pytest.fixture
def memory(served: Served) -> MemoryPractice:
    data = served.dataset
    return MemoryPractice(appointments(data), locations(data), coverages(data), balances(data))


@pytest.fixture(params=["memory", "rest"])
def practice(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("memory" if request.param == "memory" else "pms")


def rows_of(found: Any) -> dict[str, list[Any]]:
    assert all(isinstance(rows, Listed) and rows.complete for rows in found.values())
    return {mrn: sorted(rows.rows, key=lambda row: row.id) for mrn, rows in found.items()}


async def test_appointments_are_read_by_id(practice: Any, served: Served) -> None:
    expected = {row.id: row for row in list(appointments(served.dataset))[:20]}

    assert await practice.appointments([*expected, "1", "none"], ANY) == expected


async def test_a_patients_appointments_come_ordered_by_start(practice: Any, served: Served) -> None:
    found = await practice.appointments_of([*MRNS, NOBODY], AppointmentQuery(), ANY)

    every = list(appointments(served.dataset))
    assert sum(len(listed.rows) for listed in found.values()) == len(every)
    for mrn, listed in found.items():
        starts = [datetime.fromisoformat(row.start) for row in listed.rows]
        assert starts == sorted(starts)
        assert sorted(row.id for row in listed.rows) == sorted(
            row.id for row in every if row.patient_mrn == mrn
        )
    assert NOBODY not in found


QUERIES = [
    AppointmentQuery(start="2026-11-20T00:00:00Z"),
    AppointmentQuery(start="2026-01-01T00:00:00-06:00", end="2026-07-01T00:00:00Z"),
    AppointmentQuery(end="2025-06-01T00:00:00Z"),
    AppointmentQuery(statuses=("fulfilled", "noshow")),
    AppointmentQuery(statuses=("booked", "cancelled"), start="2026-06-01T00:00:00Z"),
    AppointmentQuery(npis=("1234567893", "1234567950")),
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_a_query_finds_the_same_appointments_in_memory_and_over_rest(
    memory: MemoryPractice, pms: Any, query: AppointmentQuery
) -> None:
    expected = rows_of(await memory.appointments_of(MRNS, query, ANY))
    every = rows_of(await memory.appointments_of(MRNS, AppointmentQuery(), ANY))

    assert rows_of(await pms.appointments_of(MRNS, query, ANY)) == expected
    assert 0 < sum(map(len, expected.values())) < sum(map(len, every.values()))


async def test_appointments_are_found_by_visit_number(practice: Any, served: Served) -> None:
    expected = {row.visit_number: row for row in appointments(served.dataset) if row.visit_number}

    assert await practice.appointments_by_visit([*expected, "V-none"], ANY) == expected
    assert len(expected) > 0


async def test_a_search_goes_page_by_page_to_the_end(practice: Any, served: Served) -> None:
    query = AppointmentQuery(mrns=tuple(MRNS[:3]), statuses=("fulfilled",))
    rows: list[Appointment] = []
    bookmark: str | None = None
    for _ in range(50):
        page = await practice.search_appointments(query, 3, bookmark, ANY)
        rows += page.rows
        bookmark = page.next
        if bookmark is None:
            break

    asked = [
        row
        for row in appointments(served.dataset)
        if row.patient_mrn in MRNS[:3] and row.status == "fulfilled"
    ]
    assert sorted(row.id for row in rows) == sorted(row.id for row in asked)
    assert len(rows) > 3
    assert [row.start for row in rows] == sorted((row.start for row in rows), key=moment)


def moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "")


async def test_locations_coverages_and_balances_are_found(practice: Any, served: Served) -> None:
    data = served.dataset

    assert await practice.locations(["1", "2", "999999", "x"], ANY) == {
        row.id: row for row in locations(data) if row.id in ("1", "2")
    }
    assert await practice.balances([*MRNS, NOBODY], ANY) == {row.patient_mrn: row for row in balances(data)}
    found = rows_of(await practice.coverages_of([*MRNS, NOBODY], ANY))
    assert sorted(row.id for mine in found.values() for row in mine) == sorted(r.id for r in coverages(data))
    assert all(row.patient_mrn == mrn for mrn, mine in found.items() for row in mine)


async def test_bookmarks_that_are_not_ours_are_rejected(practice: Any) -> None:
    with pytest.raises(SourceRejected):
        await practice.search_appointments(AppointmentQuery(), 5, "gibberish", ANY)
    with pytest.raises(SourceRejected):
        await practice.changes("gibberish")


async def test_a_practice_says_who_it_is_and_answers_a_check(practice: Any) -> None:
    await practice.check()
    health = practice.health()

    assert (health.name, health.kind, health.up) == ("pms", "pms", True)


async def test_a_change_in_memory_is_noticed_once_by_each_who_looks(
    memory: MemoryPractice, served: Served
) -> None:
    first = next(appointments(served.dataset))
    nothing, start = await memory.changes(None)
    memory.put(first)
    noticed, after = await memory.changes(start)
    again, _ = await memory.changes(after)

    assert (list(nothing), list(again)) == ([], [])
    assert [(it.mrn, it.change.kind, it.change.id) for it in noticed] == [
        (first.patient_mrn, ChangeKind.UPDATED, first.id)
    ]


async def test_a_change_in_the_pms_is_noticed_with_its_patient_and_version(pms: Any, served: Served) -> None:
    row = max(appointments(served.dataset), key=lambda it: moment(it.start))
    _, start = await pms.changes(None)
    patch(served, row.id, {"reason": "Changed by a test"})
    noticed, after = await pms.changes(start)

    mine = [it for it in noticed if it.change.id == row.id]
    assert [(it.mrn, it.change.kind, it.change.version) for it in mine] == [
        (row.patient_mrn, ChangeKind.UPDATED, str(int(row.version or 0) + 1))
    ]
    assert mine[0].change.key == f"pms:Appointment:{row.id}:{mine[0].change.version}"
    assert moment(mine[0].change.occurred) <= moment(mine[0].change.received)
    assert moment(after.partition("/")[2]) >= moment(mine[0].change.occurred)


def patch(served: Served, id_: str, change: dict[str, Any]) -> None:
    """As the practice's own staff would."""
    client = {
        "grant_type": "client_credentials",
        "client_id": "caregraph",
        "client_secret": "sandbox-pms-secret",
    }
    with httpx.Client(base_url=served.at.pms) as http:
        token = http.post("/oauth/token", data=client).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        http.patch(f"/v1/appointments/{id_}", json=change, headers=headers).raise_for_status()
