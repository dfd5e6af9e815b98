"""The files of a trail: begun, filled, closed and followed by the next, and checkpoints beside them."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from gateway.audit import AuditUnavailable, PlanRef, Record, SqliteSink
from gateway.audit.sink import Item
from tests.gateway.audit.made import SEALS, checkpoints, entry, faults, recorded, records, trail

BODY = Item(b'{"at":"2026-11-22T09:30:00Z"}', None)


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.glob("*.db"))


def test_two_writers_find_that_the_other_has_closed_the_file(tmp_path: Path) -> None:
    one, two = SqliteSink(tmp_path, SEALS, full=2), SqliteSink(tmp_path, SEALS, full=2)

    heads = [sink.append([BODY]) for _ in range(3) for sink in (one, two)]
    one.close()
    two.close()

    assert [head.seq for head in heads] == [1, 2, 3, 4, 5, 6]
    assert names(tmp_path) == ["000000000001.db", "000000000003.db", "000000000005.db"]
    assert [fault for fault in faults(tmp_path, is_sealed=True) if "can't be read" not in fault] == []


def test_a_batch_may_make_a_file_longer_than_full(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path, SEALS, full=2)

    assert sink.append([BODY] * 5).seq == 5
    assert sink.append([BODY]).seq == 6
    sink.close()

    assert names(tmp_path) == ["000000000001.db", "000000000006.db"]


@pytest.mark.parametrize("count", [0, 4])
def test_a_file_that_was_made_and_never_begun_is_begun(tmp_path: Path, count: int) -> None:
    if count:
        trail(tmp_path, count, full=count)
    (tmp_path / f"{count + 1:012d}.db").touch()
    sink = SqliteSink(tmp_path, SEALS)

    assert sink.append([BODY]).seq == count + 1
    sink.close()

    assert names(tmp_path)[-1] == f"{count + 1:012d}.db"
    assert len(names(tmp_path)) == (2 if count else 1)


def test_a_sink_that_was_closed_opens_again(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path, SEALS)
    sink.close()

    assert sink.append([BODY]).seq == 1
    sink.close()
    assert sink.append([BODY]).seq == 2
    sink.close()

    assert [kept.head.seq for kept in checkpoints(tmp_path)] == [1, 2]


def test_what_fails_leaves_nothing_of_its_batch(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path, SEALS)
    sink.append([BODY])

    with pytest.raises(AuditUnavailable, match=r"ProgrammingError|InterfaceError"):
        sink.append([BODY, Item(BODY.body, PlanRef("d", object()))])  # type: ignore[arg-type]
    assert sink.append([BODY]).seq == 2
    sink.close()


def test_a_checkpoint_is_written_after_so_many_records_and_after_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("gateway.audit.checkpoints.RECORDS", 3)
    sink = SqliteSink(tmp_path, SEALS)
    for _ in range(4):
        sink.append([BODY])
    assert [kept.head.seq for kept in checkpoints(tmp_path)] == [3]

    now = time.monotonic()
    monkeypatch.setattr("gateway.audit.checkpoints.time.monotonic", lambda: now + 301)
    head = sink.append([BODY])
    sink.append([BODY])

    assert [kept.head.seq for kept in checkpoints(tmp_path)] == [3, 5]
    assert caplog.messages[-1] == f"audit checkpoint {checkpoints(tmp_path)[-1].chain} 5 {head.hash.hex()}"
    sink.close()


def test_a_checkpoint_that_cannot_be_written_fails_no_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoints").mkdir()
    sink = SqliteSink(tmp_path, SEALS)

    assert sink.append([BODY]).seq == 1
    sink.close()

    assert [line.message for line in caplog.records][-1] == "an audit checkpoint can't be written"
    assert caplog.records[-1].__dict__["error"] == "IsADirectoryError"


@pytest.mark.anyio
async def test_a_record_without_a_plan_or_patients_is_kept(tmp_path: Path) -> None:
    await recorded(SqliteSink(tmp_path, SEALS), [entry(plan=None, patients=(), calls={})])

    [record] = records(tmp_path)
    assert isinstance(record, Record)
    assert (record.plan, record.patients, record.calls) == (None, [], {})
    assert faults(tmp_path, is_sealed=True) == []
