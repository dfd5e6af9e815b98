"""The adapter of a bare database, on a real PostgreSQL and a real MariaDB."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text, update
from sqlalchemy.dialects import mssql
from sqlalchemy.engine import make_url

from sources.calling import Flaw, Limits, Upstream
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable
from sources.memory import MemoryPractice
from sources.model import ChangeKind, Mrn
from sources.pms.database import (
    DatabasePractice,
    DatabaseSettings,
    DatabaseTransport,
    DatabaseUnusable,
    MappingUnusable,
    Table,
)
from sources.pms.database.connecting import engine
from sources.pms.database.mapping import There
from sources.pms.database.normalise import Clock
from sources.pms.database.questions import Condition, Question, statement
from sources.ports import AppointmentQuery, Listed
from tests.postgres import PostgresProcess
from tests.sources.practice import Served, appointments
from tests.sources.practice_tables import BOOKINGS, MAPPED, STATUSES, driven, laid_out

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()
MRNS = [Mrn(f"MRN-{n:06}") for n in range(1, 31)]
UNHURRIED = Limits(timeout_s=20.0)


class Heard:
    """What was told of refusals, with the record's id."""

    def __init__(self) -> None:
        self.flaws: list[tuple[Flaw, str | None]] = []

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        self.flaws.append((flaw, record))

    def on_call(self, *told: Any) -> None: ...

    def on_event(self, *told: Any) -> None: ...

    def on_foreign(self, *told: Any) -> None: ...


def practice_at(
    url: str, limits: Limits = UNHURRIED, observers: Sequence[Any] = (), **changed: Any
) -> DatabasePractice:
    tables, statuses = changed.pop("tables", MAPPED), changed.pop("statuses", STATUSES)
    settings = DatabaseSettings("pms", "America/Chicago", tables, statuses, **changed)
    transport = DatabaseTransport(engine(url, limits.timeout_s, 4), settings.tables, 4)
    upstream = Upstream("pms", "pms", "sql://pms", limits=limits, transport=transport, observers=observers)
    return DatabasePractice(settings, upstream)


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, served: Served) -> str:
    """A database that holds the sandbox's practice."""
    server = request.getfixturevalue("postgres" if request.param == "postgresql" else "mariadb")
    made: str = server.database()
    laid_out(made, served.dataset).dispose()
    return made


@pytest.fixture
def owner(url: str) -> Any:
    made = driven(url)
    yield made
    made.dispose()


@pytest.fixture
async def practice(url: str) -> AsyncIterator[DatabasePractice]:
    made = practice_at(url)
    yield made
    await made.close()


QUERIES = [
    AppointmentQuery(start="2026-11-20T00:00:00Z"),
    AppointmentQuery(start="2026-01-01T00:00:00-06:00", end="2026-07-01T00:00:00Z"),
    AppointmentQuery(statuses=("fulfilled", "noshow")),
    AppointmentQuery(npis=("1234567893", "1234567950")),
    AppointmentQuery(statuses=("waitlist",)),
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_a_query_finds_what_it_finds_in_memory(
    practice: DatabasePractice, served: Served, query: AppointmentQuery
) -> None:
    memory = MemoryPractice(appointments(served.dataset))

    def ids(found: Any) -> dict[str, list[str]]:
        return {mrn: sorted(row.id for row in listed.rows) for mrn, listed in found.items() if listed.rows}

    expected = ids(await memory.appointments_of(MRNS, query, ANY))
    assert ids(await practice.appointments_of(MRNS, query, ANY)) == expected


async def test_only_the_columns_behind_what_is_wanted_are_read(
    practice: DatabasePractice, served: Served
) -> None:
    first = next(appointments(served.dataset))
    (row,) = (await practice.appointments([first.id], frozenset({"minutes_duration"}))).values()

    assert not isinstance(row, SourceError)
    assert (row.id, row.status, row.start, row.minutes_duration) == (
        first.id,
        first.status,
        first.start,
        first.minutes_duration,
    )
    assert (row.reason_code, row.service_type, row.booked, row.video_url) == ((), (), (), None)


async def test_what_changed_is_noticed_with_its_kind_and_version(
    practice: DatabasePractice, owner: Engine, served: Served
) -> None:
    one, two = list(appointments(served.dataset))[:2]
    _, start = await practice.changes(None)
    here = Clock("America/Chicago", "local")
    local = datetime.fromisoformat(here.instant("2026-01-01T00:00:00")).tzinfo
    now = datetime.now(UTC).astimezone(local).replace(tzinfo=None, microsecond=0)
    with owner.begin() as connection:
        for id_, gone in ((one.id, None), (two.id, True)):
            changed = {"ChangedAt": now, "Version": 77, "Gone": gone}
            connection.execute(update(BOOKINGS).where(BOOKINGS.c.BookingNo == int(id_)).values(changed))

    noticed, after = await practice.changes(start)
    again, _ = await practice.changes(after)
    kept = await practice.appointments([one.id, two.id], ANY)
    with owner.begin() as connection:
        connection.execute(update(BOOKINGS).values(Gone=None))

    found = {it.change.id: (it.change.kind, it.mrn, it.change.version) for it in noticed}
    assert found == {
        one.id: (ChangeKind.UPDATED, one.patient_mrn, "77"),
        two.id: (ChangeKind.DELETED, two.patient_mrn, "77"),
    }
    assert {it.change.key for it in again} <= {it.change.key for it in noticed}
    assert list(kept) == [one.id]


async def test_a_row_that_does_not_conform_costs_itself_and_its_patients_list(
    practice: DatabasePractice, owner: Engine, served: Served
) -> None:
    one, other = list(appointments(served.dataset))[-2:]
    was = next(row["status"] for row in served.dataset.pms.appointments if str(row["id"]) == one.id)
    with owner.begin() as connection:
        connection.execute(update(BOOKINGS).where(BOOKINGS.c.BookingNo == int(one.id)).values(State="lost"))

    found = await practice.appointments([one.id, other.id], ANY)
    lists = await practice.appointments_of([one.patient_mrn], AppointmentQuery(), ANY)
    with owner.begin() as connection:
        connection.execute(update(BOOKINGS).where(BOOKINGS.c.BookingNo == int(one.id)).values(State=was))

    assert isinstance(found[one.id], SourceMisread)
    assert "lost" not in str(found[one.id])
    assert found[other.id] == other
    assert isinstance(lists[one.patient_mrn], SourceMisread)


async def test_a_row_of_a_search_that_cannot_be_read_costs_itself_alone_page_by_page(
    url: str, practice: DatabasePractice, served: Served
) -> None:
    """All scheduled appointments are of a word the settings do not know."""
    rows = (await practice.search_appointments(AppointmentQuery(), 10_000, None, ANY)).rows
    words = {code: ours for code, ours in STATUSES.items() if code != "scheduled"}
    heard = Heard()
    strange = practice_at(url, observers=[heard], statuses=words)
    found: list[str] = []
    bookmark: str | None = None
    try:
        for _ in range(len(rows)):
            page = await strange.search_appointments(AppointmentQuery(), 40, bookmark, ANY)
            found += [row.id for row in page.rows]
            bookmark = page.next
            if bookmark is None:
                break
    finally:
        await strange.close()

    codes = {str(row["id"]): row["status"] for row in served.dataset.pms.appointments}
    readable = [row.id for row in rows if codes[row.id] != "scheduled"]
    assert list(dict.fromkeys(found)) == readable
    assert len(found) == len(readable)
    assert 0 < len(readable) < len(rows)
    whose = {flaw: record for flaw, record in heard.flaws}
    assert [(flaw.kind, flaw.why) for flaw in whose] == [
        ("appointments", "appointments.status: not among the statuses of the settings")
    ]
    assert {codes[record] for _, record in heard.flaws if record is not None} == {"scheduled"}


async def test_a_list_that_is_cut_off_says_so(url: str) -> None:
    practice = practice_at(url, rows_per_call=5)
    try:
        found = await practice.appointments_of(MRNS, AppointmentQuery(), ANY)
    finally:
        await practice.close()

    assert found.keys() == set(MRNS)
    assert all(isinstance(listed, Listed) and not listed.complete for listed in found.values())


async def test_the_session_can_change_nothing(url: str) -> None:
    made = engine(url, 5.0, 1)
    with made.connect() as connection, pytest.raises(Exception, match=r"(?i)read.?only"):
        connection.execute(text("DELETE FROM accounts"))
    made.dispose()


async def test_a_statement_that_takes_too_long_ends_and_the_next_one_is_answered(
    url: str, owner: Engine
) -> None:
    """A lock on the table stands for any statement that does not come to its end."""
    hurried = practice_at(url, Limits(timeout_s=1.0, attempts=1))
    is_postgres = url.startswith("postgresql")
    with owner.connect() as connection:
        connection.execute(
            text(
                'LOCK TABLE "Bookings" IN ACCESS EXCLUSIVE MODE'
                if is_postgres
                else "LOCK TABLES Bookings WRITE"
            )
        )
        with pytest.raises((SourceTimeout, SourceUnavailable)):
            await hurried.appointments(["1"], ANY)
        if not is_postgres:
            connection.execute(text("UNLOCK TABLES"))
        connection.rollback()

    practice = practice_at(url)
    assert isinstance(await practice.appointments(["1"], ANY), dict)
    await practice.close()
    await hurried.close()


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        (lambda it: it.set(password="wrong"), SourceRejected),
        (lambda it: it.set(database="none_such"), SourceRejected),
        (lambda it: it.set(port=9), SourceUnavailable),
    ],
    ids=["password", "database", "port"],
)
async def test_a_database_that_does_not_let_us_in_is_told_apart_from_one_that_is_not_there(
    url: str, changed: Callable[[Any], Any], error: type[SourceError]
) -> None:
    other = changed(make_url(url)).render_as_string(hide_password=False)
    practice = practice_at(other, Limits(timeout_s=10.0, attempts=1))
    try:
        with pytest.raises(error) as caught:
            await practice.appointments(["1"], ANY)
    finally:
        await practice.close()

    assert "wrong" not in str(caught.value)
    assert "none_such" not in str(caught.value)


@pytest.mark.parametrize("name", ["Nothing", "nowhere.Bookings"])
async def test_a_table_that_is_not_there_is_found_and_rejected(url: str, name: str) -> None:
    tables = {"appointments": Table("appointments", name, MAPPED["appointments"].columns)}
    practice = practice_at(url, tables=tables)
    try:
        found = await practice.check()
        with pytest.raises(SourceRejected):
            await practice.appointments(["5001"], ANY)
    finally:
        await practice.close()

    assert not found.ok
    assert found.said[1].startswith(f"see that `{name}` is there, has `BookingNo`, `ChartNo`, ")


async def test_a_column_that_is_not_there_is_found_and_rejected(url: str) -> None:
    columns = {**MAPPED["appointments"].columns, "reason": "Because"}
    practice = practice_at(url, tables={"appointments": Table("appointments", "Bookings", columns)})
    try:
        found = await practice.check()
        with pytest.raises(SourceRejected):
            await practice.appointments(["5001"], ANY)
    finally:
        await practice.close()

    assert not found.ok
    assert found.said[0].startswith("appointments cannot be read: ")
    assert "`Because`" in found.said[1]


async def test_a_check_tells_of_rows_that_cannot_be_read_and_of_rights_that_we_need_not(url: str) -> None:
    words = {code: ours for code, ours in STATUSES.items() if code != "scheduled"}
    practice = practice_at(url, statuses=words)
    try:
        found = await practice.check()
    finally:
        await practice.close()

    assert not found.ok
    assert found.said[0] == "appointments can be read"
    assert re.fullmatch(
        r"[0-9]+ of 50 rows cannot: appointments\.status: not among the statuses of the settings",
        found.said[1],
    )
    assert found.said[2] == "our account may change `Bookings`; give it SELECT alone"


async def test_an_account_that_may_only_read_is_as_it_should_be(url: str, owner: Engine) -> None:
    account = f"reader_{token_hex(4)}"
    is_postgresql = url.startswith("postgresql")
    who = account if is_postgresql else f"'{account}'@'127.0.0.1'"
    made = (
        f"CREATE ROLE {who} LOGIN PASSWORD 'a-word'"
        if is_postgresql
        else f"CREATE USER {who} IDENTIFIED BY 'a-word'"
    )
    names = [owner.dialect.identifier_preparer.quote_identifier(each.name) for each in MAPPED.values()]
    with owner.begin() as connection:
        connection.execute(text(made))
        for name in names:
            connection.execute(text(f"GRANT SELECT ON {name} TO {who}"))
    theirs = make_url(url).set(username=account, password="a-word")
    practice = practice_at(theirs.render_as_string(hide_password=False))
    try:
        found = await practice.check()
    finally:
        await practice.close()

    assert found.said == tuple(f"{kind} can be read" for kind in MAPPED)
    assert found.ok


async def test_what_no_table_holds_is_refused_and_not_said_to_be_absent(url: str) -> None:
    columns = {
        name: it
        for name, it in MAPPED["appointments"].columns.items()
        if name not in ("visit", "npi", "updated")
    }
    practice = practice_at(url, tables={"appointments": Table("appointments", "Bookings", columns)})
    try:
        for asked in (
            practice.locations(["1"], ANY),
            practice.coverages_of(MRNS, ANY),
            practice.balances(MRNS, ANY),
            practice.appointments_by_visit(["V1"], ANY),
            practice.appointments_of(MRNS, AppointmentQuery(npis=("1",)), ANY),
            practice.changes(None),
        ):
            with pytest.raises(SourceRejected, match="map one"):
                await asked
    finally:
        await practice.close()


async def test_a_server_that_stops_is_unavailable(
    postgres_of_my_own: PostgresProcess, served: Served
) -> None:
    url = postgres_of_my_own.database()
    laid_out(url, served.dataset).dispose()
    practice = practice_at(url, Limits(timeout_s=10.0, attempts=1))
    try:
        before = await practice.appointments(["1"], ANY)
        postgres_of_my_own.stop()
        with pytest.raises(SourceUnavailable):
            await practice.appointments(["1"], ANY)
        postgres_of_my_own.start()
        assert await practice.appointments(["1"], ANY) == before
    finally:
        await practice.close()


@pytest.mark.parametrize("times", ["offset", "utc"])
async def test_times_of_other_kinds_mean_the_same_instants(
    postgres: PostgresProcess, served: Served, times: Any
) -> None:
    url = postgres.database()
    owner = laid_out(url, served.dataset)
    kind = "timestamptz" if times == "offset" else "timestamp"
    zone = "AT TIME ZONE 'America/Chicago'" + ("" if times == "offset" else " AT TIME ZONE 'UTC'")
    with owner.begin() as connection:
        for table, column in (("Bookings", "Begins"), ("Bookings", "ChangedAt"), ("accounts", "as_of")):
            connection.execute(
                text(f'ALTER TABLE "{table}" ALTER "{column}" TYPE {kind} USING "{column}" {zone}')
            )
    owner.dispose()
    practice = practice_at(url, times=times)
    wrong = practice_at(url, times="local" if times == "offset" else "offset")
    memory = MemoryPractice(appointments(served.dataset))
    query = AppointmentQuery(start="2026-01-01T00:00:00-06:00", end="2026-07-01T00:00:00Z")
    try:
        found = await practice.appointments_of(MRNS, query, ANY)
        misread = await wrong.appointments_of(MRNS[:3], AppointmentQuery(), ANY)
    finally:
        await practice.close()
        await wrong.close()

    assert found == await memory.appointments_of(MRNS, query, ANY)
    assert all(isinstance(listed, SourceMisread) for listed in misread.values())


def test_a_mapping_that_cannot_be_used_says_why() -> None:
    with pytest.raises(
        MappingUnusable, match=r"`starts` is no field of appointments; did you mean `start`\?"
    ):
        Table("appointments", "t", {"id": "a", "mrn": "b", "status": "c", "starts": "d"})
    with pytest.raises(MappingUnusable, match="need a column for `status`, `start`"):
        Table("appointments", "t", {"id": "a", "mrn": "b"})


@pytest.mark.parametrize("url", ["", "sqlite:///x", "oracle://a", "postgresql", "http://x", "mysql//x"])
def test_an_address_that_is_no_databases_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        engine(url, 1.0, 1)
    assert "begin it with postgresql://" in str(caught.value)
    assert url == "" or url not in str(caught.value).replace("postgresql://", "")


def test_sql_server_is_asked_in_its_own_words() -> None:
    """No SQL Server can be run here: what is sent to one is read instead."""
    columns = {name: BOOKINGS.c[column] for name, column in MAPPED["appointments"].columns.items()}
    there = There(MAPPED["appointments"], {column.name: column for column in columns.values()})
    question = Question(
        "appointments",
        ("id", "start"),
        (Condition("mrn", "in", ("a'b",)),),
        ("start", "id"),
        ("2026-01-01T00:00:00", 5),
        10,
    )

    asked = statement(question, there)

    assert asked is not None
    said = str(asked.compile(dialect=mssql.dialect()))  # type: ignore[no-untyped-call]
    assert said.startswith("SELECT TOP ")
    assert "[Bookings].[Begins] >" in said
    assert "a'b" not in said


moments = st.integers(86_400, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(moments, st.sampled_from(["local", "utc", "offset"]), st.integers(-7200, 7200))
def test_no_bound_leaves_out_what_lies_within_it(moment: datetime, times: Any, seconds: int) -> None:
    clock = Clock("America/Chicago", times)
    bound = (moment + timedelta(seconds=seconds)).isoformat()
    zone = datetime.fromisoformat(clock.later(moment.isoformat(), 0))
    written = {
        "local": zone.replace(tzinfo=None),
        "utc": moment.replace(tzinfo=None),
        "offset": moment,
    }[times]

    if seconds <= 0:
        assert written >= datetime.fromisoformat(clock.not_after(bound))
    if seconds > 0:
        assert written < datetime.fromisoformat(clock.not_before(bound))
