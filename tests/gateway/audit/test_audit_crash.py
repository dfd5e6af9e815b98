"""Processes that are killed in the middle, and several at once: what they acknowledged is in one chain."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.audit import SqliteSink
from tests.gateway.audit.made import (
    SEALS,
    checkpoint,
    checkpoints,
    entry,
    faults,
    recorded,
    records,
    verified,
)

REPOSITORY = Path(__file__).parents[3]


def writer(
    directory: Path | str, name: str, full: int, count: int, largest: int = 1 << 40
) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "tests.gateway.audit.writer",
        str(directory),
        name,
        str(full),
        str(count),
        str(largest),
    ]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def killed_after(process: subprocess.Popen[bytes], acknowledged: int) -> list[str]:
    """What it said before it was killed, which was no sooner than that."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(acknowledged)]
    process.kill()
    said += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    assert said[acknowledged - 1], "it ended by itself"
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


@pytest.mark.parametrize("after", [1, 40, 333])
def test_a_killed_process_loses_nothing_acknowledged(tmp_path: Path, after: int) -> None:
    acknowledged = killed_after(writer(tmp_path, "killed", 150, 1_000_000), after)

    there = {record.trace_id for record in records(tmp_path)}
    assert set(acknowledged) <= there
    assert faults(tmp_path, is_sealed=True) == []

    asyncio.run(recorded(SqliteSink(tmp_path, SEALS, full=150), [entry("next")]))

    assert [record.trace_id for record in records(tmp_path)][len(there) :] == ["next"]
    assert faults(tmp_path, is_sealed=True, checkpoints=checkpoints(tmp_path)) == []


def test_several_processes_lengthen_one_chain(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    processes = [writer(tmp_path, name, 70, 200) for name in names]
    for process in processes:
        out, _ = process.communicate(timeout=50)
        assert process.returncode == 0
        assert len(out.splitlines()) == 200

    written = [record.trace_id for record in records(tmp_path)]
    assert sorted(written) == sorted(f"{name}-{n}" for name in names for n in range(200))
    assert faults(tmp_path, is_sealed=True, checkpoints=checkpoints(tmp_path)) == []
    assert len(list(tmp_path.glob("*.db"))) > 3


def test_a_disk_that_is_full_fails_what_it_does_not_take_and_keeps_what_it_took(tmp_path: Path) -> None:
    process = writer(tmp_path, "full", 1_000_000, 1_000_000, largest=300_000)
    out, _ = process.communicate(timeout=50)

    acknowledged = out.decode().split()
    assert process.returncode == 1
    assert len(acknowledged) > 16
    assert set(acknowledged) <= {record.trace_id for record in records(tmp_path)}
    assert faults(tmp_path, is_sealed=True) == []

    asyncio.run(recorded(SqliteSink(tmp_path, SEALS), [entry("room again")]))

    assert records(tmp_path)[-1].trace_id == "room again"
    assert faults(tmp_path, is_sealed=True) == []


def test_a_torn_journal_is_found_by_a_checkpoint(tmp_path: Path) -> None:
    killed_after(writer(tmp_path, "killed", 1_000_000, 1_000_000), 60)
    head = verified(tmp_path).head
    assert head is not None
    [file] = tmp_path.glob("*.db")
    kept = checkpoint(file)
    journal = file.with_name(file.name + "-wal")
    with journal.open("r+b") as torn:
        torn.truncate(journal.stat().st_size * 3 // 4)
    file.with_name(file.name + "-shm").unlink()

    # What the journal still holds is whole; what was cut off is missed by whoever knows that it was there.
    assert faults(tmp_path, is_sealed=True) == []
    left = len(records(tmp_path))
    assert 0 < left < head.seq
    assert faults(tmp_path, is_sealed=True, checkpoints=[kept]) == [
        f"record {left + 1}: it is missing, and all after it: the trail once was longer"
    ]
