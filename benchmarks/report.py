"""The figures of a run as one Markdown table, with the machine and the versions they hold for."""

import importlib.metadata
import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import Sample

_HEAD = (
    "query",
    "contender",
    "CPU ms/request",
    "min–max",
    "× floor",
    "× textbook",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "core busy",
    "peak MB",
    "× floor",
    "upstream calls",
    "same answer",
)
_PACKAGES = (
    "strawberry-graphql",
    "graphql-core",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "httpx",
    "aiodataloader",
    "fhir.resources",
    "pydantic",
    "pyreqwest",
    "msgspec",
)


@dataclass
class Figures:
    """What was found out about one contender and one query; memory in MiB."""

    calls: float
    verdict: str
    samples: list[Sample] = field(default_factory=list)
    memory_mb: float = 0.0

    @property
    def cpu_ms(self) -> float:
        """The median over the rounds."""
        return statistics.median(sample.cpu_ms for sample in self.samples)


Results = dict[str, dict[str, Figures]]  # by query, by contender


def table(results: Results) -> str:
    """One line a query and contender, cheapest first."""
    align = ["---", "---", *["---:"] * (len(_HEAD) - 3), "---"]
    lines = [list(_HEAD), align]
    for query, by_name in results.items():
        measured = {name: figures for name, figures in by_name.items() if figures.samples}
        ranked = sorted(measured, key=lambda each: measured[each].cpu_ms)
        lines += [[query, name, *_cells(measured[name], measured)] for name in ranked]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Cores, processor, system and versions, in one sentence each."""
    processor = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} × {processor}, {platform.system()} {platform.release()}. "
        f"Python {platform.python_version()}, {versions}."
    )


def _cells(figures: Figures, measured: dict[str, Figures]) -> list[str]:
    cpus = [sample.cpu_ms for sample in figures.samples]
    floor, textbook = measured.get("floor"), measured.get("textbook")
    errors = sum(sample.errors for sample in figures.samples)
    return [
        f"**{figures.cpu_ms:.3f}**",
        f"{min(cpus):.3f}–{max(cpus):.3f}",
        _ratio(figures.cpu_ms, floor.cpu_ms if floor else None),
        _ratio(figures.cpu_ms, textbook.cpu_ms if textbook else None),
        f"{statistics.median(sample.rate for sample in figures.samples):,.0f}",
        f"{statistics.median(sample.p50_ms for sample in figures.samples):.1f}",
        f"{statistics.median(sample.p99_ms for sample in figures.samples):.1f}",
        f"{statistics.median(sample.busy for sample in figures.samples):.0%}",
        f"{figures.memory_mb:.0f}",
        _ratio(figures.memory_mb, floor.memory_mb if floor else None),
        f"{figures.calls:g}",
        figures.verdict + (f" ({errors} errors under load)" if errors else ""),
    ]


def _ratio(value: float, to: float | None) -> str:
    if not to:
        return "–"
    ratio = value / to
    return f"1/{1 / ratio:.1f}" if ratio < 0.95 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"
