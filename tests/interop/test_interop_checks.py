"""How checks of what others wrote are run and told of: none stops another, none passes by not running."""

from __future__ import annotations

import io
import socket
import sys
from pathlib import Path

import pytest

from tests.interop.checks import Check, Done, Verdict, exit_code, table, tried
from tests.interop.kits import Kits, NotHere
from tests.interop.programs import Disagreement, answer, same, server


def agreeing(kits: Kits) -> Done:
    return Done("1.2", "2 rows | equal")


def disagreeing(kits: Kits) -> Done:
    raise Disagreement("at [a]: 1 instead of 2")


def absent(kits: Kits) -> Done:
    raise NotHere("node is not installed")


def failing(kits: Kits) -> Done:
    raise KeyError("entry")


def disagreeing_in_a_task(kits: Kits) -> Done:
    raise ExceptionGroup("unhandled errors", [ExceptionGroup("a task's", [Disagreement("1 instead of 2")])])


def run(tmp_path: Path, *runs: object) -> list[tuple[Verdict, str, str]]:
    checks = [Check(f"c{n}", "kit", "does", each) for n, each in enumerate(runs)]  # type: ignore[arg-type]
    return [(it.verdict, it.version, it.said) for it in tried(checks, Kits(tmp_path), io.StringIO())]


def test_each_check_is_run_whatever_came_of_the_one_before(tmp_path: Path) -> None:
    assert run(tmp_path, failing, disagreeing, absent, agreeing) == [
        (Verdict.DISAGREES, "–", "KeyError: 'entry'"),
        (Verdict.DISAGREES, "–", "at [a]: 1 instead of 2"),
        (Verdict.NOT_RUN, "–", "node is not installed"),
        (Verdict.AGREES, "1.2", "2 rows | equal"),
    ]


def test_what_disagrees_in_a_task_is_told_as_it_is(tmp_path: Path) -> None:
    assert run(tmp_path, disagreeing_in_a_task) == [(Verdict.DISAGREES, "–", "1 instead of 2")]


@pytest.mark.parametrize(
    ("runs", "code", "code_of_all"),
    [
        ((agreeing,), 0, 0),
        ((agreeing, absent), 0, 1),
        ((agreeing, disagreeing), 1, 1),
        ((failing, agreeing), 1, 1),
    ],
)
def test_the_exit_code_tells_whether_all_agree(
    tmp_path: Path, runs: tuple[object, ...], code: int, code_of_all: int
) -> None:
    checks = [Check("c", "kit", "does", each) for each in runs]  # type: ignore[arg-type]
    results = tried(checks, Kits(tmp_path), io.StringIO())

    assert (exit_code(results, False), exit_code(results, True)) == (code, code_of_all)


def test_the_table_has_a_line_a_check(tmp_path: Path) -> None:
    results = tried([Check("c", "kit", "does", agreeing)], Kits(tmp_path), io.StringIO())

    assert table([results[0]._replace(seconds=1.6)]) == (
        "| check | kit | version | what is done | result | seconds |\n"
        "| --- | --- | --- | --- | --- | ---: |\n"
        "| c | kit | 1.2 | does | agrees: 2 rows \\| equal | 2 |\n"
    )


@pytest.mark.parametrize(
    ("found", "where"),
    [
        ({"a": [1, 2]}, r"what: at \[a\]\[1\]: 2 instead of 3"),
        ({}, r"what: \[a\] is missing"),
        ({"a": [1, 3], "b": 1}, r"what: \[b\] is too many"),
        ({"a": [1]}, r"what: at \[a\]: \[1\] instead of \[1, 3\]"),
    ],
)
def test_a_difference_is_told_with_its_place(found: object, where: str) -> None:
    same({"a": [1, 3]}, {"a": [1, 3]}, "what")
    with pytest.raises(Disagreement, match=f"^{where}$"):
        same(found, {"a": [1, 3]}, "what")


ECHO = "import json, sys; print('noise'); print(json.dumps({'got': json.load(sys.stdin)}))"


def test_a_program_answers_its_job_on_its_last_line(tmp_path: Path) -> None:
    assert answer([sys.executable, "-c", ECHO], {"a": 1}, tmp_path) == {"got": {"a": 1}}


@pytest.mark.parametrize(
    "code", ["import sys; sys.exit('broken')", "pass", "print('{}'); raise SystemExit(3)"]
)
def test_a_program_that_fails_or_says_nothing_disagrees(tmp_path: Path, code: str) -> None:
    with pytest.raises(Disagreement, match="ended with"):
        answer([sys.executable, "-c", code], {}, tmp_path)


def test_a_server_that_ends_at_once_did_not_start(tmp_path: Path) -> None:
    code = "import sys; sys.exit('the port is taken')"
    with (
        pytest.raises(Disagreement, match="the port is taken"),
        server([sys.executable, "-c", code], tmp_path),
    ):
        pass


def test_a_server_is_stopped_at_the_end_of_the_block(tmp_path: Path) -> None:
    code = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
        "print('2026-01-01 log line 17'); print('listening', s.getsockname()[1], flush=True); time.sleep(600)"
    )
    with server([sys.executable, "-c", code], tmp_path) as port:
        socket.create_connection(("127.0.0.1", port), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_a_kit_that_cannot_be_installed_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program(programs / "node", "echo v20.1.0")
    program(programs / "npm", f"echo tried >> {tmp_path}/tries; echo the registry is down >&2; exit 1")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    kits = Kits(tmp_path)

    for _ in range(2):
        with pytest.raises(NotHere, match="the registry is down"):
            kits.node()
    assert (tmp_path / "tries").read_text() == "tried\n"


def test_a_node_that_is_too_old_is_told_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "node", "echo v12.22.9")
    program(tmp_path / "npm", f"touch {tmp_path}/tried")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(NotHere, match="node 20 is needed; here is v12"):
        Kits(tmp_path / "kits").node()
    assert not (tmp_path / "tried").exists()


def test_an_installation_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "node", "echo v20.1.0")
    program(tmp_path / "npm", "exec sleep 600")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(NotHere, match="took more than 1 s"):
        Kits(tmp_path / "kits", longest_s=1).node()


def program(file: Path, does: str) -> None:
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)
