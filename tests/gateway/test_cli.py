"""The command line: what it prints, and what it says when it can't."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.serve import obstacle
from policies.masks import YEAR_OF_BIRTH
from policies.wording import meaning


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def test_the_committed_schema_is_the_one_printed_from_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0

    assert capsys.readouterr().out == Path("schema.graphql").read_text(encoding="utf-8")


def test_a_document_that_is_not_current_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "schema.graphql"
    old.write_text("type Query { old: Int }")

    assert main(["schema", "--check", str(old)]) == 1
    assert capsys.readouterr().err == f"{old} is not current; run scripts/fix and review what changed\n"


def test_the_schema_as_a_persona_sees_it_holds_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--as", "marketer"]) == 0
    shown = capsys.readouterr().out

    assert "type Engagement {" in shown
    assert "type Condition" not in shown


def test_the_committed_matrix_is_current() -> None:
    assert main(["policy", "matrix", "--check", "docs/policies.md"]) == 0


def test_an_explanation_shows_what_is_read_and_what_is_denied_and_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    query = "{ patients { nodes { birthDate engagement { score } } } }"

    assert main(["policy", "explain", "--as", "marketer", query]) == 0
    assert capsys.readouterr().out.splitlines()[:6] == [
        "query",
        "  patients ← patients",
        "    nodes",
        "      birthDate: denied (boundary-crm-denies-demographics, scope-missing)",
        "      engagement ← engagement_of_patient by patient_id",
        "        score",
    ]


def test_an_explanation_says_in_words_what_is_denied_and_masked_which_rows_and_which_scopes_to_ask_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    query = (
        "query ($s: PatientSearch) { patients(search: $s) { nodes { birthDate conditions { complete } } } }"
    )

    assert main(["policy", "explain", "--as", "partner", query]) == 0
    shown = capsys.readouterr().out.partition("\n\n")[2]
    assert shown.splitlines() == [
        "patients.nodes.birthDate (Patient.birthDate) is masked:",
        f"  boundary-partner-masks-demographics: {meaning('boundary-partner-masks-demographics')}",
        f"  mask-year-of-birth: {YEAR_OF_BIRTH.meaning}",
        "  scope-held: The token holds the scopes the field needs.",
        "patients.nodes.conditions (Patient.conditions) is denied:",
        f"  boundary-partner-denies-clinical: {meaning('boundary-partner-denies-clinical')}",
        "  scope-missing: Denied: the token lacks a scope the field needs.",
        "  no scope opens it",
        "",
        "rows of Patient: Every row.",
        "  withheld: What is labelled as more confidential than normal, or as about more: What is restricted "
        "or sensitive is shared with others only as the patient consents.",
        "  withheld: Where consents are kept: what the patient's consent withholds from you.",
    ]


def test_an_explanation_takes_the_variables_into_account(capsys: pytest.CaptureFixture[str]) -> None:
    query = "query ($s: PatientSearch) { patients(search: $s) { nodes { id } } }"
    variables = '{"s": {"birthDate": "1990-01-01"}}'

    assert main(["policy", "explain", "--as", "partner", "--variables", variables, query]) == 0
    shown = capsys.readouterr().out
    assert "patients (Query.patients) is denied by `PatientSearch.birthDate`:" in shown
    assert "1990" not in shown
    assert main(["policy", "explain", "--as", "partner", "--variables", "{", query]) == 2
    assert "--variables is not JSON" in capsys.readouterr().err


def test_an_explanation_of_what_is_no_query_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "--as", "ai", "{ nothing }"]) == 2
    assert "Cannot query field 'nothing'" in capsys.readouterr().err


def test_a_missing_setting_stops_the_start_with_all_that_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CAREGRAPH_CONFIG", raising=False)

    assert main(["serve"]) == 2
    said = capsys.readouterr().err
    assert "`identity.issuer`" in said
    assert "`keys.care_key_secret`" in said


def test_a_taken_port_is_said_to_be_taken(taken_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--port", str(taken_port)]) == 1
    assert f"port {taken_port} on 127.0.0.1 is taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        (["demo", "--port", "65535"], "argument --port: give 1 to 65530"),
        (["token", "clinician", "--port", "0"], "argument --port: give 1 to 65530"),
        (["change", "--port", "many"], "argument --port: give 1 to 65530"),
        (["demo", "--patients", "0"], "argument --patients: give a whole number, 1 or more"),
        (["audit", "list", "--last", "-1"], "argument --last: give a whole number, 1 or more"),
        (["audit", "export", "--after", "-1"], "argument --after: give a whole number, 0 or more"),
    ],
)
def test_a_number_that_cannot_be_used_is_told_with_those_that_can(
    command: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)

    assert ended.value.code == 2
    assert wanted in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("203.0.113.1", "`203.0.113.1` is no address of this machine; set `server.host`"),
        ("no such host", "`no such host` is no address of this machine; set `server.host`"),
        ("127.0.0.1", None),
    ],
)
def test_a_host_where_nothing_can_listen_is_not_called_a_taken_port(host: str, said: str | None) -> None:
    assert (obstacle(host, 0) or "").startswith(said or "")
    assert (obstacle(host, 0) is None) is (said is None)


def test_a_port_that_the_account_may_not_use_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refused)  # whoever runs the tests may be root

    assert obstacle("127.0.0.1", 80) == (
        "port 80 may not be used by this account; choose one above 1023, or grant it the right"
    )


def test_an_address_of_a_trail_that_is_none_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", "--url", "nonsense"]) == 2
    assert "does not begin with postgresql://" in capsys.readouterr().err


def test_data_that_is_not_there_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])

    assert main(["demo", "--port", str(port), "--data", str(tmp_path / "none")]) == 1
    assert "does not exist" in capsys.readouterr().err


def test_a_token_without_a_sandbox_says_how_to_start_one(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    free = taken_port + 1 if taken_port < 65_000 else taken_port - 10

    assert main(["token", "clinician", "--port", str(free)]) == 1
    assert f"scripts/demo --port {free}" in capsys.readouterr().err
