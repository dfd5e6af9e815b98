"""A child runs on its core, is measured with its children, and is ended with them."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import processes

CORE = min(os.sched_getaffinity(0))
SPINS_IN_A_CHILD = "import os; print(os.fork() and '', end='')\nwhile True: pass"


def test_the_cpu_time_of_a_child_and_its_children_is_counted(tmp_path: Path) -> None:
    started = time.monotonic()

    with processes.child([sys.executable, "-c", SPINS_IN_A_CHILD], core=CORE, log=tmp_path / "out") as pid:
        until(lambda: processes.cpu_seconds(pid) > 0.2)
        assert processes.cpu_seconds(pid) <= time.monotonic() - started + 0.05
        assert processes.peak_memory_mb(pid) > 5


def test_leaving_ends_the_child_and_its_children(tmp_path: Path) -> None:
    forks = "import os, time\nprint(os.fork() or os.getpid(), flush=True)\ntime.sleep(60)"
    log = tmp_path / "out"

    with processes.child([sys.executable, "-c", forks], core=CORE, log=log) as pid:
        until(lambda: len(log.read_text().split()) == 2)
        assert not processes.has_ended(pid)

    family = [int(each) for each in log.read_text().split()]
    until(lambda: all(processes.has_ended(each) for each in family))


def test_a_child_that_exits_is_noticed(tmp_path: Path) -> None:
    with processes.child([sys.executable, "-c", ""], core=CORE, log=tmp_path / "out") as pid:
        until(lambda: processes.has_ended(pid))


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that comes by itself; ten seconds at most."""
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
