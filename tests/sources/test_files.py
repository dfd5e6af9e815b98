"""A practice that writes files: which are taken, refused or held, and what they do to its records."""

import asyncio
import csv
import hashlib
import io
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.pms.export import Export
from sandbox.records import Pms
from sources.errors import SourceUnavailable
from sources.model import Appointment, ChangeKind
from sources.pms.files import FeedSettings, FilesPractice, FilesSettings, LocalFolder, State
from sources.pms.files.faults import BadFile
from sources.pms.files.sftp import SftpFolder, SftpSettings
from sources.pms.files.tables import table
from sources.pms.hl7v2.intake import Intake
from sources.pms.projection import Store
from sources.quarantine import Fate, Retried
from tests.postgres import PostgresProcess
from tests.sources import hl7
from tests.sources.filed import DELTA, FULL, SETTINGS, practice, sftp_server
from tests.sources.test_hl7_messages import siu

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()
COLUMNS = {
    "id": "ID",
    "mrn": "CHART",
    "status": "STATUS",
    "start": "STARTS",
    "minutes": "MIN",
    "deleted": "GONE",
}
PLAIN = FeedSettings(
    "plain", "appointments", "book_{stamp}.csv", COLUMNS, whole="sha256", ignored=frozenset({"X"})
)
CHANGED = replace(PLAIN, name="changed", pattern="changed_{stamp}.csv", mode="delta")
HOUSE = FilesSettings("pms", "America/Chicago", (PLAIN, CHANGED), look_every_s=0.05)
HEADER = "ID,CHART,STATUS,STARTS,MIN,GONE"


class Counted:
    def __init__(self) -> None:
        self.states: list[State] = []

    def on_file(self, source: str, feed: str, state: State) -> None:
        self.states.append(state)


class Desk:
    """A practice, its folder, and files that are put there."""

    def __init__(self, data: Path, folder: Path, house: FilesSettings = HOUSE) -> None:
        self.folder = folder
        self.counted = Counted()
        self.practice = practice(data, folder, house, [self.counted])
        self._export = Export(folder, Pms())

    def write(self, name: str, *rows: str, header: str = HEADER, **options: Any) -> Path:
        return self._export.write(name, "\n".join([header, *rows]).encode() + b"\n", **options)

    async def look(self, times: int = 1) -> list[State]:
        taken = [one for _ in range(times) for one in await self.practice.looks.look()]
        return [one.state for one in taken]

    async def book(self) -> dict[str, str]:
        found = await self.practice.appointments([str(n) for n in range(100)], ANY)
        return {id_: row.status for id_, row in found.items() if isinstance(row, Appointment)}

    async def quarantined(self) -> list[tuple[str, str]]:
        return [(it.origin, it.why) for it in await self.practice.quarantine.kept()]

    async def release(self, *, anyway: bool = False) -> list[Retried]:
        """Let all that is in quarantine be tried again."""
        ids = [it.id for it in await self.practice.quarantine.kept()]
        return [became for _, became in await self.practice.quarantine.release(ids, anyway=anyway)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "in").mkdir()
    made = Desk(tmp_path / "data", tmp_path / "in")
    yield made
    await made.practice.close()


def row(n: int, status: str = "booked", start: str = "2026-12-01T10:00", more: str = "30,") -> str:
    return f"{n},MRN-{n},{status},{start},{more}"


def rows(count: int) -> list[str]:
    return [row(n) for n in range(count)]


async def test_a_full_file_is_the_whole_book_and_what_vanishes_from_it_is_deleted(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(10))
    assert await desk.look() == [State.APPLIED]
    _, bookmark = await desk.practice.changes(None)
    desk.write("book_20261121010000.csv", *rows(9)[1:], row(0, "cancelled"))

    assert await desk.look() == [State.APPLIED]
    assert await desk.book() == {"0": "cancelled", **{str(n): "booked" for n in range(1, 9)}}
    noticed, _ = await desk.practice.changes(bookmark)
    assert [(it.change.kind, it.change.id, it.change.version) for it in noticed] == [
        (ChangeKind.UPDATED, "0", "2"),
        (ChangeKind.DELETED, "9", "2"),
    ]


async def test_a_deleted_appointment_comes_back_with_a_later_file(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(10))
    desk.write("book_20261121010000.csv", *rows(9))
    desk.write("book_20261122010000.csv", *rows(10))

    assert await desk.look() == [State.APPLIED] * 3
    assert len(await desk.book()) == 10


async def test_a_full_file_that_would_delete_too_much_waits_for_a_person(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(10))
    desk.write("book_20261121010000.csv", *rows(7))

    assert await desk.look(3) == [State.APPLIED, State.HELD]
    assert len(await desk.book()) == 10
    (held,) = await desk.practice.quarantine.kept()
    why = "3 of 10 records are not in it; release it with --anyway if they are to go"
    assert await desk.release() == [(Fate.REFUSED, why)]
    assert len(await desk.book()) == 10
    assert await desk.release(anyway=True) == [(Fate.APPLIED, "")]
    assert len(await desk.book()) == 7
    assert await desk.practice.quarantine.release([held.id], anyway=True) == []
    assert [it.state for it in await desk.practice.files()] == ["applied", "applied"]
    assert await desk.look(2) == []


async def test_a_delta_changes_what_it_names_and_deletes_what_it_says(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(5))
    desk.write("changed_20261120020000.csv", row(0, "noshow"), row(1, more="30,Y"), row(7))

    assert await desk.look() == [State.APPLIED] * 2
    assert await desk.book() == {"0": "noshow", "2": "booked", "3": "booked", "4": "booked", "7": "booked"}


async def test_files_are_taken_by_the_time_in_their_names(desk: Desk) -> None:
    desk.write("changed_20261120030000.csv", row(0, "fulfilled"))
    desk.write("changed_20261120020000.csv", row(0, "arrived"))
    desk.write("book_20261120010000.csv", *rows(1))

    await desk.look()

    assert await desk.book() == {"0": "fulfilled"}
    assert [it.name for it in await desk.practice.files()] == [
        "changed_20261120030000.csv",
        "changed_20261120020000.csv",
        "book_20261120010000.csv",
    ]


async def test_a_file_from_before_a_full_one_comes_too_late(desk: Desk) -> None:
    desk.write("book_20261121010000.csv", *rows(3))
    await desk.look()
    desk.write("book_20261120010000.csv", *rows(5))
    desk.write("changed_20261120020000.csv", row(0, "noshow"))

    assert await desk.look() == [State.OUTDATED] * 2
    assert await desk.book() == {"0": "booked", "1": "booked", "2": "booked"}


async def test_a_file_that_is_delivered_again_is_not_taken_again(desk: Desk) -> None:
    desk.write("book_20261120000000.csv", *rows(2))
    path = desk.write("changed_20261120010000.csv", row(0, "arrived"))
    await desk.look()
    desk.write("changed_20261120020000.csv", row(0, "fulfilled"))
    os.utime(path, (1, 1))

    await desk.look(2)

    assert desk.counted.states == [State.APPLIED] * 3
    assert (await desk.book())["0"] == "fulfilled"


async def test_a_file_under_the_same_name_with_other_content_corrects_it(desk: Desk) -> None:
    desk.write("book_20261120000000.csv", *rows(2))
    await desk.look()
    desk.write("book_20261120000000.csv", *rows(1), row(1, "cancelled"))

    assert await desk.look() == [State.APPLIED]
    assert await desk.book() == {"0": "booked", "1": "cancelled"}


async def test_another_process_does_not_take_a_file_again(desk: Desk, tmp_path: Path) -> None:
    desk.write("book_20261120010000.csv", *rows(2))
    await desk.look()
    other = Desk(tmp_path / "data", tmp_path / "in")

    await other.look()

    assert other.counted.states == []
    await other.practice.close()


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("ID,CHART,STATE,STARTS,MIN,GONE", "it has no column `STATUS`"),
        (f"{HEADER},NEW", "it has a column that is not known; name it in `columns` or in `ignored`"),
        (f"{HEADER},ID", "its header names a column twice, or one not at all"),
        ("", "its header names a column twice, or one not at all"),
    ],
)
async def test_a_file_with_other_columns_is_refused_and_kept(desk: Desk, header: str, why: str) -> None:
    path = desk.write("book_20261120010000.csv", "1,2,3,4,5,6", header=header)

    assert await desk.look(3) == [State.REFUSED]
    listed = await desk.practice.quarantine.kept()
    assert [(it.origin, it.why) for it in listed] == [
        ("book_20261120010000.csv", why if header else "it has no column `CHART`")
    ]
    assert await desk.practice.quarantine.body(listed[0].id) == path.read_bytes()
    with pytest.raises(SourceUnavailable):
        await desk.book()


async def test_a_column_on_the_list_of_the_ignored_may_be_there(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", f"{row(1)},secret", header=f"{HEADER},X")

    assert await desk.look() == [State.APPLIED]


BAD = [
    ("21,MRN-21,lost,2026-12-01T10:00,30,", "STATUS: a status that is not known; name it in `statuses`"),
    ("21,MRN-21,booked,tomorrow,30,", "STARTS: no time"),
    ("21,MRN-21,booked,2026-12-01T10:00,half an hour,", "MIN: no number of minutes"),
    ("21,MRN-21,booked,2026-12-01T10:00,30,maybe", "GONE: neither yes nor no"),
    ("21,,booked,2026-12-01T10:00,30,", "CHART: empty"),
    ("21,MRN-21,booked,,30,", "STARTS: empty"),
    ("a/b,MRN-21,booked,2026-12-01T10:00,30,", "ID: an id with characters or of a length that are not taken"),
    ("21,MRN-\x0121,booked,2026-12-01T10:00,30,", "CHART: too long, or with control characters"),
    ("21,MRN-21,booked", "it has not as many columns as the header"),
    ("3,MRN-3,booked,2026-12-01T10:00,30,", "its id comes twice"),
]


@pytest.mark.parametrize(("bad", "why"), BAD)
async def test_a_bad_row_is_put_aside_by_its_line_and_the_others_are_taken(
    desk: Desk, bad: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.write("book_20261120010000.csv", *rows(20), bad)

    assert await desk.look() == [State.APPLIED]
    assert await desk.quarantined() == [("book_20261120010000.csv line 22", why)]
    (kept,) = await desk.practice.quarantine.kept()
    assert await desk.practice.quarantine.body(kept.id) == bad.encode()
    assert len(await desk.book()) == 20
    assert "MRN-21" not in caplog.text
    assert [it.bad for it in await desk.practice.files()] == [1]


async def test_a_record_whose_row_is_bad_is_not_deleted(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(40))
    desk.write("book_20261121010000.csv", *rows(39), row(39, "lost"))

    assert await desk.look() == [State.APPLIED] * 2
    assert len(await desk.book()) == 40


async def test_where_a_row_does_not_tell_whose_it_is_nothing_is_deleted(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(40))
    desk.write("book_20261121010000.csv", *rows(38), "?,,,,,")

    assert await desk.look() == [State.APPLIED] * 2
    assert len(await desk.book()) == 40


async def test_a_file_with_too_many_bad_rows_is_refused_until_it_is_released(desk: Desk) -> None:
    desk.write("book_20261120010000.csv", *rows(10), row(11, "lost"), row(12, "lost"))

    assert await desk.look() == [State.REFUSED]
    assert await desk.quarantined() == [("book_20261120010000.csv", "2 of its 12 rows cannot be taken")]
    assert await desk.release() == [(Fate.REFUSED, "2 of its 12 rows cannot be taken")]
    assert await desk.release(anyway=True) == [(Fate.APPLIED, "")]
    assert len(await desk.book()) == 10
    assert [origin for origin, _ in await desk.quarantined()] == [
        "book_20261120010000.csv line 12",
        "book_20261120010000.csv line 13",
    ]


async def test_what_no_one_thought_of_costs_one_file_and_not_those_behind_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(content: bytes, feed: FeedSettings) -> Any:
        if b"MRN-9" in content:
            raise ZeroDivisionError("MRN-9")
        return table(content, feed)

    monkeypatch.setattr("sources.pms.files.intake.table", fails)
    desk.write("book_20261120010000.csv", *rows(10))
    desk.write("book_20261120020000.csv", *rows(9))

    assert await desk.look() == [State.REFUSED, State.APPLIED]
    assert await desk.quarantined() == [("book_20261120010000.csv", "it could not be applied here")]


async def test_files_and_messages_are_kept_in_postgresql_alike(
    postgres: PostgresProcess, tmp_path: Path
) -> None:
    store = Store("pms", postgres.database())
    made = FilesPractice(store, HOUSE, LocalFolder(tmp_path), timeout_s=30.0)
    export = Export(tmp_path, Pms())
    export.write("book_20261120010000.csv", "\n".join([HEADER, *rows(20), row(21, "lost")]).encode())
    export.write("book_20261120020000.csv", "\n".join([HEADER, *rows(3)]).encode())

    assert [one.state for one in await made.looks.look()] == [State.APPLIED, State.HELD]
    assert len(await made.appointments([str(n) for n in range(30)], ANY)) == 20
    assert [(it.kind, it.origin) for it in await made.quarantine.kept()] == [
        ("appointments", "book_20261120010000.csv line 22"),
        ("file", "book_20261120020000.csv"),
    ]
    intake = Intake(store, hl7.SETTINGS)
    text = siu().encode()
    first, second = await intake.take(text), await intake.take(text)
    assert first == second
    assert b"\rMSA|AA|" in first
    assert list(await made.appointments(["FI-100"], ANY)) == ["FI-100"]
    await made.close()


async def test_a_file_that_is_not_finished_waits(desk: Desk) -> None:
    (desk.folder / "book_20261120010000.csv.tmp").write_text(HEADER)
    (desk.folder / ".book_20261120010000.csv").write_text(HEADER)
    path = desk.write("book_20261120010000.csv", *rows(3), checksum=False)
    assert await desk.look(3) == []

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (desk.folder / f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")

    assert await desk.look() == [State.APPLIED]


async def test_a_file_that_grows_waits_for_its_end_and_one_that_is_not_what_was_sent_is_refused(
    desk: Desk,
) -> None:
    path = desk.write("book_20261120010000.csv", *rows(3))
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    assert await desk.look() == []
    path.write_bytes(whole)
    assert await desk.look() == [State.APPLIED]

    other = desk.write("book_20261121010000.csv", *rows(3))
    other.write_bytes(whole[:40])
    assert await desk.look(3) == [State.REFUSED]
    assert await desk.quarantined() == [
        ("book_20261121010000.csv", "it has not the checksum that is beside it")
    ]


@pytest.mark.parametrize(
    ("end", "states"),
    [
        ("TRAILER,3", [State.APPLIED]),
        ("TRAILER,4", [State.REFUSED]),
        ("TRAILER,x", [State.REFUSED]),
        ("", [State.REFUSED]),
    ],
)
async def test_a_trailer_says_how_many_rows_there_are(tmp_path: Path, end: str, states: list[State]) -> None:
    feed = replace(PLAIN, whole="trailer")
    (tmp_path / "in").mkdir()
    desk = Desk(tmp_path, tmp_path / "in", replace(HOUSE, feeds=(feed,)))
    desk.write("book_20261120010000.csv", *rows(3), end)

    assert await desk.look(3) == states
    await desk.practice.close()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("book_20991120010000.csv", "its name tells of a time that is still to come"),
        ("book_yesterday.csv", "its name tells no time, as `stamp_format` has it"),
    ],
)
async def test_a_file_whose_time_cannot_be_is_refused(desk: Desk, name: str, why: str) -> None:
    desk.write(name, *rows(3))

    assert await desk.look() == [State.REFUSED]
    assert await desk.quarantined() == [(name, why)]


async def test_a_file_in_another_character_set_or_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    desk = Desk(tmp_path, tmp_path / "in", replace(HOUSE, max_bytes=2_000))
    Export(desk.folder, Pms()).write("book_20261120010000.csv", f"{HEADER}\nü".encode("latin-1"))
    desk.write("book_20261120020000.csv", *rows(100))

    assert await desk.look() == [State.REFUSED] * 2
    assert [why for _, why in await desk.quarantined()] == [
        "it is not in its character set",
        "it is longer than a file may be",
    ]
    await desk.practice.close()


async def test_a_link_out_of_the_folder_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(HEADER)
    os.symlink(outside, desk.folder / "book_20261120010000.csv")
    (desk.folder / "book_20261120010000.csv.sha256").write_text("0" * 64)

    assert await desk.look(3) == []


async def test_times_without_an_offset_are_the_practice_s_and_forms_may_be_its_own(tmp_path: Path) -> None:
    feed = replace(
        PLAIN, time_format="%m/%d/%Y %I:%M %p", delimiter=";", charset="latin-1", statuses={"é": "booked"}
    )
    (tmp_path / "in").mkdir()
    desk = Desk(tmp_path, tmp_path / "in", replace(HOUSE, feeds=(feed,)))
    content = "ID;CHART;STATUS;STARTS;MIN;GONE\n1;MRN-1;é;07/01/2026 01:30 PM;45;\n".encode("latin-1")
    Export(desk.folder, Pms()).write("book_20261120010000.csv", content)

    await desk.look()
    found = (await desk.practice.appointments(["1"], ANY))["1"]

    assert isinstance(found, Appointment)
    assert (found.start, found.end) == ("2026-07-01T13:30:00-05:00", "2026-07-01T14:15:00-05:00")
    await desk.practice.close()


async def test_the_folder_is_looked_at_as_long_as_the_gateway_runs(desk: Desk) -> None:
    async with desk.practice.running():
        desk.write("book_20261120010000.csv", *rows(2))
        async with asyncio.timeout(30):
            while not await desk.practice.files():  # noqa: ASYNC110 - another task writes it to the disk
                await asyncio.sleep(0.05)
        assert desk.practice.health().up


async def test_a_folder_that_is_gone_shows_in_the_health(tmp_path: Path) -> None:
    made = practice(tmp_path, tmp_path / "nowhere", HOUSE)
    async with made.running():
        async with asyncio.timeout(30):
            while made.health().up:  # noqa: ASYNC110 - there is no event to wait for: nothing happens
                await asyncio.sleep(0.05)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    made = tuple(tmp_path / name for name in ("data", "in", "keys"))
    for each in made:
        each.mkdir()
    return made[0], made[1], made[2]


def over_sftp(keys: Path, port: int, **given: Any) -> SftpFolder:
    options = {"path": "/", "port": port, "key": f"{keys}/id", "known_hosts": f"{keys}/known_hosts", **given}
    return SftpFolder(SftpSettings("127.0.0.1", "caregraph", **options))


@pytest.mark.parametrize("sign_in", [{}, {"key": None, "password": "a-password-of-the-tests"}])
async def test_files_come_over_sftp_by_a_key_or_a_password(
    places: tuple[Path, Path, Path], sign_in: dict[str, Any]
) -> None:
    data, folder, keys = places
    Export(folder, Pms()).write("book_20261120010000.csv", "\n".join([HEADER, *rows(3)]).encode())
    async with sftp_server(folder, keys) as port:
        made: FilesPractice = practice(data, over_sftp(keys, port, **sign_in), HOUSE)
        assert [one.state for one in await made.looks.look()] == [State.APPLIED]
        assert len(await made.appointments(["0", "1", "2"], ANY)) == 3
        await made.close()


async def test_a_server_with_another_key_or_that_does_not_know_us_is_not_used(
    places: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    data, folder, keys = places
    async with sftp_server(folder, keys) as port:
        (keys / "others").write_text((keys / "known_hosts").read_text().replace(f":{port} ", ":1 "))
        for given in (
            {"known_hosts": f"{keys}/others"},
            {"known_hosts": f"{keys}/none"},
            {"key": None, "password": "wrong"},
        ):
            made = practice(data, over_sftp(keys, port, **given), HOUSE)
            with pytest.raises(OSError, match=r"SFTP|No such file"):
                await made.looks.look()
            await made.close()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"pattern": "book.csv"}, "stamp"),
        ({"pattern": "../{stamp}"}, "stamp"),
        ({"columns": {**COLUMNS, "ssn": "SSN"}}, "appointments have no `ssn`"),
        ({"columns": {"id": "ID"}}, "appointments need a column for `mrn`"),
        ({"delimiter": "--"}, "delimiter"),
        ({"charset": "klingon"}, "charset"),
    ],
)
def test_a_feed_that_cannot_be_used_says_why(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(PLAIN, **changed)


XML = replace(
    PLAIN,
    format="xml",
    row="visit",
    whole="stable",
    columns={"id": "id", "mrn": "chart", "status": "s", "start": "at"},
)


def test_xml_rows_are_attributes_and_elements() -> None:
    content = (
        b'<book count="2"><visit id="1"><chart>A</chart><s>booked</s><at/></visit><visit id="2"/></book>'
    )

    read = table(content, XML)

    assert [(it.line, it.cells) for it in read.rows] == [
        (1, {"id": "1", "chart": "A", "s": "booked", "at": ""}),
        (2, {"id": "2", "chart": "", "s": "", "at": ""}),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"<book>",
        b"",
        b'<!DOCTYPE b [<!ENTITY e "x">]><book><visit id="1"/></book>',
        b'<!DOCTYPE b SYSTEM "file:///etc/passwd"><book/>',
        b'<book count="3"><visit id="1"><chart/><s/><at/></visit></book>',
        b'<book count="x"/>',
        b'<?xml version="1.0" encoding="klingon"?><book/>',
        b'<book><visit id="1"><chart/><s/><at/><more/></visit></book>',
        b'<book><visit id="1"/></book>',
    ],
)
def test_xml_with_what_is_not_taken_is_refused(content: bytes) -> None:
    with pytest.raises(BadFile):
        table(content, XML)


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([PLAIN, XML, replace(PLAIN, whole="trailer")]))
def test_whatever_bytes_a_file_has_it_is_read_or_refused(content: bytes, feed: FeedSettings) -> None:
    for each in (content, HEADER.encode() + b"\n" + content):
        try:
            read = table(each, feed)
        except BadFile:
            continue
        assert set(feed.columns.values()) <= read.columns or not read.rows


CELLS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8), min_size=6, max_size=6
)


@settings(deadline=None)
@given(st.lists(CELLS.filter(lambda it: it[0].strip() != "TRAILER" and any(it)), max_size=6))
def test_cells_are_read_as_they_were_written(cells: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER.split(","), *cells])

    read = table(out.getvalue().encode(), PLAIN)

    assert [list((it.cells or {}).values()) for it in read.rows] == [
        [one.strip() for one in it] for it in cells
    ]


def test_the_settings_of_the_sandbox_s_files_tell_full_from_delta() -> None:
    name = "appointments_full_20261120010000.csv"

    assert (FULL.stamp_in(name), SETTINGS.feeds[0].name) == ("20261120010000", "full")
    assert DELTA.stamp_in("appointments_20261120010000.csv") == "20261120010000"
