"""Child processes of a run: started on one core, measured from /proc, ended with their own group only."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PATIENCE_S = 5.0


@contextlib.contextmanager
def child(command: list[str], *, core: int, log: Path, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run *command* on *core* from the root of the repository, its output in *log*.

    Gives its process id, and ends its process group on leaving.
    """
    pinned = ["taskset", "-c", str(core), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            pinned,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=env,
            cwd=ROOT,
            start_new_session=True,
        )
        try:
            yield process.pid
        finally:
            _end(process)


def has_ended(pid: int) -> bool:
    """Whether the child *pid* has exited, reaped or not."""
    stat = _stat(pid)
    return stat is None or stat[0] == "Z"


def cpu_seconds(pid: int) -> float:
    """User and system time of *pid*, its descendants, and those of them that were reaped."""
    found = [stat for each in _tree(pid) if (stat := _stat(each))]
    return sum(int(ticks) for stat in found for ticks in stat[11:15]) / _TICKS_A_SECOND


def peak_memory_mb(pid: int) -> float:
    """The sum of the peak resident sizes (VmHWM) of *pid* and its descendants, in MiB."""
    kilobytes = 0
    for each in _tree(pid):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{each}/status").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    return kilobytes / 1024


def settle(pid: int) -> None:
    """Wait until *pid* has digested what the load left in flight, or its time is up."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        before = cpu_seconds(pid)
        time.sleep(0.2)
        if cpu_seconds(pid) - before <= 1 / _TICKS_A_SECOND:
            return


def is_taken(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.3)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        # The group outlives its leader where that left children behind, so it is signalled in any case.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on (proc(5), field 3), or None where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except OSError:
        return None
