"""A trail in a real PostgreSQL: one chain, however many write; append-only; and when the server is dead."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql

from gateway.audit import AuditUnavailable, Entry, Record, Seals, configured
from gateway.audit.checkpoints import Checkpoints
from gateway.audit.postgresql import PostgresSink
from gateway.audit.postgresql_schema import DEFINITION, LOCK, TABLES, grants
from gateway.audit.postgresql_trail import opened
from gateway.audit.sink import Item
from gateway.audit.verify import Checkpoint, Verifier
from gateway.cli import main
from gateway.configuration import Secret, SettingsError
from gateway.settings import Audit as AuditSettings
from gateway.settings import read_settings
from tests.gateway.audit.made import SEALS, SECRET, audit, checkpoints, entry, plan, recorded
from tests.gateway.audit.test_audit_crash import killed_after, writer
from tests.gateway.test_settings import SECRETS, table
from tests.postgres import PostgresProcess

BODY = Item(b'{"at":"2026-11-22T09:30:00Z"}', None)
CHANGED = "it, or the one before it, was changed, moved or put in"
ROLE, PASSWORD = "gateway_of_a_test", "its-password"


@pytest.fixture
def url(postgres: PostgresProcess) -> str:
    """A database that holds nothing."""
    return postgres.database()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where the gateway keeps checkpoints."""
    return tmp_path / "kept"


def sink_at(url: str, directory: Path, *, timeout_s: float = 20) -> PostgresSink:
    return PostgresSink(url, SEALS, Checkpoints(directory / "checkpoints", SEALS), timeout_s=timeout_s)


def written(url: str, directory: Path, count: int) -> str:
    """A trail of that many records, each in a transaction of its own."""
    entries = [entry(f"t{n}", plan=plan(n % 3)) for n in range(1, count + 1)]
    asyncio.run(recorded(sink_at(url, directory), entries))
    return url


def faults(url: str, seals: Seals | None = SEALS, kept: Sequence[Checkpoint] = ()) -> list[str]:
    verifier = Verifier(seals, kept)
    with opened(url) as part:
        verifier.part(part)
    verifier.end()
    return [str(fault) for fault in verifier.faults]


def records(url: str) -> list[Record]:
    with opened(url) as part:
        return [stored.record() for stored in part.records]


def run(url: str, *statements: str) -> None:
    """As whoever owns the database could."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def tampered(url: str, *statements: str) -> None:
    dropped = [f"DROP TRIGGER stays ON caregraph_audit.{table}" for table in TABLES]
    run(url, *dropped, *statements)


def limited(url: str, *, prepared: bool = True) -> str:
    """The URL for a role that may do no more than the documented rights let it; made if need be."""
    run(
        url,
        f"DROP ROLE IF EXISTS {ROLE}",
        f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'",
        *([DEFINITION, grants(ROLE)] if prepared else []),
    )
    return re.sub("//[^@]*@", f"//{ROLE}:{PASSWORD}@", url)


@pytest.fixture
def role(url: str) -> object:
    """Takes the role of the test away again, which belongs to the whole server."""
    yield
    run(url, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


def test_what_is_recorded_is_there_in_one_sealed_chain(url: str, kept: Path) -> None:
    written(url, kept, 5)

    assert [record.trace_id for record in records(url)] == ["t1", "t2", "t3", "t4", "t5"]
    assert faults(url, kept=checkpoints(kept)) == []
    assert [it.head.seq for it in checkpoints(kept)] == [5]


def test_the_next_gateway_goes_on_where_the_last_one_ended(url: str, kept: Path) -> None:
    written(url, kept, 2)
    written(url, kept, 2)

    assert [record.trace_id for record in records(url)] == ["t1", "t2", "t1", "t2"]
    assert faults(url) == []


def test_gateways_that_take_turns_lengthen_one_chain(url: str, kept: Path) -> None:
    one, two = sink_at(url, kept), sink_at(url, kept)

    heads = [sink.append([BODY, BODY]) for _ in range(3) for sink in (one, two)]
    one.close()
    two.close()

    assert [head.seq for head in heads] == [2, 4, 6, 8, 10, 12]
    assert [fault for fault in faults(url) if "can't be read" not in fault] == []


def test_processes_that_write_at_once_lengthen_one_chain(url: str) -> None:
    processes = [writer(url, name, 1, 150) for name in "abc"]
    for process in processes:
        out, _ = process.communicate(timeout=50)
        assert process.returncode == 0
        assert len(out.splitlines()) == 150

    assert sorted(record.trace_id for record in records(url)) == sorted(
        f"{name}-{n}" for name in "abc" for n in range(150)
    )
    assert faults(url) == []


def test_a_killed_process_loses_nothing_acknowledged_and_holds_nobody_up(url: str, kept: Path) -> None:
    acknowledged = killed_after(writer(url, "killed", 1, 1_000_000), 40)
    asyncio.run(recorded(sink_at(url, kept), [entry("next")]))

    there = [record.trace_id for record in records(url)]
    assert set(acknowledged) <= set(there)
    assert there[-1] == "next"
    assert faults(url) == []


@pytest.mark.usefixtures("role")
def test_a_role_that_may_insert_and_select_is_enough_and_can_change_nothing(url: str, kept: Path) -> None:
    gateway = limited(url)
    written(gateway, kept, 3)

    assert faults(gateway) == []
    for statement in (
        "UPDATE caregraph_audit.records SET body = ''",
        "DELETE FROM caregraph_audit.records",
        "TRUNCATE caregraph_audit.plans",
        "DROP TABLE caregraph_audit.chain",
        "ALTER TABLE caregraph_audit.records DISABLE TRIGGER stays",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run(gateway, statement)


@pytest.mark.usefixtures("role")
def test_without_tables_and_without_the_right_to_make_them_the_log_says_what_to_do(
    url: str, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = sink_at(limited(url, prepared=False), kept)

    with pytest.raises(AuditUnavailable, match="InsufficientPrivilege"):
        gateway.append([BODY])
    assert [line.message for line in caplog.records] == [
        "the audit tables are not there; have their owner run `caregraph audit sql`"
    ]
    run(url, DEFINITION, grants(ROLE))

    assert gateway.append([BODY]).seq == 1
    gateway.close()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET body = ''", "UPDATE {} SET seal = ''"]
)
def test_a_change_by_mistake_is_refused_even_to_the_owner(
    url: str, kept: Path, table: str, statement: str
) -> None:
    written(url, kept, 1)

    with pytest.raises((psycopg.errors.RaiseException, psycopg.errors.UndefinedColumn)) as refused:
        run(url, statement.format(f"caregraph_audit.{table}"))
    if isinstance(refused.value, psycopg.errors.RaiseException):
        assert "the audit trail is append-only" in str(refused.value)
    assert faults(url) == []


def test_the_definition_may_be_run_again(url: str, kept: Path) -> None:
    written(url, kept, 1)
    run(url, DEFINITION)

    assert faults(url) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE {}.records SET body = convert_to('{{}}', 'UTF8') WHERE seq = 3", f"record 3: {CHANGED}"),
        ("DELETE FROM {}.records WHERE seq = 1", "record 1: it is missing, and all up to the next"),
        ("DELETE FROM {}.records WHERE seq = 4", "record 4: it is missing, and all up to the next"),
        (
            "UPDATE {}.records AS one SET body = other.body FROM {}.records AS other"
            " WHERE (one.seq, other.seq) IN ((2, 3), (3, 2))",
            f"record 2: {CHANGED}",
        ),
        ("UPDATE {}.plans SET body = ''", "record 1: the plan it refers to is missing or was changed"),
        ("UPDATE {}.chain SET name = 'other'", f"record 1: {CHANGED}"),
        ("UPDATE {}.records SET hash = '' WHERE seq = 6", f"record 6: {CHANGED}"),
        (
            "UPDATE {}.records SET seal = NULL WHERE seq = 6",
            "record 6: the seal on the trail that ends here was not made with this secret",
        ),
    ],
)
def test_what_was_tampered_with_is_found(url: str, kept: Path, statement: str, said: str) -> None:
    written(url, kept, 6)
    tampered(url, statement.format(*["caregraph_audit"] * 2))

    assert faults(url)[0].startswith(said)


def test_a_trail_that_was_cut_is_found_by_a_checkpoint_that_was_kept_outside(url: str, kept: Path) -> None:
    written(url, kept, 6)
    tampered(url, "DELETE FROM caregraph_audit.records WHERE seq > 4")

    assert faults(url) == []
    assert faults(url, kept=checkpoints(kept)) == [
        "record 5: it is missing, and all after it: the trail once was longer"
    ]


def test_a_trail_that_was_begun_anew_is_found_by_a_checkpoint(url: str, kept: Path, tmp_path: Path) -> None:
    written(url, kept, 3)
    run(url, "DROP SCHEMA caregraph_audit CASCADE")
    written(url, tmp_path, 3)

    assert faults(url) == []
    assert faults(url, kept=checkpoints(kept))[0].startswith("record 1: a checkpoint tells of another trail")


@pytest.mark.anyio
async def test_a_dead_server_fails_what_is_to_be_recorded_until_it_is_back(
    postgres_of_my_own: PostgresProcess, kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = postgres_of_my_own
    url = server.database()
    auditing = audit(sink_at(url, kept), timeout_s=30)
    async with auditing.running():
        await auditing.record(entry("before"))
        await asyncio.to_thread(server.stop)
        for trace_id in ("lost", "lost, too"):
            with pytest.raises(AuditUnavailable):
                await auditing.record(entry(trace_id))
        await asyncio.to_thread(server.start)
        await auditing.record(entry("after"))

    assert [record.trace_id for record in records(url)] == ["before", "after"]
    assert faults(url, kept=checkpoints(kept)) == []
    assert [line.message for line in caplog.records if line.levelno >= logging.WARNING][-2:] == [
        "the audit trail can't be written",
        "the audit trail can be written again",
    ]
    assert server.url.split("@")[1].split("/")[0] not in caplog.text


@pytest.mark.anyio
async def test_a_server_that_stands_still_fails_what_is_to_be_recorded_in_time(
    postgres_of_my_own: PostgresProcess, kept: Path
) -> None:
    url = postgres_of_my_own.database()
    auditing = audit(sink_at(url, kept), timeout_s=4)
    async with auditing.running():
        await auditing.record(entry("before"))
        with postgres_of_my_own.frozen(), pytest.raises(AuditUnavailable, match="timeout"):
            await auditing.record(entry("slow"))
        async with asyncio.timeout(20):
            await _taken_again(auditing.record, entry("after"))

    there = [record.trace_id for record in records(url)]
    assert (there[0], there[-1]) == ("before", "after")
    assert faults(url) == []


async def _taken_again(record: object, what: Entry) -> None:
    assert callable(record)
    while True:
        try:
            await record(what)
        except AuditUnavailable:
            await asyncio.sleep(0.05)
        else:
            return


def test_a_gateway_that_stands_still_in_its_turn_fails_the_others_for_a_while_only(
    url: str, kept: Path
) -> None:
    sink = sink_at(url, kept, timeout_s=0.2)
    sink.append([BODY])
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("BEGIN")
        other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        with pytest.raises(AuditUnavailable, match="LockNotAvailable"):
            sink.append([BODY])
        other.execute("ROLLBACK")

    assert sink.append([BODY]).seq == 2
    sink.close()


@pytest.mark.parametrize(
    "bad",
    ["postgresql://127.0.0.1:1/nowhere", "postgresql://[", "postgresql://x?nothing=1", "postgresql://\ud800"],
)
def test_a_url_that_leads_nowhere_fails_and_is_not_repeated(bad: str, kept: Path) -> None:
    with pytest.raises(AuditUnavailable) as failed:
        sink_at(bad, kept).append([BODY])

    assert bad not in str(failed.value)
    assert failed.value.__cause__ is None


def test_a_connection_that_was_cut_is_made_again(url: str, kept: Path) -> None:
    sink = sink_at(url, kept)
    sink.append([BODY])
    run(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )

    with pytest.raises(AuditUnavailable):
        sink.append([BODY])
    assert sink.append([BODY]).seq == 2
    sink.close()


def test_no_patient_is_in_the_tables(url: str, kept: Path) -> None:
    written(url, kept, 1)

    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT seq, encode(body, 'escape') FROM caregraph_audit.records"
        ).fetchall()
    assert len(found) == 1
    assert '"t1"' in found[0][1]
    assert "ana" not in re.sub("[A-Za-z0-9+/]{16}", "", found[0][1])


@pytest.mark.anyio
async def test_the_settings_lead_there(url: str, kept: Path) -> None:
    settings = AuditSettings(sink="postgresql", url=Secret(url), directory=str(kept))
    auditing = configured(settings, "policy-1", SECRET)
    async with auditing.running():
        await auditing.record(entry())

    assert [record.policy for record in records(url)] == ["policy-1"]
    assert faults(url, kept=checkpoints(kept)) == []


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({}, "is missing; set it, because `audit.sink` is postgresql"),
        ({"CAREGRAPH_AUDIT_URL": "mysql://me:secret@x"}, "is no URL that begins with postgresql://"),
    ],
    ids=str,
)
def test_settings_that_lead_nowhere_are_said_at_the_start(environ: dict[str, str], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(table=table(), environ={**SECRETS, "CAREGRAPH_AUDIT_SINK": "postgresql", **environ})

    assert refused.value.faults == (f"`audit.url` (CAREGRAPH_AUDIT_URL) {fault}",)


def test_a_missing_driver_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "gateway.audit.postgresql")
    settings = AuditSettings(sink="postgresql", url=Secret(url))

    with pytest.raises(SettingsError) as refused:
        configured(settings, "policy-1", SECRET)

    assert refused.value.faults == (
        "`audit.sink` is postgresql, but the driver for PostgreSQL is not installed;"
        " install caregraph[postgresql]",
    )


def test_the_commands_read_a_database(
    url: str, kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(url, kept, 4)
    secret, checkpoint = tmp_path / "secret", kept / "checkpoints"
    secret.write_bytes(SECRET)

    arguments = ["--secret-file", str(secret), "--checkpoints", str(checkpoint)]
    assert main(["audit", "verify", "--url", url, *arguments]) == 0
    assert re.fullmatch(
        r"records 1 to 4 are all there and unchanged \(sealed by us; 1 checkpoints\);"
        r" the last has hash [0-9a-f]{64}\n",
        capsys.readouterr().out,
    )
    assert main(["audit", "list", "--url", url, "--last", "2"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["3", "4"]
    assert main(["audit", "export", "--url", url, "--after", "3"]) == 0
    exported = msgspec.json.decode(capsys.readouterr().out)
    assert (exported["seq"], exported["record"]["trace_id"]) == (4, "t4")
    assert list(exported["coordinates"]["returned"]) == ["Patient.field1"]


def test_the_commands_find_the_trail_of_the_settings(
    url: str, kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(url, kept, 4)
    settings = read_settings(
        table=table(),
        environ={
            **SECRETS,
            "CAREGRAPH_AUDIT_SINK": "postgresql",
            "CAREGRAPH_AUDIT_URL": url,
            "CAREGRAPH_AUDIT_DIRECTORY": str(kept),
            "CAREGRAPH_AUDIT_SECRET": SECRET.decode(),
        },
    )
    monkeypatch.setattr("gateway.cli.audit.read_settings", lambda _: settings)

    assert main(["audit", "verify"]) == 0
    assert "(sealed by us; 1 checkpoints)" in capsys.readouterr().out
    tampered(url, "UPDATE caregraph_audit.records SET body = '' WHERE seq = 2")
    assert main(["audit", "verify"]) == 1


def test_a_database_without_a_trail_or_without_an_answer_is_said(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = url.rpartition("/")[2]
    assert main(["audit", "verify", "--url", url]) == 2
    said = capsys.readouterr().err
    assert said.startswith("there is no audit trail at `postgresql://127.0.0.1:")
    assert f"/{name}`" in said

    assert main(["audit", "verify", "--url", "postgresql://somebody:secret@127.0.0.1:1/x"]) == 2
    assert capsys.readouterr().err == (
        "the audit trail at `postgresql://127.0.0.1:1/x` can't be reached (OperationalError);"
        " check address, role and rights\n"
    )
    assert main(["audit", "verify", "--url", url, "."]) == 2
    assert capsys.readouterr().err == "name a path or a --url, not both\n"


def test_what_the_owner_has_to_run_is_printed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "sql", "--role", 'odd "name']) == 0
    printed = capsys.readouterr().out

    run(url, sql.SQL("CREATE ROLE {}").format(sql.Identifier('odd "name')).as_string(None), printed)
    run(url, 'DROP OWNED BY "odd ""name"', 'DROP ROLE "odd ""name"')
