"""Load on one contender: wrk in a closed loop for a bounded time, and what it cost the contender."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.contenders import Contender

_SCRIPT = Path(__file__).with_name("load.lua")
_FEWEST_A_CONNECTION = 20  # requests; fewer, and those cut off at the end weigh too much
_LONGEST_STRETCH = 8


@dataclass(frozen=True)
class Sample:
    """One measurement: CPU milliseconds a request, requests a second, latencies, share of the core in use."""

    cpu_ms: float
    rate: float
    p50_ms: float
    p99_ms: float
    busy: float
    errors: int


@dataclass(frozen=True)
class Load:
    """How hard and how long: connections, seconds of warm-up and of measurement, the core wrk runs on."""

    connections: int
    warmup_s: int
    seconds: int
    core: int

    def sample(self, contender: Contender) -> Sample:
        """Warm *contender* up and measure it, longer than asked where it is slow.

        wrk leaves one request a connection unanswered when its time is up. The contender works them off
        before its CPU time is read, so they count as served.
        """
        warm = self._wrk(contender, self.warmup_s)
        rate = max(warm["requests"], 1) / warm["seconds"]
        wanted = _FEWEST_A_CONNECTION * self.connections / rate
        seconds = round(min(max(self.seconds, wanted), _LONGEST_STRETCH * self.seconds))
        processes.settle(contender.pid)
        cpu, clock = processes.cpu_seconds(contender.pid), time.monotonic()
        figures = self._wrk(contender, seconds)
        busy = (processes.cpu_seconds(contender.pid) - cpu) / (time.monotonic() - clock)
        processes.settle(contender.pid)
        spent = processes.cpu_seconds(contender.pid) - cpu
        return Sample(
            cpu_ms=spent * 1e3 / (figures["requests"] + self.connections),
            rate=figures["requests"] / figures["seconds"],
            p50_ms=figures["p50_ms"],
            p99_ms=figures["p99_ms"],
            busy=busy,
            errors=figures["errors"],
        )

    def _wrk(self, contender: Contender, seconds: int) -> dict[str, Any]:
        command = ["taskset", "-c", str(self.core), "wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s"]
        command += ["--timeout", "30s", "-s", str(_SCRIPT), contender.url]
        env = os.environ | {"BENCH_BODY": str(contender.body_file), "BENCH_TOKEN": contender.token}
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=seconds + 60, check=True
        )
        line = next(line for line in done.stdout.splitlines() if line.startswith("FIGURES "))
        figures: dict[str, Any] = json.loads(line.removeprefix("FIGURES "))
        return figures
