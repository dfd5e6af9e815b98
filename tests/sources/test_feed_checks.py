"""`caregraph check` of feeds: folders are listed, lines listened at, and what is wrong has a next step."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox.pms.export import Export, stamp
from sandbox.pms.sender import line
from sandbox.records import Pms
from sources.pms.files import FilesPractice
from sources.pms.files.folders import Folder
from sources.pms.hl7v2 import Hl7Practice, ListenerSettings
from sources.pms.projection import Keeping, Store, age
from sources.ports import Checked
from tests.sources.authority import Authority
from tests.sources.filed import practice, sftp_server
from tests.sources.hl7 import SETTINGS, feed, port_of
from tests.sources.test_files import CHANGED, HEADER, HOUSE, PLAIN, over_sftp, row, rows
from tests.sources.test_hl7_messages import adt, siu

pytestmark = pytest.mark.anyio

UNTOLD = "its feed has not told what there is; wait for it"
NO_WORD = "STATUS: a status that is not known; name it in `statuses`"
VERSION = "projection, schema version 2"


class Office:
    """A practice's folder, and what a check finds of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "in").mkdir()
        self._export = Export(folder / "in", Pms())
        self._open: list[FilesPractice] = []

    def write(self, name: str, *lines: str, header: str = HEADER) -> None:
        self._export.write(name, "\n".join([header, *lines]).encode() + b"\n")

    def practice(self, folder: Folder | Path | None = None, **changed: Any) -> FilesPractice:
        house = replace(HOUSE, feeds=(replace(PLAIN, **changed), CHANGED))
        made = practice(self.folder / "data", folder or self.folder / "in", house)
        self._open.append(made)
        return made

    async def checked(self, folder: Folder | Path | None = None, **changed: Any) -> Checked:
        return await self.practice(folder, **changed).check()

    async def close(self) -> None:
        for each in self._open:
            await each.close()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    yield made
    await made.close()


def hours_ago(hours: float) -> str:
    """The time in a file's name, by the clock of HOUSE but for an hour at most."""
    return stamp(datetime.now(UTC) - timedelta(hours=6 + hours))


async def test_the_newest_file_is_held_against_the_mapping_and_nothing_is_applied(office: Office) -> None:
    office.write("book_20261120010000.csv", *rows(3), header="OTHER,COLUMNS")
    office.write("book_20261121010000.csv", *rows(20), row(21, "lost"))

    found = await office.checked()

    newest = "plain: `book_20261121010000.csv` is the newest, of "
    assert found.ok
    assert found.said[0] == "the folder can be listed; it has 4 files"
    assert found.said[1].startswith(newest)
    assert found.said[2:] == (
        "its columns fit; 21 rows",
        f"1 of them cannot be taken, such as in line 22: {NO_WORD}",
        "changed: no file is named as `changed_{stamp}.csv`",
        VERSION,
        UNTOLD,
    )
    assert await office.practice().files() == []


@pytest.mark.parametrize(
    ("lines", "header", "why"),
    [
        (["1,2,3,4,5,6"], "ID,CHART,STATE,STARTS,MIN,GONE", "it cannot be taken: it has no column `STATUS`"),
        (
            ["1,2,3,4,5,6,7"],
            f"{HEADER},NEW",
            "it cannot be taken: it has a column that is not known; name it in `columns` or in `ignored`",
        ),
        (
            [row(1, "lost"), row(2)],
            HEADER,
            f"1 of them cannot be taken, such as in line 2: {NO_WORD}",
        ),
    ],
)
async def test_a_file_that_would_be_refused_is_found(
    office: Office, lines: list[str], header: str, why: str
) -> None:
    office.write("book_20261121010000.csv", *lines, header=header)

    found = await office.checked()
    assert (found.ok, why in found.said) == (False, True)
    assert "MRN-1" not in repr(found)


async def test_a_folder_in_which_nothing_is_named_as_it_should_be_is_found(office: Office) -> None:
    office.write("Book 20261121010000.csv", *rows(3))
    assert await office.checked() == Checked(
        False,
        (
            "the folder can be listed; it has 2 files",
            "plain: no file is named as `book_{stamp}.csv`",
            "changed: no file is named as `changed_{stamp}.csv`",
            VERSION,
            UNTOLD,
        ),
    )
    office.write("book_2026-11-21.csv", *rows(3))
    assert "plain: no file tells a time, as `stamp_format` has it" in (await office.checked()).said


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nowhere", ("the folder cannot be read: FileNotFoundError", "see that `path` is right")),
        ("file", ("the folder cannot be read: NotADirectoryError", "set `path` to a folder")),
    ],
)
async def test_a_folder_that_cannot_be_read_is_found(
    office: Office, what: str, said: tuple[str, str]
) -> None:
    (office.folder / "file").touch()

    found = await office.checked(office.folder / what)
    assert (found.ok, found.said[:2]) == (False, said)


async def test_an_sftp_server_is_tried_with_what_it_wants(office: Office, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    office.write("book_20261121010000.csv", *rows(3))
    async with sftp_server(office.folder / "in", keys) as port:
        (keys / "others").write_text((keys / "known_hosts").read_text().replace(f":{port} ", ":1 "))
        good = await office.checked(over_sftp(keys, port))
        bad = [
            (await office.checked(over_sftp(keys, port, **given))).said[:2]
            for given in (
                {"known_hosts": f"{keys}/others"},
                {"key": None, "password": "wrong-word"},
                {"path": "/nowhere"},
            )
        ]

    assert (good.ok, good.said[0]) == (True, "the folder can be listed; it has 2 files")
    assert bad == [
        (
            "the folder cannot be read: HostKeyNotVerifiable",
            "its key is not in `known_hosts`; ask whose it is before you put it there",
        ),
        (
            "the folder cannot be read: PermissionDenied",
            "see that `username`, and `key` or `password`, are right",
        ),
        ("the folder cannot be read: SFTPNoSuchFile", "see that `path` is right"),
    ]


async def test_a_feed_that_fell_silent_and_what_it_was_refused_are_found(office: Office) -> None:
    office.write(f"book_{hours_ago(5)}.csv", *rows(30), row(31, "lost"))
    taken = office.practice()
    await taken.looks.look()
    assert (await taken.check()).ok
    strict = FilesPractice(
        Store("pms", f"sqlite:///{office.folder}/data/pms.sqlite3"),
        HOUSE,
        taken._folder,
        keeping=Keeping(stale_after=timedelta(hours=2)),
        timeout_s=30.0,
    )

    found = await strict.check()
    await strict.close()
    assert not found.ok
    assert found.said[-3].startswith("its feed has told what there is, last ")
    assert found.said[-2:] == (
        "1 messages, files or rows are in quarantine: `caregraph quarantine list`",
        "that is longer ago than `stale_after_h`: see that its sender runs, and reaches us",
    )


def over_the_line(folder: Path, listener: ListenerSettings) -> Hl7Practice:
    return Hl7Practice(Store("pms", f"sqlite:///{folder}/pms.sqlite3"), SETTINGS, listener, timeout_s=30.0)


async def test_a_port_is_tried_and_let_go_of(tmp_path: Path) -> None:
    practice = over_the_line(tmp_path, ListenerSettings(port=0))

    assert await practice.check() == await practice.check()
    assert await practice.check() == Checked(
        True, ("127.0.0.1:0 can be listened at; no gateway does now", VERSION, UNTOLD)
    )
    await practice.close()


async def test_a_port_that_is_taken_and_an_address_that_is_not_ours_are_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for listener, why in (
            (ListenerSettings(port=port), f"127.0.0.1:{port} cannot be listened at (Address already in use)"),
            (
                ListenerSettings(host="192.0.2.1", port=0),
                "192.0.2.1:0 cannot be listened at (Cannot assign requested address)",
            ),
        ):
            practice = over_the_line(tmp_path, listener)
            found = await practice.check()
            assert (found.ok, found.said[:2]) == (
                False,
                (
                    why,
                    "see that `host` is an address of this machine, and that nothing else listens there",
                ),
            )
            await practice.close()


async def test_where_a_gateway_listens_its_line_is_left_alone(tmp_path: Path) -> None:
    async with feed(tmp_path) as listening, line(await port_of(listening)) as sender:
        assert "\rMSA|AA|" in await sender.send(siu())
        assert "\rMSA|AE|" in await sender.send(adt("A08", "PID|1||MRN77^^^CLINIC1^MR||M^J||19601341"))
        other = over_the_line(tmp_path, ListenerSettings(port=2575))
        found = await other.check()
        await other.close()

    assert found.ok
    assert found.said[0] == "a gateway listens at 127.0.0.1:2575"
    assert found.said[2].startswith("its feed has told what there is, last ")
    assert found.said[3] == "1 messages, files or rows are in quarantine: `caregraph quarantine list`"


async def test_tls_files_that_cannot_be_used_are_found(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issued("line")
    (tmp_path / "no.pem").write_text("none")
    found = []
    for certificate, key in (
        (pair.certificate, pair.key),
        (pair.certificate, f"{tmp_path}/nowhere.pem"),
        (f"{tmp_path}/no.pem", pair.key),
    ):
        listener = ListenerSettings(port=0, certificate=str(certificate), key=str(key))
        practice = over_the_line(tmp_path / "data", listener)
        found.append((await practice.check())[:2])
        await practice.close()

    step = "see that `certificate`, `key` and `client_ca` are PEM files, and ours to read"
    assert [(ok, said[:2]) for ok, said in found] == [
        (True, ("127.0.0.1:0 can be listened at; no gateway does now", VERSION)),
        (False, ("the TLS files cannot be used (FileNotFoundError)", step)),
        (False, ("the TLS files cannot be used (SSLError)", step)),
    ]


async def test_a_line_beyond_this_machine_without_tls_is_told(tmp_path: Path) -> None:
    practice = over_the_line(tmp_path, ListenerSettings(host="0.0.0.0", port=0))  # noqa: S104 - that is it
    found = await practice.check()
    await practice.close()

    assert found.said[1] == "senders are not asked who they are, and the line is not encrypted; set `tls`"


@pytest.mark.parametrize(
    ("ago", "words"),
    [(0, "0 seconds ago"), (119, "119 seconds ago"), (120, "2 minutes ago"), (7_200, "2 hours ago")],
)
def test_an_age_is_told_in_the_largest_unit_of_which_there_are_two(ago: int, words: str) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    assert age((now - timedelta(seconds=ago)).isoformat(), now) == words
    assert age((now - timedelta(days=ago + 2)).isoformat(), now) == f"{ago + 2} days ago"
