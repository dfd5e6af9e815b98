"""The quarantine: facts of refusals, kept beside the requests; listed, released and dropped by command."""

import asyncio
import getpass
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.pseudonyms import Pseudonyms
from gateway.cli import main
from gateway.quarantine import NotReleasable, Quarantining, Store, StoreUnusable
from gateway.quarantine.keeping import HELD
from gateway.quarantine.store import Seen, fingerprint
from gateway.telemetry import Metrics
from sources.calling import Allowed, Flaw, Upstream
from sources.fhir.resources import Resources
from sources.fhir.settings import FhirServer
from sources.model import Patient
from tests.sources.stub import json_answer, stub

SECRET = "Zaphod"
EXTRA = Flaw.of("Patient: unknown field `vendorField`")
WRONG = Flaw.of("Patient.birthDate: malformed")


def seen(flaw: Flaw, source: str = "ehr", count: int = 1, at: str = "2026-11-22T10:00:00+00:00") -> Seen:
    return Seen(source, flaw, count, at, at, "abc", "medplum-1")


def keeping(path: Path | None, metrics: Metrics | None = None) -> Quarantining:
    pseudonyms = Pseudonyms(b"secret")
    return Quarantining(
        None if path is None else Store(path),
        metrics or Metrics(),
        lambda source, kind, record: pseudonyms.record(f"{source} {kind} {record}"),
        every_s=0.01,
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - another thread does it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("why", "flaw"),
    [
        ("Patient: unknown field `x`", ("Patient", "Patient.x", True)),
        ("Patient.name[]: unknown field `x`", ("Patient", "Patient.name.x", True)),
        ("Patient.name[]: unknown field of a strange name", ("Patient", "Patient.name", False)),
        ("Observation: `status` is missing", ("Observation", "Observation.status", False)),
        ("Observation: several types for `value[x]`", ("Observation", "Observation", False)),
        ("Account: unknown field `Owner.Email`", ("Account", "Account.Owner.Email", True)),
        ("appointment.patient.mrn: int instead of str", ("appointment", "appointment.patient.mrn", False)),
        ("a parameter of ours was ignored (code 4122)", ("answer", "answer", False)),
    ],
)
def test_a_message_says_kind_and_field(why: str, flaw: tuple[str, str, bool]) -> None:
    told = Flaw.of(why)

    assert (told.kind, told.field, told.is_extra, told.why) == (*flaw, why)


@given(st.text(max_size=300))
def test_whatever_a_message_says_it_has_a_kind_that_a_label_may_be(why: str) -> None:
    flaw = Flaw.of(why)

    assert flaw.why == why
    assert 0 < len(flaw.kind) <= 201


def test_refusals_are_grouped_by_source_and_reason(tmp_path: Path) -> None:
    store = Store(tmp_path / "q" / "q.sqlite3")
    store.add([seen(EXTRA, at="2026-11-22T10:00:00+00:00"), seen(WRONG)])
    store.add([seen(EXTRA, count=4, at="2026-11-22T11:00:00+00:00"), seen(EXTRA, "other")])

    entries = {(entry.source, entry.why): entry for entry in store.entries()}
    assert {key: entry.count for key, entry in entries.items()} == {
        ("ehr", EXTRA.why): 5,
        ("ehr", WRONG.why): 1,
        ("other", EXTRA.why): 1,
    }
    entry = entries["ehr", EXTRA.why]
    assert entry.id == fingerprint("ehr", EXTRA)
    assert (entry.first_seen[11:13], entry.last_seen[11:13]) == ("10", "11")
    assert (entry.kind, entry.field, entry.lists) == ("Patient", "Patient.vendorField", "medplum-1")
    assert [each.source for each in store.entries("other")] == ["other"]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "q" / "q.sqlite3"
    Store(path).add([seen(EXTRA)])

    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path.parent).st_mode & 0o777 == 0o700


def test_the_oldest_go_where_there_are_too_many_and_are_counted(tmp_path: Path) -> None:
    store = Store(tmp_path / "q.sqlite3", at_most=3)
    for minute in range(5):
        store.add([seen(Flaw.of(f"Patient.f{minute}: malformed"), at=f"2026-11-22T10:0{minute}:00+00:00")])

    assert [entry.field for entry in store.entries()] == ["Patient.f4", "Patient.f3", "Patient.f2"]
    assert store.lost() == {"dropped": 2}


def test_several_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite3"
    Store(path).add([])

    def write() -> None:
        for _ in range(20):
            Store(path).add([seen(EXTRA)])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [entry.count for entry in Store(path).entries()] == [80]


def test_a_file_that_is_none_of_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite3"
    path.write_bytes(b"something else" * 100)

    with pytest.raises(StoreUnusable):
        Store(path).add([seen(EXTRA)])
    assert path.read_bytes() == b"something else" * 100


def test_only_a_field_that_nobody_knows_can_be_released(tmp_path: Path) -> None:
    store = Store(tmp_path / "q.sqlite3")
    store.add([seen(EXTRA), seen(WRONG)])

    with pytest.raises(NotReleasable, match=r"corrected at the source"):
        store.release(fingerprint("ehr", WRONG), "ana")
    with pytest.raises(NotReleasable, match=r"quarantine list"):
        store.release("nothing", "ana")
    released = store.release(fingerprint("ehr", EXTRA), "ana")

    assert (released.source, released.field, released.by) == ("ehr", "Patient.vendorField", "ana")
    assert store.released() == [released]
    assert [entry.why for entry in store.entries()] == [WRONG.why]
    assert store.withdraw("ehr", "Patient.vendorField")
    assert store.released() == []


@pytest.mark.anyio
async def test_a_refusal_is_kept_without_the_records_id_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    kept = keeping(tmp_path / "q.sqlite3", metrics)
    async with kept.running(()):
        for _ in range(3):
            kept.on_misread("ehr", EXTRA, SECRET)
        await until(
            lambda: (tmp_path / "q.sqlite3").exists() and bool(Store(tmp_path / "q.sqlite3").entries())
        )

    (entry,) = Store(tmp_path / "q.sqlite3").entries()
    assert entry.count == 3
    assert entry.record == Pseudonyms(b"secret").record(f"ehr Patient {SECRET}")
    assert SECRET.encode() not in (tmp_path / "q.sqlite3").read_bytes()
    assert value(metrics, "caregraph_quarantined_total", source="ehr", kind="Patient") == 3
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [(it.source, it.kind, it.why) for it in warned] == [("ehr", "Patient", EXTRA.why)]  # type: ignore[attr-defined]
    assert SECRET not in caplog.text


@pytest.mark.anyio
async def test_what_is_held_is_written_when_the_gateway_ends(tmp_path: Path) -> None:
    kept = keeping(tmp_path / "q.sqlite3")
    async with kept.running(()):
        kept.on_misread("ehr", WRONG, None)

    assert [(entry.why, entry.record) for entry in Store(tmp_path / "q.sqlite3").entries()] == [
        (WRONG.why, None)
    ]


@pytest.mark.anyio
async def test_more_different_refusals_than_are_held_are_lost_and_counted(tmp_path: Path) -> None:
    metrics = Metrics()
    kept = keeping(tmp_path / "q.sqlite3", metrics)
    async with kept.running(()):
        for number in range(HELD + 7):
            kept.on_misread("ehr", Flaw.of(f"Patient.f{number}: malformed"), None)

    assert value(metrics, "caregraph_quarantine_lost_total") == 7
    assert Store(tmp_path / "q.sqlite3").lost() == {"lost": 7}


@pytest.mark.anyio
async def test_a_quarantine_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "q.sqlite3").write_bytes(b"something else" * 100)
    metrics = Metrics()
    kept = keeping(tmp_path / "q.sqlite3", metrics)
    async with kept.running(()):
        kept.on_misread("ehr", EXTRA, "p1")
        kept.on_misread("ehr", EXTRA, "p1")
        await until(lambda: (value(metrics, "caregraph_quarantine_lost_total") or 0) > 0)

    assert value(metrics, "caregraph_quarantine_lost_total") == 2


@pytest.mark.anyio
async def test_without_a_file_refusals_are_counted_alone() -> None:
    metrics = Metrics()
    kept = keeping(None, metrics)
    async with kept.running(()):
        kept.on_misread("ehr", EXTRA, "p1")

    assert value(metrics, "caregraph_quarantined_total", source="ehr", kind="Patient") == 1


def patient(id_: str, **more: Any) -> dict[str, Any]:
    return {"resource": {"resourceType": "Patient", "id": id_, **more}}


@pytest.mark.anyio
async def test_what_is_released_is_taken_by_a_gateway_that_runs(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite3"
    kept = keeping(path)
    rows = [patient("p1", vendorField=SECRET), patient("p2")]
    body = {"resourceType": "Bundle", "type": "searchset", "entry": rows}
    async with stub(lambda asked: json_answer(body)) as source:
        upstream = Upstream(
            "ehr", "ehr", source.url, observers=[kept], allowed=Allowed({"a-1": ["Meta.author"]})
        )
        resources = Resources(FhirServer("ehr", source.url, strategy="or-list"), upstream)
        async with kept.running([upstream]):
            before = await resources.read(Patient, ["p1", "p2"], "id")
            await until(lambda: path.exists() and bool(Store(path).entries()))
            (entry,) = Store(path).entries()
            Store(path).release(entry.id, "ana")
            await until(lambda: bool(upstream.allowed.released))
            after = await resources.read(Patient, ["p1", "p2"], "id")
        await upstream.close()

    assert (entry.lists, entry.field, entry.count) == ("a-1", "Patient.vendorField", 1)
    assert str(before["p1"]) == "source `ehr`: Patient: unknown field `vendorField`"
    assert isinstance(before["p2"], Patient)
    assert all(isinstance(row, Patient) for row in after.values())
    assert upstream.allowed.version.startswith("a-1, released-")


def run(path: Path, *arguments: str) -> int:
    command, *rest = arguments
    return main(["quarantine", command, *rest, "--path", str(path)])


def test_an_account_without_a_name_releases_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unnamed() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    path, extra = tmp_path / "q.sqlite3", fingerprint("ehr", EXTRA)
    Store(path).add([seen(EXTRA)])
    monkeypatch.setattr(getpass, "getuser", unnamed)
    monkeypatch.setattr(os, "getuid", lambda: 54321)

    assert run(path, "release", extra) == 0
    assert [each.by for each in Store(path).released()] == ["uid 54321"]


def test_the_commands_list_show_release_and_drop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "q.sqlite3"
    Store(path).add([seen(EXTRA), seen(WRONG, "other", count=7)])
    extra, wrong = fingerprint("ehr", EXTRA), fingerprint("other", WRONG)

    assert run(path, "list", "--source", "other") == 0
    assert capsys.readouterr().out == f"{wrong}        7  2026-11-22T10:00:00+00:00  other  {WRONG.why}\n"
    assert run(path, "show", wrong, "--json") == 0
    assert json.loads(capsys.readouterr().out)["field"] == "Patient.birthDate"
    assert run(path, "release", wrong) == 1
    assert "corrected at the source" in capsys.readouterr().err
    assert run(path, "release", extra, "--by", "ana") == 0
    assert "source `ehr` may send `Patient.vendorField`" in capsys.readouterr().out
    assert run(path, "drop", wrong) == 0
    assert run(path, "drop", wrong) == 1
    capsys.readouterr()
    assert run(path, "list") == 0
    said = capsys.readouterr().out
    assert "ehr  Patient.vendorField  by ana" in said
    assert "nothing is in quarantine" in said
    assert run(path, "drop", "ehr:Patient.vendorField") == 0
    assert Store(path).released() == []


def test_a_quarantine_that_is_not_there_is_told_with_the_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none.sqlite3", "list") == 1
    assert "give --config or --path" in capsys.readouterr().err
    assert not (tmp_path / "none.sqlite3").exists()


def test_a_crash_in_the_midst_of_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "q.sqlite3"
    Store(path).add([seen(WRONG)])
    torn = sqlite3.connect(path, isolation_level=None)
    torn.execute("BEGIN IMMEDIATE")
    torn.execute("DELETE FROM entry")
    torn.close()  # as if the process ended: nothing was committed

    assert [entry.why for entry in Store(path).entries()] == [WRONG.why]
