"""The projection: what a feed tells is kept once, in order, and answered as a PMS would answer."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select, update
from sqlalchemy.schema import CreateTable

from sources.calling import operating
from sources.calling.tally import SourceTally, Status
from sources.errors import BookmarkLost, SourceRejected, SourceTimeout, SourceUnavailable
from sources.memory import MemoryPractice
from sources.model import (
    Appointment,
    Balance,
    Booked,
    ChangeKind,
    ChangeType,
    Coverage,
    Location,
    Money,
    Mrn,
    Patient,
)
from sources.pms.projection import (
    BilledPractice,
    Booking,
    Charted,
    Keeping,
    Ledger,
    Merged,
    Outcome,
    Quarantine,
    Store,
)
from sources.pms.projection.quarantine import Refusal, keep
from sources.pms.projection.reading import of_patients
from sources.pms.projection.tables import SCHEMA_VERSION, journal, metadata, quarantine, retired
from sources.ports import AppointmentQuery, Listed, SourceStatus
from sources.quarantine import Fate, Retried
from tests.postgres import PostgresProcess

pytestmark = pytest.mark.anyio
unhurried = settings(deadline=None)  # a busy machine fails no property

ANY: frozenset[str] = frozenset()
LONG_AGO = "2020-01-01T00:00:00.000+00:00"
ANA, BEN, CAI = Mrn("M-1"), Mrn("M-2"), Mrn("M-3")


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{tmp_path}/pms.sqlite3"
    if request.param == "postgresql":
        server: PostgresProcess = request.getfixturevalue("postgres")
        url = server.database()
    opened = Store("pms", url)
    yield opened
    await opened.close()


@pytest.fixture
async def practice(store: Store) -> BilledPractice:
    for kind in ("appointments", "coverages", "balances"):
        await store.write(partial(fed, kind=kind))
    return BilledPractice(store)


def visit(
    id_: str, mrn: Mrn = ANA, start: str | None = "2026-11-22T10:00:00-06:00", **more: Any
) -> Appointment:
    return Appointment(id=id_, patient_mrn=mrn, status=more.pop("status", "booked"), start=start, **more)


def fed(connection: Connection, kind: str) -> None:
    Ledger(connection).fed(kind)


def at(minute: int) -> str:
    return f"2026-11-20T12:{minute:02}:00+00:00"


def booking(
    appointment: Appointment, minute: int = 0, filler_id: str | None = None, placer_id: str | None = None
) -> Booking:
    return Booking(appointment.id, at(minute), appointment, filler_id, placer_id)


async def book(store: Store, *bookings: Booking) -> list[Outcome]:
    return await store.write(lambda connection: Ledger(connection).book(bookings))


async def merge(store: Store, surviving: Mrn, retired: Mrn, minute: int) -> Outcome:
    return await store.write(
        lambda connection: Ledger(connection).merge(Merged(surviving, retired, at(minute)))
    )


async def of(practice: BilledPractice, *mrns: Mrn) -> dict[str, list[str]]:
    found = await practice.appointments_of(mrns, AppointmentQuery(), ANY)
    return {
        mrn: [row.id for row in listed.rows] for mrn, listed in found.items() if isinstance(listed, Listed)
    }


async def read(practice: BilledPractice, *ids: str) -> dict[str, Appointment]:
    found = await practice.appointments(ids, ANY)
    return {id_: row for id_, row in found.items() if isinstance(row, Appointment)}


async def test_before_the_feed_has_told_anything_an_empty_book_is_no_answer(store: Store) -> None:
    practice = BilledPractice(store)

    with pytest.raises(SourceUnavailable, match="has not told"):
        await practice.appointments_of([ANA], AppointmentQuery(), ANY)
    assert not (await practice.check()).ok


async def test_an_update_replaces_the_record_and_raises_its_version(
    store: Store, practice: BilledPractice
) -> None:
    first = await book(store, booking(visit("a"), 1))
    second = await book(store, booking(visit("a", status="cancelled"), 2))

    assert (first, second) == ([Outcome.APPLIED], [Outcome.APPLIED])
    assert await practice.appointments(["a", "b"], ANY) == {
        "a": visit("a", status="cancelled", version="2", last_updated=at(2))
    }


async def test_an_update_from_before_the_last_one_is_dropped(store: Store, practice: BilledPractice) -> None:
    await book(store, booking(visit("a", status="cancelled"), 2))

    assert await book(store, booking(visit("a"), 1)) == [Outcome.STALE]
    assert (await practice.appointments(["a"], ANY))["a"] == visit(
        "a", status="cancelled", version="1", last_updated=at(2)
    )


async def test_what_is_told_again_is_no_change_but_makes_older_news_stale(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("a"), 1))
    _, bookmark = await practice.changes(None)

    assert await book(store, booking(visit("a"), 5)) == [Outcome.UNCHANGED]
    assert await book(store, booking(visit("a", status="noshow"), 3)) == [Outcome.STALE]
    assert await practice.changes(bookmark) == ([], bookmark)


async def test_two_events_of_one_appointment_in_one_batch_are_taken_in_order(
    store: Store, practice: BilledPractice
) -> None:
    events = [booking(visit("a"), 1), booking(visit("b"), 1), booking(visit("a", status="noshow"), 2)]

    assert await book(store, *events) == [Outcome.APPLIED] * 3
    assert {id_: row.version for id_, row in (await read(practice, "a", "b")).items()} == {"a": "2", "b": "1"}


async def test_a_deleted_appointment_is_gone_and_older_news_does_not_bring_it_back(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("a", visit_number="V1", booked=(Booked(npi="1"),)), 1))
    _, bookmark = await practice.changes(None)
    await book(store, Booking("a", at(3), None))

    assert await book(store, booking(visit("a"), 2)) == [Outcome.STALE]
    assert await practice.appointments(["a"], ANY) == {}
    assert await practice.appointments_by_visit(["V1"], ANY) == {}
    assert await of(practice, ANA) == {}
    noticed, _ = await practice.changes(bookmark)
    assert [(it.change.kind, it.change.id, it.change.version, it.mrn) for it in noticed] == [
        (ChangeKind.DELETED, "a", "2", ANA)
    ]


async def test_the_journal_tells_ids_alone_oldest_first_from_any_bookmark(
    store: Store, practice: BilledPractice
) -> None:
    nothing, start = await practice.changes(None)
    await book(store, booking(visit("a"), 1), booking(visit("b", BEN), 2))
    await book(store, booking(visit("a", status="arrived"), 3))
    noticed, end = await practice.changes(start)

    assert list(nothing) == []
    assert [(it.change.kind, it.change.key, it.mrn, it.change.occurred) for it in noticed] == [
        (ChangeKind.CREATED, "pms:Appointment:a:1", ANA, at(1)),
        (ChangeKind.CREATED, "pms:Appointment:b:1", BEN, at(2)),
        (ChangeKind.UPDATED, "pms:Appointment:a:2", ANA, at(3)),
    ]
    assert all(it.change.patient_id == "" for it in noticed)
    assert await practice.changes(end) == ([], end)


@pytest.mark.parametrize("bookmark", ["gibberish", "", "1", ".1", "00.x", "é.1"])
async def test_a_bookmark_of_another_store_is_rejected(practice: BilledPractice, bookmark: str) -> None:
    _, ours = await practice.changes(None)
    beyond = ours.partition(".")[0] + ".99"

    for foreign in (bookmark, beyond):
        with pytest.raises(SourceRejected):
            await practice.changes(foreign)


async def test_after_a_merge_both_numbers_find_what_is_kept_under_the_surviving_one(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("a", ANA), 1), booking(visit("b", BEN), 1))
    _, bookmark = await practice.changes(None)

    assert await merge(store, ANA, BEN, 2) is Outcome.APPLIED
    assert await of(practice, ANA, BEN) == {ANA: ["a", "b"], BEN: ["a", "b"]}
    assert {row.patient_mrn for row in (await read(practice, "a", "b")).values()} == {ANA}
    noticed, _ = await practice.changes(bookmark)
    assert [(it.change.type, it.change.id, it.mrn) for it in noticed] == [
        (ChangeType.APPOINTMENT, "b", ANA),
        (ChangeType.PATIENT, "", ANA),
        (ChangeType.PATIENT, "", BEN),
    ]
    assert len({it.change.key for it in noticed}) == 3


async def test_what_comes_under_a_retired_number_is_kept_under_the_surviving_one(
    store: Store, practice: BilledPractice
) -> None:
    await merge(store, ANA, BEN, 1)
    await book(store, booking(visit("b", BEN), 2))

    assert await of(practice, ANA) == {ANA: ["b"]}
    page = await practice.search_appointments(AppointmentQuery(mrns=(BEN,)), 5, None, ANY)
    assert [(row.id, row.patient_mrn) for row in page.rows] == [("b", ANA)]


async def test_a_move_does_not_make_the_appointments_own_next_update_stale(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("b", BEN), 1))
    await merge(store, ANA, BEN, 9)

    assert await book(store, booking(visit("b", BEN, status="arrived"), 5)) == [Outcome.APPLIED]


async def test_merges_follow_each_other_and_older_ones_are_stale(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("a", ANA), 1), booking(visit("b", BEN), 1), booking(visit("c", CAI), 1))
    await merge(store, BEN, ANA, 2)
    await merge(store, CAI, BEN, 3)

    assert await merge(store, ANA, BEN, 1) is Outcome.STALE
    assert set(await of(practice, ANA, BEN, CAI)) == {ANA, BEN, CAI}
    page = await practice.search_appointments(AppointmentQuery(), 5, None, ANY)
    assert [(row.id, row.patient_mrn) for row in page.rows] == [("a", CAI), ("b", CAI), ("c", CAI)]


async def test_a_merge_the_other_way_round_makes_the_other_number_survive(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("a", ANA), 1))
    await merge(store, BEN, ANA, 2)
    await merge(store, ANA, BEN, 3)

    assert (await read(practice, "a"))["a"].patient_mrn == ANA
    assert await of(practice, BEN) == {BEN: ["a"]}


async def test_money_goes_along_with_a_merge(store: Store, practice: BilledPractice) -> None:
    owed = Balance(patient_mrn=BEN, amount=Money(value="12.50", currency="USD"))
    covered = Coverage(id="c", patient_mrn=BEN, status="active")

    def fill(connection: Any) -> None:
        ledger = Ledger(connection)
        ledger.owe([owed])
        ledger.cover([covered])
        ledger.merge(Merged(ANA, BEN, at(2)))

    await store.write(fill)

    assert (await practice.balances([ANA], ANY)) == {ANA: Balance(patient_mrn=ANA, amount=owed.amount)}
    assert await practice.coverages_of([BEN], ANY) == {
        BEN: Listed((Coverage(id="c", patient_mrn=ANA, status="active"),))
    }


async def test_a_feed_that_has_told_nothing_of_money_is_not_said_to_owe_nothing(store: Store) -> None:
    await store.write(partial(fed, kind="appointments"))
    practice = BilledPractice(store)

    for ask in (practice.balances, practice.coverages_of):
        with pytest.raises(SourceUnavailable):
            await ask([ANA], ANY)


async def test_places_are_found_by_id(store: Store, practice: BilledPractice) -> None:
    await store.write(lambda connection: Ledger(connection).place([Location(id="1", name="Old")]))
    await store.write(lambda connection: Ledger(connection).place([Location(id="1", name="New")]))

    assert await practice.locations(["1", "2"], ANY) == {"1": Location(id="1", name="New")}


async def test_older_demographics_do_not_replace_newer_ones(store: Store) -> None:
    old, new = Patient(id="", gender="male"), Patient(id="", gender="female")

    def chart(connection: Any) -> tuple[list[Outcome], Patient | None]:
        ledger = Ledger(connection)
        outcomes = [
            ledger.chart(Charted(ANA, at(minute), it)) for minute, it in ((2, new), (1, old), (3, new))
        ]
        return outcomes, ledger.patient(ANA)

    assert await store.write(chart) == ([Outcome.APPLIED, Outcome.STALE, Outcome.UNCHANGED], new)


async def test_changed_demographics_are_a_change_of_the_patient_by_the_number_alone(
    store: Store, practice: BilledPractice
) -> None:
    _, bookmark = await practice.changes(None)
    female, male = Patient(id="", gender="female"), Patient(id="", gender="male")
    for minute, told in ((1, female), (2, female), (3, male)):
        charted = Charted(ANA, at(minute), told)
        await store.write(partial(lambda connection, it: Ledger(connection).chart(it), it=charted))

    noticed, after = await practice.changes(bookmark)
    assert [(it.change.type, it.change.kind, it.change.id, it.mrn, it.change.occurred) for it in noticed] == [
        (ChangeType.PATIENT, ChangeKind.UPDATED, "", ANA, at(1)),
        (ChangeType.PATIENT, ChangeKind.UPDATED, "", ANA, at(3)),
    ]
    assert await practice.changes(bookmark) == (noticed, after)
    assert len({it.change.key for it in noticed}) == 2
    assert ANA not in repr([it.change for it in noticed])


async def test_a_transaction_that_raises_leaves_nothing(store: Store, practice: BilledPractice) -> None:
    def half(connection: Any) -> None:
        Ledger(connection).book([booking(visit("a"), 1)])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(half)
    assert await practice.appointments(["a"], ANY) == {}


async def test_a_page_that_begins_behind_a_row_is_not_moved_by_rows_that_come_before_it(
    store: Store, practice: BilledPractice
) -> None:
    hours = [visit(str(n), start=f"2026-11-22T{n:02}:00:00Z") for n in range(10, 16)]
    await book(store, *map(booking, hours))
    first = await practice.search_appointments(AppointmentQuery(), 2, None, ANY)
    await book(store, booking(visit("early", start="2026-11-22T01:00:00Z")))
    second = await practice.search_appointments(AppointmentQuery(), 3, first.next, ANY)
    third = await practice.search_appointments(AppointmentQuery(), 3, second.next, ANY)

    assert [[row.id for row in page.rows] for page in (first, second, third)] == [
        ["10", "11"],
        ["12", "13", "14"],
        ["15"],
    ]
    assert third.next is None
    with pytest.raises(SourceRejected):
        await practice.search_appointments(AppointmentQuery(statuses=("booked",)), 2, first.next, ANY)


async def test_rows_beyond_the_cap_are_told_to_be_missing(store: Store, practice: BilledPractice) -> None:
    rows = [visit(f"{mrn}{n}", mrn) for mrn in (ANA, BEN, CAI) for n in range(2)]
    await book(store, *map(booking, rows))
    found = await store.read(
        lambda connection: of_patients(connection, [ANA, BEN, CAI], AppointmentQuery(), 3)
    )

    assert {mrn: ([row.id for row in it.rows], it.complete) for mrn, it in found.items()} == {
        ANA: (["M-10", "M-11"], True),
        BEN: (["M-20"], False),
        CAI: ([], False),
    }


async def test_a_store_of_another_source_or_version_is_not_opened(store: Store, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.sqlite3"
    mine, other = Store("pms", url), Store("other", url)
    await mine.write(lambda connection: Ledger(connection).fed())

    with pytest.raises(SourceRejected, match="another source's"):
        await other.read(lambda connection: None)
    await mine.write(
        lambda connection: connection.exec_driver_sql("UPDATE meta SET value = '0' WHERE name = 'version'")
    )
    await mine.close()
    with pytest.raises(SourceRejected, match="schema version 0"):
        await Store("pms", url).read(lambda connection: None)


async def test_the_files_of_a_projection_are_its_owners_alone(tmp_path: Path) -> None:
    store = Store("pms", f"sqlite:///{tmp_path}/new/pms.sqlite3")
    await book(store, booking(visit("a")))

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {"pms.sqlite3", "pms.sqlite3-wal", "pms.sqlite3-shm"}
    await store.close()


@pytest.fixture
def holder(store: Store) -> Iterator[subprocess.Popen[str]]:
    """Another process, which says whether it has the right to write, and keeps it."""
    url = store._url.render_as_string(hide_password=False)
    hold = (
        "import asyncio, sys\n"
        "from sources.pms.projection import Store\n"
        "async def main():\n"
        "    async with Store('pms', sys.argv[1]).exclusively() as ours:\n"
        "        print(ours, flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", hold, url], stdout=subprocess.PIPE, text=True) as other:
        yield other
        other.kill()


async def test_one_process_writes_at_a_time_and_a_killed_one_lets_go(
    store: Store, holder: subprocess.Popen[str]
) -> None:
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == "True\n"
    async with store.exclusively() as ours:
        assert not ours
    holder.kill()
    holder.wait()

    for _ in range(200):
        async with store.exclusively() as ours:
            if ours:
                return
        await asyncio.sleep(0.05)
    pytest.fail("the right to write was not let go of")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://h/d", "sqlite://", "sqlite:///:memory:", "oracle://x"]
)
def test_a_url_of_no_database_for_a_projection_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="projection"):
        Store("pms", url)


async def test_a_database_that_is_down_is_told_without_its_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    practice = BilledPractice(Store("pms", f"sqlite:///{tmp_path}/file/pms.sqlite3"))

    with pytest.raises(SourceUnavailable) as caught:
        await practice.check()
    assert str(caught.value) == "source `pms`: the projection's database does not answer"
    assert not practice.health().up


async def test_what_is_in_quarantine_is_listed_without_its_content(store: Store) -> None:
    kept = Quarantine(store, never)
    for body in (b"one", b"two", b"one"):
        await store.write(partial(keep, refusal=Refusal("message", "feed line 3", "bad PID-7", body)))
    listed = await kept.kept()

    assert [(it.id, it.origin, it.why, it.size) for it in listed] == [
        (1, "feed line 3", "bad PID-7", 3),
        (2, "feed line 3", "bad PID-7", 3),
    ]
    assert [it.id for it in await kept.kept(after=1)] == [2]
    assert (await kept.body(1), await kept.body(9)) == (b"one", None)
    assert (await kept.discard([1, 9]), await kept.discard([1])) == (1, 0)


def never(connection: Connection, refusal: Refusal, anyway: bool) -> Retried:
    raise AssertionError("nothing is to be applied")


async def test_what_is_released_is_tried_in_the_order_it_tells_of_and_each_for_itself(store: Store) -> None:
    tried: list[str] = []

    def retry(connection: Connection, refusal: Refusal, anyway: bool) -> Retried:
        tried.append(refusal.origin)
        if refusal.origin == "b":
            Ledger(connection).book([booking(visit("b"), 1)])
            raise ZeroDivisionError(refusal.body)
        if refusal.origin == "c" and not anyway:
            return Retried(Fate.REFUSED, "another reason")
        return Retried(Fate.STALE)

    for origin, stamp in (("c", at(3)), ("b", at(2)), ("a", at(1)), ("none", "")):
        await store.write(
            partial(keep, refusal=Refusal("file", origin, "bad", origin.encode(), "book", stamp))
        )
    kept = Quarantine(store, retry)
    became = await kept.release([1, 2, 3, 4, 9])

    assert tried == ["none", "a", "b", "c"]
    assert [(it.origin, *told) for it, told in became] == [
        ("none", Fate.STALE, ""),
        ("a", Fate.STALE, ""),
        ("b", Fate.REFUSED, "it could not be applied here"),
        ("c", Fate.REFUSED, "another reason"),
    ]
    assert [(it.origin, it.why) for it in await kept.kept()] == [
        ("c", "another reason"),
        ("b", "it could not be applied here"),
    ]
    assert await store.read(lambda connection: Ledger(connection).ids()) == set()
    assert [told for _, told in await kept.release([1, 3], anyway=True)] == [(Fate.STALE, "")]


async def test_what_is_old_is_let_go_of_and_who_was_away_for_longer_learns_that_it_is_lost(
    store: Store, practice: BilledPractice
) -> None:
    _, begin = await practice.changes(None)
    await book(store, booking(visit("a"), 1), booking(visit("b"), 1))
    await store.write(partial(keep, refusal=Refusal("message", "hl7v2 message", "bad", b"old")))
    _, middle = await practice.changes(begin)
    await store.write(lambda connection: connection.execute(update(journal).values(received=LONG_AGO)))
    await store.write(lambda connection: connection.execute(update(quarantine).values(received=LONG_AGO)))
    await book(store, booking(visit("c"), 1))
    await store.write(partial(keep, refusal=Refusal("message", "hl7v2 message", "bad", b"new")))

    assert await practice.upkeep.prune() == (2, 1)
    assert await practice.upkeep.prune() == (0, 0)
    with pytest.raises(BookmarkLost):
        await practice.changes(begin)
    noticed, after = await practice.changes(middle)
    assert [it.change.id for it in noticed] == ["c"]
    assert await practice.changes(after) == ([], after)
    assert [it.size for it in await Quarantine(store, never).kept()] == [3]
    assert set(await read(practice, "a", "b", "c")) == {"a", "b", "c"}


async def test_where_all_that_changed_is_let_go_of_bookmarks_go_on_from_there(
    store: Store, practice: BilledPractice
) -> None:
    await book(store, booking(visit("a"), 1))
    _, bookmark = await practice.changes(None)
    await store.write(lambda connection: connection.execute(update(journal).values(received=LONG_AGO)))
    assert await practice.upkeep.prune() == (1, 0)

    assert await practice.changes(bookmark) == ([], bookmark)
    assert await practice.changes(None) == ((), bookmark)
    await book(store, booking(visit("b"), 2))
    noticed, _ = await practice.changes(bookmark)
    assert [it.change.id for it in noticed] == ["b"]


class Told:
    """What was told of a feed's age."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, datetime, bool]] = []

    def on_told(self, source: str, as_of: datetime, is_stale: bool) -> None:
        self.heard.append((source, as_of, is_stale))


async def test_a_feed_that_fell_silent_shows_in_the_health_the_answer_and_the_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Told()
    practice = BilledPractice(store, keeping=Keeping(stale_after=timedelta(hours=2)), observers=[heard])
    assert practice.health().status is SourceStatus.ANSWERING
    now = datetime.now(UTC)
    ago = {hours: (now - timedelta(hours=hours)).isoformat() for hours in (1, 3)}

    async def tells(hours: int) -> SourceTally:
        def write(connection: Connection) -> None:
            Ledger(connection).fed()
            Ledger(connection).told(ago[hours])

        await store.write(write)
        with operating() as operation:
            await practice.appointments(["a"], ANY)
        return operation.tally.sources["pms"]

    with caplog.at_level("INFO", "sources.pms.projection.upkeep"):
        old = await tells(3)
        assert (practice.health().as_of, practice.health().status) == (ago[3], SourceStatus.STALE)
        new = await tells(1)
        assert (practice.health().as_of, practice.health().status) == (ago[1], SourceStatus.ANSWERING)
        again = await tells(3)

    assert [(it.as_of, it.status, it.calls) for it in (old, new, again)] == [
        (ago[3], Status.STALE, 0),
        (ago[1], Status.OK, 0),
        (ago[1], Status.OK, 0),
    ]
    assert [it[2] for it in heard.heard] == [True, False, False]
    assert [(it.levelname, it.as_of) for it in caplog.records if hasattr(it, "as_of")] == [
        ("ERROR", ago[3]),
        ("INFO", ago[1]),
    ]


async def test_a_feed_that_never_told_anything_is_as_old_as_the_process(store: Store) -> None:
    heard = Told()
    practice = BilledPractice(store, keeping=Keeping(stale_after=timedelta(0)), observers=[heard])
    async with practice.upkeep.running():
        async with asyncio.timeout(30):
            while not heard.heard:  # noqa: ASYNC110 - another task does it
                await asyncio.sleep(0.01)

    assert practice.health().status is SourceStatus.STALE
    assert practice.health().as_of is None


async def test_transactions_that_write_wait_for_each_other_across_processes(store: Store) -> None:
    other = Store(store.name, store._url.render_as_string(hide_password=False))
    is_in, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def slow(connection: Connection) -> None:
        is_in.set()
        assert go_on.wait(30)
        order.append("first")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(store.write(slow))
        assert await asyncio.to_thread(is_in.wait, 30)
        tasks.create_task(other.write(lambda connection: order.append("second")))
        go_on.set()
    await other.close()

    assert order == ["first", "second"]


async def test_a_store_of_another_schema_version_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "pms.sqlite3"
    old = sqlite3.connect(path)
    old.executescript("CREATE TABLE meta (name VARCHAR PRIMARY KEY, value TEXT);")
    old.execute("INSERT INTO meta VALUES ('version', '1'), ('source', 'pms')")
    old.commit()

    with pytest.raises(SourceRejected, match="is of schema version 1, and this CareGraph's is 2; move it"):
        await BilledPractice(Store("pms", f"sqlite:///{path}")).check()
    assert old.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("meta",)]
    old.close()


def test_whoever_changes_the_tables_raises_the_schema_version() -> None:
    written = "".join(str(CreateTable(table)) for table in metadata.sorted_tables)

    assert (SCHEMA_VERSION, sha256(written.encode()).hexdigest()[:12]) == (2, "aa33e99be96e")


MERGES = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"), st.integers(0, 59)), min_size=1, max_size=12
)


@unhurried
@given(MERGES)
def test_whatever_is_merged_no_surviving_number_is_retired_and_no_appointment_lost(
    merges: list[tuple[str, str, int]],
) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        ledger = Ledger(connection)
        ledger.book([booking(visit(mrn, Mrn(mrn))) for mrn in "abcde"])
        for one, other, minute in merges:
            ledger.merge(Merged(Mrn(one), Mrn(other), at(minute)))
        kept = {row.mrn: row.surviving for row in connection.execute(select(retired))}

        assert not set(kept) & set(kept.values())
        rows = [ledger.appointment(id_) for id_ in "abcde"]
        assert [row.id for row in rows if row is not None] == list("abcde")
        assert not {row.patient_mrn for row in rows if row is not None} & set(kept)
    engine.dispose()


EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.sampled_from(["booked", "noshow", None])),
    max_size=12,
)


@unhurried
@given(EVENTS)
def test_in_whatever_order_events_come_the_latest_one_stands(
    events: list[tuple[str, int, str | None]],
) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        ledger = Ledger(connection)
        latest: dict[str, tuple[int, str | None]] = {}
        for id_, minute, status in events:
            ledger.book([Booking(id_, at(minute), visit(id_, status=status) if status else None)])
            is_news = id_ in latest or status is not None
            if is_news and minute >= latest.get(id_, (0, None))[0]:
                latest[id_] = (minute, status)
        found = {id_: ledger.appointment(id_) for id_ in latest}

        assert {id_: row and row.status for id_, row in found.items()} == {
            id_: status for id_, (_, status) in latest.items()
        }
    engine.dispose()


QUERIES = [
    AppointmentQuery(start="2026-11-22T11:00:00-06:00"),
    AppointmentQuery(end="2026-11-22T17:30:00Z"),
    AppointmentQuery(start="2026-11-22T12:00:00Z", end="2026-11-22T13:00:00Z"),
    AppointmentQuery(statuses=("noshow",)),
    AppointmentQuery(npis=("n1",), statuses=("booked", "noshow")),
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_a_query_finds_what_it_finds_in_memory(
    store: Store, practice: BilledPractice, query: AppointmentQuery
) -> None:
    rows = [
        visit(
            f"{n:02}",
            (ANA, BEN)[n % 2],
            None if n == 7 else f"2026-11-22T{10 + n % 9:02}:00:00Z",
            status=("booked", "noshow", "cancelled")[n % 3],
            booked=(Booked(npi=f"n{n % 2}"), Booked(npi="n9")),
            version="1",
            last_updated=at(0),
        )
        for n in range(20)
    ]
    await book(store, *map(booking, rows))
    memory = MemoryPractice(rows)

    found = await practice.appointments_of([ANA, BEN], query, ANY)
    expected = await memory.appointments_of([ANA, BEN], query, ANY)
    assert found == expected
    assert 0 < sum(len(it.rows) for it in expected.values() if isinstance(it, Listed)) < 20
    page = await practice.search_appointments(query, 50, None, ANY)
    assert page == await memory.search_appointments(query, 50, None, ANY)


async def test_a_check_says_what_it_is(practice: BilledPractice) -> None:
    assert await practice.check() == (
        True,
        ("projection, schema version 2", "its feed has told what there is"),
    )
    assert practice.health()[:3] == ("pms", "pms", True)


async def test_an_appointment_is_found_by_the_filler_s_name_or_else_by_the_placer_s(store: Store) -> None:
    await book(store, booking(visit("a"), 1, None, "P1"), booking(visit("b"), 1, "F2", "P2"))

    def named(connection: Any) -> list[str | None]:
        names = [("F9", "P1"), ("F2", "P1"), ("F9", "P2"), (None, "P2"), (None, "F2"), ("P1", None)]
        found = [Ledger(connection).named(*each) for each in names]
        return [None if row is None else row.id for row in found]

    assert await store.read(named) == ["a", "b", None, "b", None, None]


async def test_a_question_that_takes_too_long_fails_in_time(store: Store) -> None:
    await store.write(lambda connection: Ledger(connection).fed())
    practice = BilledPractice(store, timeout_s=0.2)
    release = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(store.read(lambda connection: release.wait(30)))
        await asyncio.sleep(0)
        with pytest.raises(SourceTimeout):
            await practice.appointments(["a"], ANY)
        release.set()
    assert await BilledPractice(store).appointments(["a"], ANY) == {}
