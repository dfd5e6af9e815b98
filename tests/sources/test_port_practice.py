"""The contract of a PMS: the same questions have the same answers in memory and over a real socket."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.pms.export import Export
from sandbox.pms.fhir import practice_dataset
from sandbox.pms.messages import Messages
from sandbox.pms.sender import line
from sources.errors import SourceRejected
from sources.memory import MemoryPractice
from sources.model import Appointment, ChangeKind, Location, Mrn
from sources.pms.database import DatabasePractice
from sources.pms.fhir import FhirPractice
from sources.pms.files import FilesPractice
from sources.pms.files.sftp import SftpFolder, SftpSettings
from sources.pms.hl7v2 import Hl7Practice
from sources.ports import AppointmentQuery, Listed
from tests.mariadb import MariadbProcess
from tests.postgres import PostgresProcess
from tests.sources import filed, hl7
from tests.sources.fhir_servers import PRACTICES, practice_of, serving
from tests.sources.practice import Served, appointments, as_model, balances, coverages, locations
from tests.sources.practice_tables import laid_out
from tests.sources.test_pms_database import practice_at

pytestmark = pytest.mark.anyio

ALL = frozenset(Appointment.__struct_fields__)
PLACE = frozenset(Location.__struct_fields__) - {"meta"}
MRNS = [Mrn(f"MRN-{n:06}") for n in range(1, 31)]
NOBODY = Mrn("MRN-999999")


@pytest.fixture
def memory(served: Served) -> MemoryPractice:
    data = served.dataset
    return MemoryPractice(appointments(data), locations(data), coverages(data), balances(data))


@pytest.fixture
async def database_postgresql(served: Served, postgres: PostgresProcess) -> AsyncIterator[DatabasePractice]:
    async for practice in in_tables(postgres.database(), served):
        yield practice


@pytest.fixture
async def database_mariadb(served: Served, mariadb: MariadbProcess) -> AsyncIterator[DatabasePractice]:
    async for practice in in_tables(mariadb.database(), served):
        yield practice


async def in_tables(url: str, served: Served) -> AsyncIterator[DatabasePractice]:
    laid_out(url, served.dataset).dispose()
    practice = practice_at(url)
    yield practice
    await practice.close()


@pytest.fixture(scope="session")
def hl7_folder(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the projection of the sandbox's whole book is, as it was sent over a socket."""
    folder = tmp_path_factory.mktemp("hl7v2")

    async def send() -> None:
        async with hl7.feed(folder) as practice:
            await hl7.fill(practice, served.dataset)

    asyncio.run(send())
    return folder


@pytest.fixture
async def hl7v2(hl7_folder: Path, tmp_path: Path) -> AsyncIterator[Hl7Practice]:
    shutil.copytree(hl7_folder, tmp_path, dirs_exist_ok=True)
    async with hl7.feed(tmp_path) as practice:
        yield practice


@pytest.fixture(scope="session")
def fhir_urls(served: Served) -> Iterator[Mapping[str, str]]:
    """A FHIR server of each kind, with the practice's records."""
    dataset = practice_dataset(served.dataset.pms)
    with ExitStack() as held:
        yield {name: held.enter_context(serving(dataset, kind.quirks)) for name, kind in PRACTICES.items()}


@pytest.fixture
async def fhir(kind: str, fhir_urls: Mapping[str, str]) -> AsyncIterator[FhirPractice]:
    adapter = practice_of(fhir_urls[kind], **PRACTICES[kind].settings)
    yield adapter
    await adapter.close()


@pytest.fixture(scope="session")
def files_folder(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the projection of the sandbox's files is, as they were read from a server over a socket."""
    folder, files, keys = (tmp_path_factory.mktemp(name) for name in ("projection", "files", "keys"))
    Export(files, served.dataset.pms).all("20261120235900")

    async def look() -> None:
        async with filed.sftp_server(files, keys) as port:
            at: dict[str, Any] = {"path": "/", "port": port, "key": f"{keys}/id"}
            sftp = SftpSettings("127.0.0.1", "caregraph", f"{keys}/known_hosts", **at)
            practice = filed.practice(folder, SftpFolder(sftp))
            for _ in range(2):
                await practice.looks.look()
            await practice.close()

    asyncio.run(look())
    return folder


@pytest.fixture
async def files(files_folder: Path, tmp_path: Path) -> AsyncIterator[FilesPractice]:
    shutil.copytree(files_folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "files").mkdir()
    practice = filed.practice(tmp_path, tmp_path / "files")
    yield practice
    await practice.close()


@pytest.fixture(
    params=["memory", "rest", "hl7v2", "files", "database_postgresql", "database_mariadb", *PRACTICES]
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def practice(request: pytest.FixtureRequest, kind: str) -> Any:
    return request.getfixturevalue("fhir" if kind in PRACTICES else {"rest": "pms"}.get(kind, kind))


@pytest.fixture
def book(served: Served, kind: str) -> list[Appointment]:
    """All appointments, as far as an adapter of that kind can know of them."""
    return list(hl7.told(served.dataset) if kind == "hl7v2" else appointments(served.dataset))


def told(found: Any) -> dict[str, Any]:
    return {key: as_model(row) for key, row in found.items()}


def rows_of(found: Any) -> dict[str, list[Any]]:
    assert all(isinstance(rows, Listed) and rows.complete for rows in found.values())
    return {mrn: sorted(map(as_model, rows.rows), key=lambda row: row.id) for mrn, rows in found.items()}


async def test_appointments_are_read_by_id(practice: Any, book: list[Appointment]) -> None:
    expected = {row.id: row for row in book[:20]}

    assert told(await practice.appointments([*expected, "1", "none"], ALL)) == expected


async def test_a_patients_appointments_come_ordered_by_start(practice: Any, book: list[Appointment]) -> None:
    found = await practice.appointments_of([*MRNS, NOBODY], AppointmentQuery(), ALL)

    assert sum(len(listed.rows) for listed in found.values()) == len(book)
    for mrn, listed in found.items():
        starts = [datetime.fromisoformat(row.start) for row in listed.rows]
        assert starts == sorted(starts)
        assert sorted(row.id for row in listed.rows) == sorted(
            row.id for row in book if row.patient_mrn == mrn
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
async def test_a_query_finds_the_same_appointments_as_in_memory(
    practice: Any, book: list[Appointment], query: AppointmentQuery
) -> None:
    memory = MemoryPractice(book)
    expected = rows_of(await memory.appointments_of(MRNS, query, ALL))
    every = rows_of(await memory.appointments_of(MRNS, AppointmentQuery(), ALL))

    assert rows_of(await practice.appointments_of(MRNS, query, ALL)) == expected
    assert 0 < sum(map(len, expected.values())) < sum(map(len, every.values()))


async def test_appointments_are_found_by_visit_number(practice: Any, book: list[Appointment]) -> None:
    expected = {row.visit_number: row for row in book if row.visit_number}

    assert told(await practice.appointments_by_visit([*expected, "V-none"], ALL)) == expected
    assert len(expected) > 0


async def test_a_search_goes_page_by_page_to_the_end(practice: Any, book: list[Appointment]) -> None:
    query = AppointmentQuery(mrns=tuple(MRNS[:3]), statuses=("fulfilled",))
    rows: list[Appointment] = []
    bookmark: str | None = None
    for _ in range(50):
        page = await practice.search_appointments(query, 3, bookmark, ALL)
        rows += page.rows
        bookmark = page.next
        if bookmark is None:
            break

    asked = [row for row in book if row.patient_mrn in MRNS[:3] and row.status == "fulfilled"]
    assert sorted(row.id for row in rows) == sorted(row.id for row in asked)
    assert len(rows) > 3
    assert [row.start for row in rows] == sorted((row.start for row in rows), key=moment)


def moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "")


@pytest.mark.parametrize("kind", ["memory", "rest", "files", *PRACTICES])
async def test_locations_coverages_and_balances_are_found(practice: Any, served: Served) -> None:
    data = served.dataset

    assert told(await practice.locations(["1", "2", "999999", "x"], PLACE)) == {
        row.id: row for row in locations(data) if row.id in ("1", "2")
    }
    assert await practice.balances([*MRNS, NOBODY], ALL) == {row.patient_mrn: row for row in balances(data)}
    covered = rows_of(await practice.coverages_of([*MRNS, NOBODY], ALL))
    rows = [row for mine in covered.values() for row in mine]
    assert sorted(map(as_model, rows), key=lambda row: row.id) == sorted(coverages(data), key=lambda r: r.id)
    assert all(row.patient_mrn == mrn for mrn, mine in covered.items() for row in mine)


async def test_messages_tell_a_place_s_name_and_no_more_of_it(hl7v2: Hl7Practice, served: Served) -> None:
    assert await hl7v2.locations(["1", "2", "999999", "x"], ALL) == {
        row.id: Location(id=row.id, status="active", name=row.name, mode="instance")
        for row in locations(served.dataset)
        if row.id in ("1", "2")
    }
    assert not hasattr(hl7v2, "balances")


async def test_bookmarks_that_are_not_ours_are_rejected(practice: Any) -> None:
    with pytest.raises(SourceRejected):
        await practice.search_appointments(AppointmentQuery(), 5, "gibberish", ALL)
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


async def test_a_change_that_a_message_tells_is_noticed_with_its_patient_and_version(
    hl7v2: Hl7Practice, served: Served
) -> None:
    row = dict(served.dataset.pms.appointments[0], reason="Changed by a test", version=2)
    _, start = await hl7v2.changes(None)
    at = datetime.now(UTC).replace(microsecond=0)
    async with line(await hl7.port_of(hl7v2)) as sender:
        await sender.send(Messages(served.dataset.pms.time_zone).booked(row, at=at))
    noticed, after = await hl7v2.changes(start)

    assert [(it.mrn, it.change.kind, it.change.key) for it in noticed] == [
        (row["patient"]["mrn"], ChangeKind.UPDATED, f"pms:Appointment:{row['id']}:2")
    ]
    assert moment(noticed[0].change.occurred) == at
    assert await hl7v2.changes(after) == ([], after)


async def test_a_change_that_a_file_tells_is_noticed_with_its_patient_and_version(
    files: FilesPractice, served: Served, tmp_path: Path
) -> None:
    row = dict(
        served.dataset.pms.appointments[0], reason="Changed by a test", updated_at="2026-11-21T09:00:00"
    )
    _, start = await files.changes(None)
    Export(tmp_path / "files", served.dataset.pms).appointments([row], "appointments_20261121100000.csv")
    await files.looks.look()
    noticed, after = await files.changes(start)

    assert [(it.mrn, it.change.kind, it.change.key) for it in noticed] == [
        (row["patient"]["mrn"], ChangeKind.UPDATED, f"pms:Appointment:{row['id']}:2")
    ]
    assert noticed[0].change.occurred == "2026-11-21T09:00:00-06:00"
    assert await files.changes(after) == ([], after)


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
