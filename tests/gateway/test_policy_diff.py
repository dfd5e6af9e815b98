"""`caregraph policy diff`: over real git repositories and files, without running anything of theirs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.cli import main
from policies.snapshot import Ruled, Snapshot, snapshot, written
from resolvers.schema import build, classify, core_of

NOW = snapshot(classify(core_of(build())))


def git(where: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=where, check=True, capture_output=True)


def ruled(policy: Snapshot, name: str, audience: str, by: Ruled) -> Snapshot:
    """That policy, where one audience gets that of all that is decided by that name."""
    return replace(policy, decided={**policy.decided, name: {**policy.decided[name], audience: by}})


STRICT = ruled(NOW, "clinical", "ai", Ruled("deny", ("boundary-ai-denies-clinical",)))
OPEN = ruled(NOW, "clinical", "crm", Ruled("allow", ("boundary-crm-allows-clinical",)))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three revisions: `none` without a policy, `now` with ours, `open` with one that is more open."""
    git(tmp_path, "init", "--initial-branch=trunk")
    (tmp_path / "README.md").write_text("Nothing yet.")
    commit(tmp_path, "none")
    (tmp_path / "docs").mkdir()
    keep(tmp_path, NOW, "now")
    keep(tmp_path, OPEN, "open")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep(repository: Path, policy: Snapshot, tag: str) -> None:
    (repository / "docs" / "policies.json").write_text(written(policy), encoding="utf-8")
    commit(repository, tag)


def commit(repository: Path, tag: str) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "-m", tag)
    git(repository, "tag", tag)


def test_the_same_policy_at_two_revisions_is_the_same(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "diff", "now", "open~1"]) == 0
    assert capsys.readouterr().out == "the policies are the same\n"


def test_without_a_second_policy_that_of_this_code_is_compared(repository: Path) -> None:
    assert main(["policy", "diff", "now"]) == 0
    assert main(["policy", "diff", "open"]) == 1


def test_what_became_more_open_is_told_first_and_loudly(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "diff", "now", "open"]) == 3

    lines = capsys.readouterr().out.splitlines()
    opened = sorted(name for name, field in NOW.coordinates.items() if field.decided == "clinical")
    assert lines[0] == f"MORE OPEN ({len(opened)} changes; review each of them)"
    assert lines[1] == "  crm"
    assert lines[2:] == [
        f"    {name}: deny (boundary-crm-denies-clinical) -> allow (boundary-crm-allows-clinical)"
        for name in opened
    ]


def test_what_became_stricter_is_no_alarm(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "strict.json"
    file.write_text(written(STRICT), encoding="utf-8")

    assert main(["policy", "diff", "now", str(file)]) == 1
    assert capsys.readouterr().out.startswith("stricter (")


def test_a_change_that_opens_and_closes_counts_as_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(written(NOW), encoding="utf-8")
    new.write_text(written(ruled(OPEN, "clinical", "ai", Ruled("deny", ()))), encoding="utf-8")

    assert main(["policy", "diff", str(old), str(new)]) == 3
    sections = [line.split(" (")[0] for line in capsys.readouterr().out.splitlines() if line[:1].strip()]
    assert sections == ["MORE OPEN", "stricter"]


def test_the_policy_as_data_is_printed_and_can_be_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "matrix", "--json"]) == 0
    file = tmp_path / "policy.json"
    file.write_text(capsys.readouterr().out, encoding="utf-8")

    assert main(["policy", "diff", str(file)]) == 0


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nowhere", "is neither a file nor a revision"),
        ("--output=owned", "is neither a file nor a revision"),
        ("none", "has no docs/policies.json; check it out, render it to a file with"),
        ("README.md", "holds no policy that can be read here; render it anew"),
    ],
)
def test_a_policy_that_can_not_be_had_is_said_to_be_so(
    repository: Path, named: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "diff", "now", "--", named]) == 2
    assert said in capsys.readouterr().err
    assert not (repository / "owned").exists()


def test_without_git_files_can_still_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "now.json"
    file.write_text(written(NOW), encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["policy", "diff", str(file)]) == 0
    assert main(["policy", "diff", "main"]) == 2
    assert "git is not installed; name files" in capsys.readouterr().err
