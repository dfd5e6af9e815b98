"""What feeds refuse is kept, and taken later when what was wrong with the settings is mended."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.pms.export import Export
from sandbox.pms.sender import line
from sandbox.records import Pms
from sources.calling import Flaw
from sources.model import Appointment
from sources.pms.files import FilesPractice, FilesSettings
from sources.pms.hl7v2 import Hl7Practice, Hl7Settings, ListenerSettings
from sources.pms.projection import Store
from sources.quarantine import Fate, Quarantine, Retried
from tests.sources.filed import practice as filed
from tests.sources.hl7 import SETTINGS, feed, port_of
from tests.sources.test_files import CHANGED, HEADER, HOUSE, PLAIN, row, rows
from tests.sources.test_hl7_messages import adt, siu

pytestmark = pytest.mark.anyio

ANY: frozenset[str] = frozenset()
UNKNOWN_WORD = "SCH-25: a status that is not known; name it in `statuses`"


class Heard:
    """What was told of refusals."""

    def __init__(self) -> None:
        self.flaws: list[tuple[str, Flaw, str | None]] = []

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        self.flaws.append((source, flaw, record))


async def released(quarantine: Quarantine, *, anyway: bool = False) -> list[Retried]:
    ids = [it.id for it in await quarantine.kept()]
    return [became for _, became in await quarantine.release(ids, anyway=anyway)]


async def statuses(practice: FilesPractice | Hl7Practice, *ids: str) -> dict[str, str]:
    found = await practice.appointments(ids, ANY)
    return {id_: row.status for id_, row in found.items() if isinstance(row, Appointment)}


def by_the_command(folder: Path, settings: Hl7Settings) -> Hl7Practice:
    """The same practice in the process of an operator's command: it does not listen."""
    store = Store(settings.name, f"sqlite:///{folder}/pms.sqlite3")
    return Hl7Practice(store, settings, ListenerSettings(port=0), timeout_s=30.0)


async def test_messages_are_taken_by_mended_settings_while_the_feed_is_listened_to(tmp_path: Path) -> None:
    heard = Heard()
    waiting = siu(at="20261120093000-0600").replace("Booked^Booked^HL70278", "Lobby")
    async with feed(tmp_path, observers=[heard]) as practice, line(await port_of(practice)) as sender:
        refused = await sender.send(waiting)
        assert await sender.send(adt("A08", "PID|1||MRN77^^^CLINIC1^MR||Müller^Jo||19601341"))
        kept = await practice.quarantine.kept()
        mended = by_the_command(tmp_path, replace(SETTINGS, statuses={"lobby": "arrived"}))

        assert [told.fate for told in await released(mended.quarantine)] == [Fate.APPLIED, Fate.REFUSED]
        assert await statuses(practice, "FI-100") == {"FI-100": "arrived"}
        assert [it.why for it in await practice.quarantine.kept()] == ["PID-7: no day of the calendar"]
        taken = await sender.send(waiting)
        await mended.close()

    assert ("\rMSA|AE|" in refused, "\rMSA|AA|" in taken) == (True, True)
    assert [(it.kind, it.origin) for it in kept] == [("message", "hl7v2 message")] * 2
    assert [(source, flaw.kind, record) for source, flaw, record in heard.flaws] == [
        ("pms", "message", None),
        ("pms", "message", None),
    ]
    assert [flaw.why for _, flaw, _ in heard.flaws] == [it.why for it in kept]
    assert "MRN77" not in repr(heard.flaws)


async def test_a_message_that_is_older_than_what_is_known_by_now_changes_nothing(tmp_path: Path) -> None:
    async with feed(tmp_path) as practice, line(await port_of(practice)) as sender:
        await sender.send(siu(at="20261120093000-0600").replace("Booked^Booked^HL70278", "Lobby"))
        assert "\rMSA|AA|" in await sender.send(siu("S15", at="20261120113000-0600"))
        before = await statuses(practice, "FI-100")
        mended = by_the_command(tmp_path, replace(SETTINGS, statuses={"lobby": "arrived"}))

        assert await released(mended.quarantine) == [Retried(Fate.STALE)]
        assert await released(mended.quarantine) == []
        assert await statuses(practice, "FI-100") == before
        await mended.close()


async def test_messages_are_taken_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    times = ("20261120093000-0600", "20261120103000-0600", "20261120113000-0600")
    texts = [siu(at=at).replace("Booked^Booked^HL70278", word) for at, word in zip(times, "ABC", strict=True)]
    async with feed(tmp_path) as practice, line(await port_of(practice)) as sender:
        for text in texts:
            await sender.send(text)
        _, bookmark = await practice.changes(None)
        words = {"a": "booked", "b": "arrived", "c": "fulfilled"}
        mended = by_the_command(tmp_path, replace(SETTINGS, statuses=words))

        assert [told.fate for told in await released(mended.quarantine)] == [Fate.APPLIED] * 3
        assert await statuses(practice, "FI-100") == {"FI-100": "fulfilled"}
        noticed, _ = await practice.changes(bookmark)
        assert [it.change.version for it in noticed] == ["1", "2", "3"]
        await mended.close()


class Office:
    """A practice that writes files, and the command of an operator with other settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard = Heard()
        (folder / "in").mkdir()
        self._export = Export(folder / "in", Pms())
        self._open: list[FilesPractice] = []
        self.practice = self.by(HOUSE)

    def by(self, house: FilesSettings) -> FilesPractice:
        made = filed(self.folder / "data", self.folder / "in", house, [self.heard])
        self._open.append(made)
        return made

    def write(self, name: str, *lines: str, header: str = HEADER) -> None:
        self._export.write(name, "\n".join([header, *lines]).encode() + b"\n")

    async def close(self) -> None:
        for each in self._open:
            await each.close()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    yield made
    await made.close()


LOST = replace(PLAIN, statuses={"lost": "noshow"})
MENDED = replace(HOUSE, feeds=(LOST, replace(CHANGED, statuses={"lost": "noshow"})))


async def test_a_row_is_taken_when_its_word_is_in_the_settings(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(30), row(31, "lost"))
    await office.practice.looks.look()
    assert await released(office.practice.quarantine) == [
        Retried(Fate.REFUSED, "STATUS: a status that is not known; name it in `statuses`")
    ]

    assert await released(office.by(MENDED).quarantine) == [Retried(Fate.APPLIED)]
    assert await statuses(office.practice, "31") == {"31": "noshow"}
    assert await released(office.by(MENDED).quarantine) == []
    assert [(source, flaw.kind) for source, flaw, _ in office.heard.flaws] == [("pms", "appointments")]
    assert "MRN-31" not in repr(office.heard.flaws)


async def test_a_row_is_older_than_a_full_file_that_came_since(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(30), row(31, "lost"))
    office.write("book_20261120020000.csv", *rows(30), row(31, "cancelled"))
    await office.practice.looks.look()

    assert await released(office.by(MENDED).quarantine) == [Retried(Fate.STALE)]
    assert await statuses(office.practice, "31") == {"31": "cancelled"}


async def test_rows_of_several_files_are_taken_by_their_time(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(30))
    office.write("changed_20261120030000.csv", *rows(21), row(22, "lost"))
    await office.practice.looks.look()
    office.write("changed_20261120020000.csv", *rows(21), row(22, "lost", start="2026-12-02T10:00"))
    await office.practice.looks.look()

    fates = [told.fate for told in await released(office.by(MENDED).quarantine)]
    assert fates == [Fate.APPLIED, Fate.APPLIED]
    found = (await office.practice.appointments(["22"], ANY))["22"]
    assert isinstance(found, Appointment)
    assert found.start == "2026-12-01T10:00:00-06:00"


async def test_a_row_without_all_its_cells_stays(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(30), "31,MRN-31")
    await office.practice.looks.look()

    assert await released(office.practice.quarantine, anyway=True) == [
        Retried(Fate.REFUSED, "it has not as many columns as the header")
    ]
    assert len(await office.practice.quarantine.kept()) == 1


async def test_a_file_is_taken_when_its_column_is_in_the_settings_and_not_taken_again(office: Office) -> None:
    office.write("book_20261120010000.csv", *(f"{it},x" for it in rows(3)), header=f"{HEADER},NEW")
    await office.practice.looks.look()
    mended = office.by(replace(HOUSE, feeds=(replace(PLAIN, ignored=frozenset({"NEW"})), CHANGED)))

    assert await released(mended.quarantine) == [Retried(Fate.APPLIED)]
    assert await statuses(office.practice, "0", "1", "2") == dict.fromkeys("012", "booked")
    assert [flaw.kind for _, flaw, _ in office.heard.flaws] == ["file"]
    _, bookmark = await office.practice.changes(None)
    for looks in (office.practice.looks, mended.looks):
        assert [one.is_new for one in await looks.look()] in ([], [False])
    assert await office.practice.changes(bookmark) == ([], bookmark)


async def test_a_refused_file_that_would_delete_too_much_needs_a_second_word(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(10))
    office.write("book_20261121010000.csv", *(f"{it},x" for it in rows(3)), header=f"{HEADER},NEW")
    await office.practice.looks.look()
    mended = office.by(replace(HOUSE, feeds=(replace(PLAIN, ignored=frozenset({"NEW"})), CHANGED)))
    why = "7 of 10 records are not in it; release it with --anyway if they are to go"

    assert await released(mended.quarantine) == [Retried(Fate.REFUSED, why)]
    assert [it.why for it in await mended.quarantine.kept()] == [why]
    assert len(await statuses(mended, *map(str, range(10)))) == 10
    assert await released(mended.quarantine, anyway=True) == [Retried(Fate.APPLIED)]
    assert len(await statuses(mended, *map(str, range(10)))) == 3


async def test_a_file_without_its_checksum_is_taken_only_if_a_person_says_so(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(3))
    (office.folder / "in" / "book_20261120010000.csv.sha256").write_text("0" * 64)
    for _ in range(2):
        await office.practice.looks.look()

    why = "it has not the checksum that is beside it"
    assert await released(office.practice.quarantine) == [Retried(Fate.REFUSED, why)]
    assert await released(office.practice.quarantine, anyway=True) == [Retried(Fate.APPLIED)]


async def test_a_file_that_was_too_long_to_be_kept_cannot_be_tried_again(office: Office) -> None:
    short = office.by(replace(HOUSE, max_bytes=1_000))
    office.write("book_20261120010000.csv", *rows(100))
    await short.looks.look()

    became = await released(short.quarantine)
    assert became == [Retried(Fate.NOT_KEPT, "it is longer than a file may be")]
    assert [one.state.value for one in await office.practice.looks.look()] == ["applied"]


async def test_what_two_commands_release_at_once_is_done_once(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(100), row(101, "lost"), row(102, "lost"))
    await office.practice.looks.look()
    one, other = office.by(MENDED), office.by(MENDED)

    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(released(each.quarantine)) for each in (one, other)]

    assert sorted(told.fate.name for each in both for told in each.result()) == ["APPLIED", "APPLIED"]
    _, end = await office.practice.changes(None)
    noticed, _ = await office.practice.changes(f"{end.partition('.')[0]}.0")
    assert [it.change.id for it in noticed if int(it.change.id) > 100] == ["101", "102"]
