"""`caregraph audit`: what it prints, and how it ends."""

from __future__ import annotations

import io
import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from gateway.audit import SqliteSink, configured
from gateway.cli import main
from gateway.configuration import Secret
from gateway.settings import Audit as AuditSettings
from policies import Audience
from sources.model import Mrn, PatientId
from tests.gateway.audit.made import (
    SEALS,
    SECRET,
    actor,
    checkpoint,
    entry,
    faults,
    recorded,
    records,
    tampered,
    trail,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trail of six records in files of four."""
    return trail(tmp_path_factory.mktemp("audit"), 6, full=4)


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    return str(file)


def test_a_whole_trail_verifies(written: Path, secret_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(written)]) == 0
    assert re.fullmatch(
        r"records 1 to 6 are all there and unchanged \(seals not checked: give --secret-file;"
        r" 2 checkpoints\); the last has hash [0-9a-f]{64}\n",
        capsys.readouterr().out,
    )
    assert main(["audit", "verify", str(written), "--secret-file", secret_file]) == 0
    assert "unchanged (sealed by us; 2 checkpoints)" in capsys.readouterr().out


def test_a_changed_record_is_named_and_not_shown(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tampered(copied / "000000000001.db", "UPDATE records SET body = x'434e' WHERE seq = 3")

    assert main(["audit", "verify", str(copied)]) == 1
    assert capsys.readouterr().out == (
        "record 3: it, or the one before it, was changed, moved or put in\nrecord 3: it can't be read\n"
    )


def test_many_faults_are_counted(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copied)
    trail(copied, 30)
    tampered(copied / "000000000001.db", "UPDATE records SET body = x'7b7d'")

    assert main(["audit", "verify", str(copied)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 21
    assert said[-1] == "and 40 more"


def test_checkpoints_that_were_kept_elsewhere_are_compared(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((copied / "checkpoints").read_bytes())
    (copied / "checkpoints").unlink()
    (copied / "000000000005.db").unlink()

    assert main(["audit", "verify", str(copied)]) == 0
    assert main(["audit", "verify", str(copied), "--checkpoints", str(kept)]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "record 5: it is missing, and all after it: the trail once was longer"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["verify", "nowhere"],
            "there is no audit trail at `nowhere`; name its directory, a file of it, or its --url\n",
        ),
        (
            ["list", "nowhere"],
            "there is no audit trail at `nowhere`; name its directory, a file of it, or its --url\n",
        ),
        (
            ["export", "nowhere"],
            "there is no audit trail at `nowhere`; name its directory, a file of it, or its --url\n",
        ),
        (["verify", ".", "--secret-file", "none"], "`none` can't be read; give a readable text file\n"),
        (["verify", ".", "--checkpoints", "none"], "`none` can't be read; give a readable text file\n"),
    ],
)
def test_what_is_not_there_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["audit", *arguments]) == 2
    assert capsys.readouterr().err == said


def test_checkpoints_that_were_cut_are_said(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (copied / "checkpoints").open("a") as file:
        file.write("cut")

    assert main(["audit", "verify", str(copied)]) == 2
    assert capsys.readouterr().err == "the checkpoints can't be read: a line was cut or changed\n"


def test_a_file_that_is_no_trail_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "000000000001.db").write_text("something else")

    for command in ("verify", "list", "export"):
        assert main(["audit", command, str(tmp_path)]) == 1
        assert capsys.readouterr().err.endswith(
            "000000000001.db` can't be read as an audit trail: it is damaged, or something else\n"
        )


def test_the_last_records_are_listed(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "list", str(written), "--last", "2"]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"5  20\d\d-\d\d-\d\dT[\d:]{8}\+00:00  clinician dr-lee through worklist-app, TREAT  query Worklist"
        r"  patients 2  calls ehr:2 pms:1  answered  errors none  trace t5",
        first,
    )
    assert second.startswith("6  ")


@pytest.mark.anyio
async def test_whoever_holds_the_secret_finds_the_records_of_a_patient(
    tmp_path: Path,
    secret_file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    launched = actor(audience=Audience.PATIENT, patient=PatientId("cem"))
    told = [
        entry("t1"),
        entry("t2", patients=[PatientId("cem")]),
        entry("t3", actor=launched, patients=()),
        entry("t4", patients=(), charts=[Mrn("cem")]),
    ]
    await recorded(SqliteSink(tmp_path / "audit", SEALS), told)
    of_cem = ["audit", "list", str(tmp_path / "audit"), "--patient"]

    assert main([*of_cem, "cem", "--secret-file", secret_file]) == 0
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == ["2", "3", "4"]
    monkeypatch.setattr("sys.stdin", io.StringIO("cem\n"))
    assert main([*of_cem, "-", "--secret-file", secret_file]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main([*of_cem, "cem"]) == 2
    assert "--patient needs --secret-file" in capsys.readouterr().err


def test_records_are_exported_as_audit_events(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["audit", "export", str(written), "--fhir", "--after", "4", "--gateway", "https://gw.example"]
    assert main(command) == 0

    lines = capsys.readouterr().out.splitlines()
    events = [AuditEvent.model_validate_json(line) for line in lines]
    assert [str(event.id).split("-", 1)[1] for event in events] == ["5-0", "5-1", "6-0", "6-1"]
    assert "https://gw.example" in lines[0]
    assert '"valueString":"Patient.field2"' in lines[0]


def test_records_are_exported_as_they_are_kept(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "export", str(written)]) == 0

    lines = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[0]["record"]["client_id"] == "worklist-app"
    assert lines[0]["coordinates"]["returned"] == {"Patient.field1": ["scope-held"]}


def test_a_record_that_cannot_be_read_is_left_out_and_said(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tampered(
        copied / "000000000001.db", "UPDATE records SET body = x'434e' WHERE seq = 3", "DELETE FROM plans"
    )

    assert main(["audit", "export", str(copied), "--fhir"]) == 0

    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 10
    assert said.err == "record 3 can't be read; try `caregraph audit verify`\n"


@pytest.mark.anyio
@pytest.mark.parametrize("secret", [None, Secret(SECRET.decode())])
async def test_the_audit_is_as_the_settings_want_it(tmp_path: Path, secret: Secret | None) -> None:
    fallback = b"another" if secret is not None else SECRET
    settings = AuditSettings(directory=str(tmp_path / "audit"), secret=secret)
    auditing = configured(settings, "policy-1", fallback)
    async with auditing.running():
        await auditing.record(entry())

    assert faults(tmp_path / "audit", is_sealed=True) == []
    assert [record.policy for record in records(tmp_path / "audit")] == ["policy-1"]
    assert checkpoint(tmp_path / "audit" / "000000000001.db").head.seq == 1


@pytest.mark.anyio
async def test_the_audit_may_be_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    auditing = configured(AuditSettings(sink="memory"), "policy-1", SECRET)
    async with auditing.running():
        await auditing.record(entry())

    assert os.listdir(tmp_path) == []
