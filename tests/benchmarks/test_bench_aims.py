"""Aims are said to be met or missed by what was measured, and a miss has its reason."""

from __future__ import annotations

from benchmarks.aims import REASONS, lines
from benchmarks.load import Sample
from benchmarks.report import Figures


def costing(cpu_ms: float) -> Figures:
    figures = Figures(4, "yes")
    figures.samples.append(Sample(cpu_ms=cpu_ms, rate=1.0, p50_ms=1.0, p99_ms=1.0, busy=1.0, errors=0))
    return figures


def test_an_aim_is_met_or_missed_by_the_ratio_measured() -> None:
    results = {"worklist": {"gateway": costing(4), "textbook": costing(200), "floor": costing(2)}}

    assert list(lines(results)) == [
        "worklist: 1/50.0 of the textbook, aim 1/25.0: met",
        f"worklist: 2.00× of the floor, aim 1.60×: missed: {REASONS['worklist']}",
    ]


def test_what_was_not_measured_is_not_judged() -> None:
    assert list(lines({"patient": {"gateway": costing(1), "floor": Figures(4, "yes")}})) == []
