"""What feeds keep of what they refused, by the one command: listed, shown, released and dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.adapters.assembling import adapters
from gateway.cli import main
from gateway.measuring import Measuring
from gateway.quarantine import Quarantining, Store
from gateway.settings import read_settings
from gateway.telemetry import Metrics, tracer_provider
from sandbox.pms.export import Export
from sandbox.pms.sender import line
from sandbox.records import Pms
from sources.pms.hl7v2 import Hl7Practice
from sources.ports import Appointments
from tests.sources.test_hl7_messages import siu

pytestmark = pytest.mark.anyio

SETTINGS = """
[identity]
issuer = "https://idp.example"
audience = "https://caregraph.example"
roles = {{ doctor = "clinician" }}

[ehr.main]
kind = "fhir"
url = "https://ehr.example/fhir"

[keys]
care_key_secret = "not much of a secret"

[quarantine]
file = "{folder}/quarantine.sqlite3"

[pms.files]
kind = "files"
path = "{folder}/in"
directory = "{folder}/data"
time_zone = "America/Chicago"
mrn_system = "urn:mrn"
visit_system = "urn:visit"
look_every_s = 0.05
timeout_s = 30.0

[pms.files.feeds.book]
kind = "appointments"
pattern = "book_{{stamp}}.csv"
columns = {{ id = "ID", mrn = "CHART", status = "STATUS", start = "STARTS" }}
whole = "sha256"
most_bad = 0.5
statuses = {{ {words} }}

[pms.line]
kind = "hl7v2"
port = 0
directory = "{folder}/data"
time_zone = "America/Chicago"
mrn_system = "urn:line:mrn"
visit_system = "urn:line:visit"
timeout_s = 30.0
statuses = {{ {words} }}

[crm.hub]
kind = "hubspot"
url = "https://crm.example"
client_id = "caregraph"
client_secret = "none"
"""
NO_WORDS, WORDS = "", 'lost = "noshow", lobby = "arrived"'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Desk:
    """A house of two feeds, and an operator at its command line."""

    folder: Path
    metrics: Metrics
    book: Appointments
    line: Hl7Practice
    said: Callable[[], tuple[str, str]]

    async def command(self, *arguments: str, words: str = NO_WORDS) -> tuple[int, str, str]:
        """The exit code and what was said, of a command with settings that know these *words*."""
        config = self.folder / "caregraph.toml"
        config.write_text(SETTINGS.format(folder=self.folder, words=words))
        code = await asyncio.to_thread(main, ["quarantine", *arguments, "--config", str(config)])
        return code, *self.said()

    async def listed(self, count: int) -> list[dict[str, object]]:
        """The entries, as soon as that many of them are told by the feeds and by the facts."""
        async with asyncio.timeout(60):
            while True:
                code, out, err = await self.command("list", "--json")
                assert (code, err) == (0, "")
                rows = [json.loads(row) for row in out.splitlines()]
                path = self.folder / "quarantine.sqlite3"
                if len(rows) == count and path.exists() and len(Store(path).entries()) == count:
                    return rows
                await asyncio.sleep(0.05)

    def counted(self, source: str, kind: str) -> float | None:
        labels = {"source": source, "kind": kind}
        return self.metrics.registry.get_sample_value("caregraph_quarantined_total", labels)


@asynccontextmanager
async def house(folder: Path, said: Callable[[], tuple[str, str]]) -> AsyncIterator[Desk]:
    (folder / "in").mkdir()
    config = folder / "first.toml"
    config.write_text(SETTINGS.format(folder=folder, words=NO_WORDS))
    metrics = Metrics()
    measuring = Measuring(metrics, tracer_provider("tests", exporter=None).get_tracer("tests"))
    quarantining = Quarantining(Store(folder / "quarantine.sqlite3"), metrics, lambda *_: "nobody", 0.02)
    kept = adapters(read_settings(config), [measuring, quarantining])
    (listening,) = [source for source in kept.sources.every if isinstance(source, Hl7Practice)]
    async with quarantining.running(kept.upstreams), kept.running():
        yield Desk(folder, metrics, kept.sources.book, listening, said)


@pytest.fixture
async def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> AsyncIterator[Desk]:
    def said() -> tuple[str, str]:
        read = capfd.readouterr()
        return read.out, read.err

    async with house(tmp_path, said) as opened:
        yield opened


def rows(*words: str) -> bytes:
    lines = [f"{n},MRN-{n},{word},2026-12-01T10:00" for n, word in enumerate(words, 1)]
    return "\n".join(["ID,CHART,STATUS,STARTS", *lines]).encode() + b"\n"


LOBBY = siu().replace("Booked^Booked^HL70278", "Lobby")


async def refuse_some(desk: Desk) -> None:
    Export(desk.folder / "in", Pms()).write(
        "book_20261120010000.csv", rows("booked", "lost", "booked", "lost")
    )
    async with asyncio.timeout(60), line(await desk.line.listening()) as sender:
        assert "\rMSA|AE|" in await sender.send(LOBBY)


async def test_all_that_feeds_refuse_is_listed_counted_and_taken_by_mended_settings(desk: Desk) -> None:
    await refuse_some(desk)
    entries = {str(each["source"]): each for each in await desk.listed(2)}

    assert {name: (each["kind"], each["count"], each["kept"]) for name, each in entries.items()} == {
        "files": ("appointments", 2, 2),
        "line": ("message", 1, 1),
    }
    assert (desk.counted("files", "appointments"), desk.counted("line", "message")) == (2.0, 1.0)
    ids = [str(entries[name]["id"]) for name in ("files", "line")]
    code, out, _ = await desk.command("release", *ids)
    assert code == 1
    assert "0 of 3 were taken; 3 stay" in out

    code, out, _ = await desk.command("release", *ids, words=WORDS)
    assert code == 0
    assert [row.split(maxsplit=1)[1] for row in out.splitlines()] == [
        "files  book_20261120010000.csv line 3  applied",
        "files  book_20261120010000.csv line 5  applied",
        "line  hl7v2 message  applied",
        "of 3 were taken",
    ]
    found = await desk.book.appointments(["files:2", "files:4", "line:FI-100"], frozenset())
    assert {id_: getattr(row, "status", row) for id_, row in found.items()} == {
        "files:2": "noshow",
        "files:4": "noshow",
        "line:FI-100": "arrived",
    }
    assert await desk.command("list") == (0, "nothing is in quarantine\n", "")


async def test_an_entry_is_shown_with_what_it_keeps_and_without_a_word_of_it(desk: Desk) -> None:
    await refuse_some(desk)
    entries = {str(each["source"]): each for each in await desk.listed(2)}
    id_ = str(entries["line"]["id"])

    code, out, _ = await desk.command("show", id_)
    assert code == 0
    assert f"hl7v2 message  {len(LOBBY.encode())} bytes, SHA-256 " in out
    assert "MRN77" not in out
    assert "Lobby" not in out
    assert (await desk.command("show", id_, "--body", "1"))[:2] == (0, LOBBY)
    code, out, err = await desk.command("show", id_, "--body", "2")
    assert (code, out) == (1, "")
    assert "keeps no #2" in err


async def test_what_is_dropped_is_gone_from_the_feed_too(desk: Desk) -> None:
    await refuse_some(desk)
    entries = {str(each["source"]): each for each in await desk.listed(2)}

    assert (await desk.command("drop", str(entries["files"]["id"])))[0] == 0
    assert (await desk.command("drop", str(entries["files"]["id"])))[0] == 1
    assert [each["source"] for each in await desk.listed(1)] == ["line"]


async def test_a_feed_whose_database_does_not_answer_hides_none_of_the_others(desk: Desk) -> None:
    await refuse_some(desk)
    await desk.listed(2)
    (desk.folder / "data" / "other").write_text("in the way")
    broken = SETTINGS.replace(
        '[pms.files]\nkind = "files"\npath = "{folder}/in"\ndirectory = "{folder}/data"',
        '[pms.files]\nkind = "files"\npath = "{folder}/in"\ndirectory = "{folder}/data/other"',
    )
    config = desk.folder / "broken.toml"
    config.write_text(broken.format(folder=desk.folder, words=NO_WORDS))

    code = await asyncio.to_thread(main, ["quarantine", "list", "--config", str(config)])
    out, err = desk.said()
    assert code == 1
    assert "line  SCH-25" in out
    assert err == "what `files` keeps is not known: the projection's database does not answer\n"
