"""Compares every answer of the entry with what the rig expects: all queries, all patients.

`BENCH_HOME=... python -m benchmarks.peer.compare [PORT]`, after a run of the rig, whose data and whose
configuration of the upstream it uses. It starts the upstream and, on PORT (8900), the entry, ends both, and
exits with 1 when an answer differs.
"""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.comparison import difference
from benchmarks.peer import bodies, equivalence

_START_S = 60.0
_CORE = min(os.sched_getaffinity(0))
_LISTEN = re.compile(r"listen 127\.0\.0\.1:(\d+)")


class CannotCompare(Exception):
    """What is needed is not there; the message says what to do."""


def main(port: int) -> int:
    """Print a line for each query; 1 when an answer differs."""
    home = Path(os.environ["BENCH_HOME"])
    with ExitStack() as started:
        upstream = started.enter_context(upstream_of(home))
        headers = started.enter_context(entry(home, upstream, port))
        told = {query: first_difference(home, query, port, headers) for query in bodies.OPERATIONS}
    for query, words in told.items():
        print(f"{query}: {words or f'{len(bodies.lines(query))} answers are equal'}")
    return 1 if any(told.values()) else 0


def first_difference(home: Path, query: str, port: int, headers: dict[str, str]) -> str:
    """Where an answer to *query* first differs from the expected one; empty when all are equal."""
    asked = bodies.file(query).read_text().splitlines()
    wanted = (home / "data" / "expected" / f"{query}.jsonl").read_text().splitlines()
    for number, (body, line) in enumerate(zip(asked, wanted, strict=True)):
        status, answer = post(port, body, headers)
        if status != http.client.OK or "errors" in answer:
            return f"line {number + 1}: status {status}, {answer.get('errors', [])[:1]}"
        expected = equivalence.expected(json.loads(line)["data"])
        if words := difference(expected, equivalence.ours(answer["data"])):
            return f"line {number + 1}: {words}"
    return ""


@contextmanager
def upstream_of(home: Path) -> Iterator[str]:
    """The rig's upstream; gives its address.

    Raises:
        CannotCompare: there was no run of the rig, or its port is taken.
    """
    configuration = home / "run" / "nginx.conf"
    if not configuration.exists():
        raise CannotCompare(f"{configuration.name} is missing; run the rig with --verify first")
    port = int(_LISTEN.findall(configuration.read_text())[0])
    if processes.is_taken(port):
        raise CannotCompare(f"port {port} is taken; wait until the rig is done, or end what listens there")
    log = home / "run" / "compare-nginx.out"
    with processes.child(["nginx", "-c", str(configuration)], core=_CORE, log=log) as pid:
        _wait(pid, lambda: processes.is_taken(port), log)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def entry(home: Path, upstream: str, port: int) -> Iterator[dict[str, str]]:
    """The entry as the rig starts it; gives the headers to send.

    Raises:
        CannotCompare: its port is taken, or it does not come up.
    """
    if processes.is_taken(port):
        raise CannotCompare(f"port {port} is taken; give another as the argument")
    env = os.environ | {
        "PORT": str(port),
        "UPSTREAM": upstream,
        "BENCH_HOME": str(home),
        "PEER_PYTHON": sys.executable,
    }
    log = home / "run" / "compare-entry.out"
    with processes.child([str(bodies.HERE / "start.sh")], core=_CORE, log=log, env=env) as pid:
        _wait(pid, lambda: processes.is_taken(port), log)
        said = subprocess.run([str(bodies.HERE / "headers.sh")], env=env, capture_output=True, check=True)
        yield json.loads(said.stdout)


def post(port: int, body: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """The status and the answer to one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        sent = {"Content-Type": "application/json", "Accept": "application/json"} | headers
        connection.request("POST", "/graphql", body, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def _wait(pid: int, is_up: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not is_up():
        if processes.has_ended(pid) or time.monotonic() > deadline:
            raise CannotCompare(f"it did not come up: {log.read_text(errors='replace').strip()[-1000:]}")
        time.sleep(0.05)


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8900))
    except CannotCompare as why:
        sys.exit(str(why))
