"""`python -m benchmarks.audit`: the part of a worklist request that goes into its audit record."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.aims import GATEWAY
from benchmarks.audit.cost import Cost, cost
from benchmarks.load import Load
from benchmarks.run import Bench
from gateway.audit import Seals, Sink, SqliteSink

AIM = 0.05
"""The largest part of a worklist's CPU time that may go into its record, each in its own transaction."""

WORKLIST = "worklist"


def main(given: list[str] | None = None) -> int:
    """Measure the gateway under load with the SQLite sink, then each sink alone; 0 if the aim is met."""
    asked = _arguments(given)
    with tempfile.TemporaryDirectory(prefix="caregraph-bench-") as work:
        request_ms = _request_ms(Path(work), asked)
        costs = {name: cost(sink) for name, sink in _sinks(Path(work), asked).items()}
    print(f"a worklist costs the gateway {request_ms:.2f} ms CPU")
    for name, measured in costs.items():
        print(line(name, measured, request_ms))
    return 0 if costs["sqlite"].alone <= AIM * request_ms else 1


def line(name: str, measured: Cost, request_ms: float) -> str:
    """What a sink costs, and whether that is within the aim."""
    ratio = measured.alone / request_ms
    said = "met" if ratio <= AIM else "missed"
    return (
        f"audit, {name}: {measured.alone:.3f} ms a record, {ratio:.1%} of a worklist (aim {AIM:.0%}: {said});"
        f" {measured.at_once:.3f} ms, {measured.at_once / request_ms:.1%}, where records share transactions"
    )


def _request_ms(work: Path, asked: argparse.Namespace) -> float:
    bench = Bench(work, asked.port, [WORKLIST])
    results = bench.check([GATEWAY])
    if GATEWAY not in results[WORKLIST]:
        sys.exit("the gateway did not come up; see above")
    bench.measure(results, Load(asked.connections, 2, asked.seconds, bench.load_core), asked.rounds)
    return results[WORKLIST][GATEWAY].cpu_ms


def _sinks(work: Path, asked: argparse.Namespace) -> dict[str, Callable[[], Sink]]:
    seals = Seals(b"of the benchmark")
    sinks: dict[str, Callable[[], Sink]] = {"sqlite": lambda: SqliteSink(work / "audit", seals)}
    if asked.postgresql is not None:
        # The driver is an extra, and is asked for by naming a database.
        from gateway.audit.checkpoints import Checkpoints
        from gateway.audit.postgresql import PostgresSink

        checkpoints = Checkpoints(work / "checkpoints", seals)
        where = urlsplit(asked.postgresql).hostname or "a socket"
        sinks[f"postgresql at {where}"] = lambda: PostgresSink(
            asked.postgresql, seals, checkpoints, timeout_s=60
        )
    return sinks


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=main.__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="measure this database's sink, too; it is kept")
    parser.add_argument("--seconds", type=int, default=4, help="of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--port", type=int, default=8650, help="the first of the ports used")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
