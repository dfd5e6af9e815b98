"""The audit's share of a request is told as a ratio, and judged by what a record costs alone."""

from __future__ import annotations

from benchmarks.audit.__main__ import line
from benchmarks.audit.cost import Cost, cost
from gateway.audit import MemorySink, Seals


def test_a_share_within_the_aim_meets_it() -> None:
    assert line("sqlite", Cost(alone=0.4, at_once=0.08), 8.0) == (
        "audit, sqlite: 0.400 ms a record, 5.0% of a worklist (aim 5%: met);"
        " 0.080 ms, 1.0%, where records share transactions"
    )


def test_a_share_beyond_the_aim_misses_it_however_little_it_is_under_load() -> None:
    assert "5.1% of a worklist (aim 5%: missed)" in line("sqlite", Cost(alone=0.41, at_once=0.01), 8.0)


def test_each_record_measured_is_a_worklists() -> None:
    sink = MemorySink(Seals(b"s"))

    measured = cost(lambda: sink)

    assert measured.alone > 0
    assert measured.at_once > 0
    assert {len(record.patients) for record in sink.records} == {50}
    assert {tuple(record.calls) for record in sink.records} == {("ehr", "pms", "crm")}
