"""Tries mutants, each in a process of its own forked from one that has all modules in memory.

What only happens when a function is called is swapped in where the tests are collected already, and the tests
that call the function are run. What happens on import (tables, above all) is imported anew, mutated, by tests
that are collected after it.
"""

from __future__ import annotations

import gc
import importlib
import importlib.machinery
import importlib.util
import json
import math
import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import _lru_cache_wrapper
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.targets import OURS, ROOT, Target, module_of, source

QUIET = (
    "-q",
    "-x",
    "-p",
    "no:cacheprovider",
    "-o",
    "timeout=600",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
BLIND = ("--tb=no", "-p", "no:unraisableexception")
"""What is of no use where all that is asked is whether a test fails, and takes as long as most tests."""
LEAST_S, MOST_S, TIMES_S = 10.0, 200.0, 8.0
"""How long a mutant may compute: at least, at most, and how many times what its tests take unmutated."""
WAITS = 8.0
"""How many times as long it may take by the clock: a machine may be busy, and a mutant may wait for ever."""
MEMORY = 4 << 30
"""How many bytes a mutant that never ends may gather."""

SURVIVED, KILLED, NO_TEST, LATE = 0, 1, 3, 4
FRESH = 5
"""The change can't be swapped in: it has to be imported."""
KILLED_BY = 16
"""From here on: killed by a test of that file, counted in the order of their names."""

PINNED = "tests/policies/test_policy_pinned.py"
"""The tests that hold the whole policy against the files it is written to."""

Function = tuple[str, int]
"""A path, and the line of the function's definition."""


class Known(NamedTuple):
    """What a run without a mutant told: how long each test takes, what it calls, and what imports call."""

    seconds: Mapping[str, float]
    calls: Mapping[str, frozenset[Function]]
    imported: frozenset[Function]
    others: Sequence[str]


def repeatable() -> None:
    """The same examples in every run, and no time spent on making a failure small."""
    settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")


def compiled_once(folder: Path) -> None:
    """What is imported is compiled into *folder* once for all processes of this run, and no mutant is."""
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(folder)


class Calls:
    """The functions of the targets that are called, as a tracer sees them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = {str(ROOT / path): path for path in paths}
        self.seen: set[Function] = set()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            path = self._paths.get(frame.f_code.co_filename)
            if path is not None:
                self.seen.add((path, frame.f_code.co_firstlineno))

    def start(self) -> None:
        sys.settrace(self)
        threading.settrace(self)

    def taken(self) -> frozenset[Function]:
        taken, self.seen = frozenset(self.seen), set()
        return taken


class Live:
    """The functions of the targets that are in memory, and the caches of what any function gave."""

    def __init__(self) -> None:
        everything = gc.get_objects()
        self._caches = [each for each in everything if isinstance(each, _lru_cache_wrapper)]
        self._functions: dict[Function, list[FunctionType]] = {}
        for each in everything:
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(f"{ROOT}{os.sep}"):
                path = each.__code__.co_filename.removeprefix(f"{ROOT}{os.sep}")
                self._functions.setdefault((path, each.__code__.co_firstlineno), []).append(each)

    def swap(self, target: Target) -> bool:
        """Gives the function its mutated code, and forgets what it gave before; whether that can be done."""
        file = str(ROOT / target.path)
        module = compile(target.mutant.applied(source(target.path)), file, "exec")
        codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(module)}
        assert target.mutant.function is not None
        live = self._functions.get((target.path, target.mutant.function), [])
        for each in live:
            code = codes.get((each.__code__.co_qualname, each.__code__.co_firstlineno))
            if code is None or code.co_freevars != each.__code__.co_freevars:
                return False
            each.__code__ = code
        for cache in self._caches:
            cache.cache_clear()
        return bool(live)


class Warm:
    """A pytest session that takes the place of the run: it tries mutants on the tests it has collected."""

    def __init__(self, paths: Sequence[str], notes: Path) -> None:
        self._calls = Calls(paths)
        self._calls.start()
        self._notes = notes
        self._failed: list[str] = []
        self._work: Callable[[pytest.Session, Live], None] | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.append(f"{report.nodeid} ({report.when})\n{report.longreprtext}")

    def then(self, work: Callable[[pytest.Session, Live], None]) -> None:
        self._work = work

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        imported = self._calls.taken()
        self.live = Live()
        if (child := os.fork()) == 0:
            self._run_unmutated(session, imported)
        os.waitpid(child, 0)
        failed = json.loads(self._notes.read_text())["failed"]
        if failed:
            raise pytest.UsageError("\n\n".join(["these fail without a mutant", *failed]))
        assert self._work is not None
        self._work(session, self.live)
        return True

    def _run_unmutated(self, session: pytest.Session, imported: frozenset[Function]) -> None:
        seconds: dict[str, float] = {}
        calls: dict[str, list[Function]] = {}
        for item, following in _pairs(session.items):
            self._calls.taken()
            began = time.perf_counter()
            self._calls.start()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            sys.settrace(None)
            seconds[item.nodeid] = time.perf_counter() - began
            calls[item.nodeid] = sorted(self._calls.taken())
        others = [name for name, module in sys.modules.items() if _is_anothers(name, module)]
        notes = {"seconds": seconds, "calls": calls, "imported": sorted(imported), "others": others}
        self._notes.write_text(json.dumps(notes | {"failed": self._failed}))
        os._exit(0)


def _is_anothers(name: str, module: ModuleType) -> bool:
    return name.split(".", 1)[0] not in OURS and getattr(module, "__spec__", None) is not None


def _pairs(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def known(notes: Path) -> Known:
    told = json.loads(notes.read_text())
    return Known(
        told["seconds"],
        {test: frozenset((path, line) for path, line in called) for test, called in told["calls"].items()},
        frozenset((path, line) for path, line in told["imported"]),
        told["others"],
    )


# -- swapped in ----------------------------------------------------------------------------


def tests_of(target: Target, told: Known) -> list[str]:
    """The tests that call what is mutated, the fastest first."""
    assert target.mutant.function is not None
    called = (target.path, target.mutant.function)
    return sorted(
        (test for test, calls in told.calls.items() if called in calls), key=told.seconds.__getitem__
    )


def try_swapped(session: pytest.Session, live: Live, target: Target, told: Known) -> int:
    """The fate of a mutant on collected tests, in this process, which is of no use after.

    What lives here though imports call it is to be tried there, too.
    """
    tests = tests_of(target, told)
    is_imported = (target.path, target.mutant.function) in told.imported
    if not tests and not is_imported:
        return NO_TEST
    if not live.swap(target):
        return FRESH
    items = {item.nodeid: item for item in session.items}
    for item, following in _pairs([items[test] for test in tests]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return KILLED
    return FRESH if is_imported else SURVIVED


def _codes(module: CodeType) -> Iterator[CodeType]:
    for const in module.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _codes(const)


# -- imported anew ---------------------------------------------------------------------------


class _Mutated(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, mutated: bytes) -> None:
        super().__init__(name, path)
        self._mutated = mutated

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._mutated, self.path, "exec")


class _Finder:
    """Finds one module, mutated."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._name = module_of(target.path).removesuffix(".__init__")

    def find_spec(self, name: str, path: Any = None, of: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        file = str(ROOT / self._target.path)
        mutated = self._target.mutant.applied(source(self._target.path))
        return importlib.util.spec_from_file_location(name, file, loader=_Mutated(name, file, mutated))


def warm_up(others: Iterable[str]) -> None:
    """Imports what is not ours, so that each mutant need not."""
    for name in others:
        if name not in sys.modules and not name.startswith("__"):
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112 - then each mutant imports it as it needs it
                continue


class Files:
    """The files of tests in the order they are tried in: first what killed the module's mutants before."""

    def __init__(self, told: Known) -> None:
        self._told = told
        self._seconds: dict[str, float] = {}
        for test, taken in told.seconds.items():
            file = test.partition("::")[0]
            self._seconds[file] = self._seconds.get(file, 0.1) + taken
        self.all = sorted(self._seconds)
        self._likely: dict[str, list[str]] = {}
        self._killed: dict[str, Counter[str]] = {}

    def learn(self, path: str, fate: int) -> int:
        """Notes which file killed a mutant; the fate without that."""
        if fate < KILLED_BY:
            return fate
        self._killed.setdefault(path, Counter())[self.all[fate - KILLED_BY]] += 1
        return KILLED

    def to_try(self, path: str) -> list[str]:
        """After those that killed, those named after the module or calling most of it."""
        if path not in self._likely:
            self._likely[path] = self._by_likelihood(path)
        killed = self._killed.get(path, Counter())
        return sorted(self._likely[path], key=lambda file: -killed[file])

    def _by_likelihood(self, path: str) -> list[str]:
        stem, calls = Path(path).stem, Counter[str]()
        for test, called in self._told.calls.items():
            calls[test.partition("::")[0]] += sum(of == path for of, _ in called)
        return sorted(
            self.all, key=lambda file: (stem not in file, file != PINNED, -calls[file] / self._seconds[file])
        )


class _Killer:
    """Notes the file of the test that fails."""

    file: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.file = report.nodeid.partition("::")[0]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.file = report.nodeid


def try_fresh(target: Target, order: Sequence[str]) -> int:
    """The fate of a mutant that is imported, in this process, which is of no use after."""
    sys.meta_path.insert(0, _Finder(target))
    killer = _Killer()
    # Few at a time while it is likely to be killed: to collect all tests takes longer than to run most.
    for some in ([order[0]], [order[1]], order[2:4], order[4:]):
        if some and pytest.main([*QUIET, *BLIND, *some], plugins=[killer]) != pytest.ExitCode.OK:
            return KILLED_BY + sorted(order).index(killer.file) if killer.file else KILLED
    return SURVIVED


# -- many at a time ----------------------------------------------------------------------------


class Trial(NamedTuple):
    target: Target
    run: Callable[[], int]
    limit_s: float


def tried(trials: Iterable[Trial], processes: int) -> Iterator[tuple[Target, int]]:
    """The fate of each mutant, as it is known, with so many at a time."""
    waiting = iter(trials)
    gc.freeze()  # a child that collects garbage need not look at what it was born with
    running: dict[int, tuple[Trial, float]] = {}
    while True:
        while len(running) < processes and (trial := next(waiting, None)) is not None:
            running[_forked(trial)] = trial, time.monotonic() + WAITS * trial.limit_s
        if not running:
            return
        for child in list(running):
            trial, until = running[child]
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                del running[child]
                yield trial.target, _fate(status)
            elif time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                del running[child]
                yield trial.target, LATE
        time.sleep(0.005)


def _fate(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU:
        return LATE
    return code if code in (SURVIVED, NO_TEST, FRESH) or code >= KILLED_BY else KILLED


def _forked(trial: Trial) -> int:
    child = os.fork()
    if child:
        return child
    fate = KILLED
    try:
        _limit(trial.limit_s)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        fate = trial.run()
    finally:
        os._exit(fate)


def _limit(seconds: float) -> None:
    """What this process may use; past its time, a signal ends it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def limit_s(seconds: float) -> float:
    return min(MOST_S, LEAST_S + TIMES_S * seconds)


def collecting(warm: Warm, folders: Sequence[str]) -> int:
    """Runs the session that tries what is swapped in."""
    return int(pytest.main([*QUIET, *folders], plugins=[warm]))
