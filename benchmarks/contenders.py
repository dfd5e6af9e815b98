"""The services that are compared: a folder each, with `start.sh` and, where they ask for one, `token.sh`."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.upstream.worlds import World

HERE = Path(__file__).parent
NAMES = ("floor", "gateway", "textbook")
QUERIES = ("worklist", "patient")

_START_S = 60.0
_ASK_S = 15.0


class NotRunning(Exception):
    """A contender is not there or did not come up; the message says why."""


class WrongAnswer(Exception):
    """A contender answered with a status or with errors; the message shows them."""


@dataclass(frozen=True)
class Contender:
    """A running contender and the one request it is measured with."""

    name: str
    pid: int
    port: int
    token: str
    body_file: Path

    @property
    def url(self) -> str:
        """Its GraphQL endpoint."""
        return f"http://127.0.0.1:{self.port}/graphql"

    def ask(self) -> Any:
        """The `data` of its answer.

        Raises:
            WrongAnswer: a status other than 200, no data, or errors beside it.
            OSError, http.client.HTTPException: it did not answer.
        """
        status, body = _post(self.port, self.body_file.read_bytes(), self.token)
        if status != http.client.OK:
            raise WrongAnswer(f"status {status}: {body[:300]!r}")
        answer = json.loads(body)
        if answer.get("errors") or not answer.get("data"):
            raise WrongAnswer(f"errors: {body[:300]!r}")
        return answer["data"]


@contextlib.contextmanager
def running(name: str, world: World, work: Path, *, port: int, core: int) -> Iterator[Contender]:
    """Start contender *name* against *world* on *core* and give it once it answers 200; ends it on leaving.

    Raises:
        NotRunning: its folder is missing, it exited, or it did not answer in a minute.
    """
    start = HERE / name / "start.sh"
    if not start.exists():
        raise NotRunning(f"{name}: benchmarks/{name}/start.sh is missing")
    if processes.is_taken(port):
        raise NotRunning(f"{name}: port {port} is taken; choose another with --port")
    env = os.environ | {
        "PORT": str(port),
        "UPSTREAM": world.address,
        "BENCH_WORK": str(work),
        "BENCH_PYTHON": sys.executable,
    }
    body_file = work / f"{name}.{world.name}.body.json"
    body_file.write_text(json.dumps(_request(name, world.name)))
    log = work / f"{name}.out"
    with processes.child(["sh", str(start)], core=core, log=log, env=env) as pid:
        contender = Contender(name, pid, port, _token(name, env), body_file)
        _wait(contender, log)
        yield contender


def _request(contender: str, query: str) -> dict[str, Any]:
    """The body to send. A contender whose ids are of another make has variables of its own."""
    own = HERE / contender / f"{query}.variables.json"
    shared = HERE / "queries" / f"{query}.variables.json"
    return {
        "operationName": query.capitalize(),
        "query": (HERE / "queries" / f"{query}.graphql").read_text(),
        "variables": json.loads((own if own.exists() else shared).read_text()),
    }


def _token(name: str, env: dict[str, str]) -> str:
    script = HERE / name / "token.sh"
    if not script.exists():
        return ""
    done = subprocess.run(
        ["sh", str(script)],
        env=env,
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise NotRunning(f"{name}: token.sh failed: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def _wait(contender: Contender, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    why = "it did not answer"
    while time.monotonic() < deadline:
        try:
            contender.ask()
            return
        except (OSError, http.client.HTTPException, WrongAnswer) as cause:
            why = str(cause)
        if processes.has_ended(contender.pid):
            why = "it exited"
            break
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip()[-1000:]
    raise NotRunning(f"{contender.name}: did not come up: {why}\n{said}".rstrip())


def _post(port: int, body: bytes, token: str) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ASK_S)
    try:
        connection.request("POST", "/graphql", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
