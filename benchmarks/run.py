"""Compare what one request costs each contender: the command line, the order of things, the printed report.

First each contender is asked alone: is its answer the floor's, how many upstream calls does it make? Then all
are measured in turn, round after round, each in a new process on a core of its own.
"""

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import aims, contenders, processes, report
from benchmarks.comparison import canonical, difference
from benchmarks.contenders import NAMES, QUERIES, NotRunning, WrongAnswer
from benchmarks.load import Load
from benchmarks.report import Figures, Results
from benchmarks.upstream import nginx
from benchmarks.upstream.worlds import World

_REFERENCE = "floor"
_ASKED = 5
_PROGRAMS = ("nginx", "wrk", "taskset")


class Bench:
    """One run: its working folder, its ports, its two cores."""

    def __init__(self, work: Path, first_port: int, queries: list[str]) -> None:
        self._work = work
        self._worlds = {name: World(name, first_port + place) for place, name in enumerate(queries)}
        self._port = first_port + len(queries)
        cores = sorted(os.sched_getaffinity(0))
        self._core, self.load_core = cores[0], cores[-1]

    def check(self, names: list[str]) -> Results:
        """Ask each contender each query; the ones that do not come up are left out and said so."""
        results: Results = {query: {} for query in self._worlds}
        with self._upstream(logged=True):
            for query, world in self._worlds.items():
                expected: Any = None
                for name in dict.fromkeys([_REFERENCE, *names]):
                    with _skipping(), self._running(name, world) as contender:
                        found = canonical(contender.ask())
                        expected = found if name == _REFERENCE else expected
                        calls = self._calls(world, contender)
                        verdict = difference(expected, found) or "yes"
                        _say(f"{query}: {name}: same answer: {verdict}; {calls:g} upstream calls")
                        if name in names:
                            results[query][name] = Figures(calls, verdict)
        return results

    def measure(self, results: Results, load: Load, rounds: int) -> None:
        """Add *rounds* samples to each of *results*, contenders interleaved."""
        with self._upstream(logged=False):
            for number in range(1, rounds + 1):
                for query, by_name in results.items():
                    for name, figures in by_name.items():
                        with _skipping(), self._running(name, self._worlds[query]) as contender:
                            sample = load.sample(contender)
                            figures.samples.append(sample)
                            memory = processes.peak_memory_mb(contender.pid)
                            figures.memory_mb = max(figures.memory_mb, memory)
                            _say(f"round {number}: {query}: {name}: {sample.cpu_ms:.3f} ms CPU a request")

    def _running(self, name: str, world: World) -> contextlib.AbstractContextManager[contenders.Contender]:
        return contenders.running(name, world, self._work, port=self._port, core=self._core)

    def _calls(self, world: World, contender: contenders.Contender) -> float:
        before = len(nginx.calls(world, self._work))
        for _ in range(_ASKED):
            contender.ask()
        return (len(nginx.calls(world, self._work)) - before) / _ASKED

    @contextlib.contextmanager
    def _upstream(self, *, logged: bool) -> Iterator[None]:
        here = list(self._worlds.values())
        for world in here:
            if processes.is_taken(world.port):
                sys.exit(f"port {world.port} is taken; choose another with --port")
        command = nginx.prepare(here, self._work, logged=logged)
        log = self._work / "nginx.out"
        with processes.child(command, core=self.load_core, log=log) as pid:
            deadline = time.monotonic() + 10
            while not all(processes.is_taken(world.port) for world in here):
                if processes.has_ended(pid) or time.monotonic() > deadline:
                    sys.exit(f"nginx did not start: {log.read_text().strip()}")
                time.sleep(0.05)
            yield


def main(given: list[str] | None = None) -> int:
    """Run the command line; 0 when everything that was measured gave the same answer."""
    asked = _arguments(given)
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    if missing:
        sys.exit(f"{', '.join(missing)} not found; scripts/bench installs them on Debian")
    with tempfile.TemporaryDirectory(prefix="caregraph-bench-") as work:
        bench = Bench(Path(work), asked.port, asked.queries)
        results = bench.check(asked.only)
        load = Load(asked.connections, asked.warmup, asked.seconds, bench.load_core)
        bench.measure(results, load, asked.rounds)
    print(f"{report.machine()}\n\n{report.table(results)}\n\n{_reproduce(asked)}\n")
    print("\n".join(aims.lines(results)))
    verdicts = [figures.verdict for by_name in results.values() for figures in by_name.values()]
    return 0 if verdicts and all(verdict == "yes" for verdict in verdicts) else 1


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=main.__doc__)
    parser.add_argument("--only", type=_among(NAMES), default=list(NAMES), help="contenders, by commas")
    parser.add_argument("--queries", type=_among(QUERIES), default=list(QUERIES), help="queries, by commas")
    parser.add_argument("--seconds", type=_positive, default=5, help="of a measurement; longer for the slow")
    parser.add_argument("--rounds", type=_positive, default=3)
    parser.add_argument("--warmup", type=_positive, default=3, help="seconds before each measurement")
    parser.add_argument("--connections", type=_positive, default=16)
    parser.add_argument("--port", type=_positive, default=8600, help="the first of the ports used")
    return parser.parse_args(given)


def _among(names: tuple[str, ...]) -> Any:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"`{unknown[0]}` is none of {', '.join(names)}")
        return chosen

    return parse


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"`{text}` is not a positive whole number")
    return int(text)


def _reproduce(asked: argparse.Namespace) -> str:
    return (
        f"`scripts/bench --only {','.join(asked.only)} --queries {','.join(asked.queries)} "
        f"--seconds {asked.seconds} --rounds {asked.rounds} --warmup {asked.warmup} "
        f"--connections {asked.connections}`"
    )


@contextlib.contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except (NotRunning, WrongAnswer) as why:
        _say(f"skipped: {why}")


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # Leaving by an exception ends the children; the default action of SIGTERM would orphan them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
