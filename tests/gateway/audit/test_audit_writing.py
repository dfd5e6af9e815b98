"""Many operations at once, a sink that fails, hangs or comes back, and operations that give up."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit import AuditUnavailable, MemorySink, SqliteSink, writing
from gateway.audit.chain import Head
from gateway.audit.sink import Item
from tests.gateway.audit.made import SEALS, audit, entry, faults, records

pytestmark = pytest.mark.anyio


class Gated(MemorySink):
    """Appends only while its gate is open, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__(SEALS)
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.batches: list[int] = []

    def append(self, items: Sequence[Item]) -> Head:
        self.entered.set()
        assert self.gate.wait(10)
        self.batches.append(len(items))
        return super().append(items)


async def test_operations_that_wait_share_one_transaction() -> None:
    sink = Gated()
    auditing = audit(sink)
    async with auditing.running(), asyncio.TaskGroup() as tasks:
        tasks.create_task(auditing.record(entry("first")))
        await asyncio.to_thread(sink.entered.wait, 10)
        for n in range(20):
            tasks.create_task(auditing.record(entry(f"t{n}")))
        await asyncio.sleep(0)
        sink.gate.set()

    assert sink.batches == [1, 20]
    assert [record.trace_id for record in sink.records] == ["first", *(f"t{n}" for n in range(20))]


async def test_a_batch_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_AT_ONCE", 8)
    sink = Gated()
    auditing = audit(sink)
    async with auditing.running(), asyncio.TaskGroup() as tasks:
        tasks.create_task(auditing.record(entry()))
        await asyncio.to_thread(sink.entered.wait, 10)
        for _ in range(20):
            tasks.create_task(auditing.record(entry()))
        await asyncio.sleep(0)
        sink.gate.set()

    assert sink.batches == [1, 8, 8, 4]


async def test_what_waits_at_the_end_is_still_written() -> None:
    sink = Gated()
    auditing = audit(sink)
    async with asyncio.TaskGroup() as tasks, auditing.running():
        waiting = [tasks.create_task(auditing.record(entry(f"t{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        sink.gate.set()

    assert all(task.done() for task in waiting)
    assert len(sink.records) == 3


async def test_what_nobody_waits_for_is_written_in_its_turn() -> None:
    sink = Gated()
    auditing = audit(sink)
    async with auditing.running():
        auditing.note(entry("noted"))
        waiting = asyncio.create_task(auditing.record(entry("waits")))
        await asyncio.sleep(0)
        sink.gate.set()
        await waiting
        auditing.note(entry("last"))

    assert [record.trace_id for record in sink.records] == ["noted", "waits", "last"]


async def test_what_nobody_waits_for_is_refused_where_records_are_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "MOST_WAITING", 0)
    auditing = audit(Gated())
    with pytest.raises(AuditUnavailable, match="not running"):
        auditing.note(entry())
    async with auditing.running():
        with pytest.raises(AuditUnavailable, match="overload"):
            auditing.note(entry())


async def test_an_operation_that_is_cancelled_leaves_the_others_alone() -> None:
    sink = Gated()
    auditing = audit(sink)
    async with auditing.running():
        one = asyncio.create_task(auditing.record(entry("cancelled")))
        other = asyncio.create_task(auditing.record(entry("waits")))
        await asyncio.sleep(0)
        one.cancel()
        sink.gate.set()
        await other

    assert one.cancelled()
    assert "waits" in {record.trace_id for record in sink.records}


async def test_a_sink_that_hangs_counts_as_dead_and_may_come_back(caplog: pytest.LogCaptureFixture) -> None:
    sink = Gated()
    auditing = audit(sink, timeout_s=0.05)
    async with auditing.running():
        with pytest.raises(AuditUnavailable, match="timeout"):
            await auditing.record(entry("late"))
        sink.gate.set()
        await auditing.record(entry("then"))

    # What came too late is there all the same: rather a record without an answer than the reverse.
    assert [record.trace_id for record in sink.records] == ["late", "then"]


async def test_a_sink_that_hangs_does_not_hold_up_the_end() -> None:
    sink = Gated()
    auditing = audit(sink, timeout_s=0.05)
    async with asyncio.timeout(5):
        async with auditing.running():
            with pytest.raises(AuditUnavailable, match="timeout"):
                await auditing.record(entry())

    sink.gate.set()


async def test_with_too_many_waiting_the_sink_counts_as_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_WAITING", 2)
    sink = Gated()
    auditing = audit(sink)
    async with auditing.running():
        waiting = [asyncio.create_task(auditing.record(entry()))]
        await asyncio.to_thread(sink.entered.wait, 10)
        waiting += [asyncio.create_task(auditing.record(entry())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(AuditUnavailable, match="overload"):
            await auditing.record(entry())
        sink.gate.set()
        await asyncio.gather(*waiting)


class Broken(MemorySink):
    """Raises what no sink should, with a value in its text."""

    def append(self, items: Sequence[Item]) -> Head:
        raise KeyError("CANARY")


async def test_whatever_a_sink_raises_those_who_wait_are_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    auditing = audit(Broken(SEALS))
    async with auditing.running():
        for _ in range(3):
            with pytest.raises(AuditUnavailable) as caught:
                await auditing.record(entry())
            assert str(caught.value) == "the audit trail cannot be written: KeyError"
            assert caught.value.__context__ is None

    # Said once, not once an operation.
    assert [line.message for line in caplog.records] == ["the audit trail can't be written"]
    assert "CANARY" not in caplog.text


async def test_a_directory_that_cannot_be_made_fails_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = tmp_path / "audit"
    in_the_way.write_text("a file")
    auditing = audit(SqliteSink(in_the_way, SEALS))
    async with auditing.running():
        with pytest.raises(AuditUnavailable, match="EEXIST"):
            await auditing.record(entry("refused"))
        in_the_way.unlink()
        await auditing.record(entry("taken"))

    assert [record.trace_id for record in records(in_the_way)] == ["taken"]
    assert faults(in_the_way, is_sealed=True) == []


async def test_a_lock_that_is_held_fails_until_it_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.sqlite.LOCK_S", 0.05)
    auditing = audit(SqliteSink(tmp_path, SEALS))
    async with auditing.running():
        await auditing.record(entry("before"))
        with closing(sqlite3.connect(tmp_path / "000000000001.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(AuditUnavailable, match="SQLITE_BUSY"):
                await auditing.record(entry("refused"))
            other.execute("ROLLBACK")
        await auditing.record(entry("after"))

    assert [record.trace_id for record in records(tmp_path)] == ["before", "after"]
    assert faults(tmp_path, is_sealed=True) == []


async def test_a_file_that_is_no_database_fails_and_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "000000000001.db"
    file.write_bytes(b"something else " * 100)
    auditing = audit(SqliteSink(tmp_path, SEALS))
    async with auditing.running():
        with pytest.raises(AuditUnavailable, match="SQLITE_NOTADB"):
            await auditing.record(entry())

    assert file.read_bytes() == b"something else " * 100
