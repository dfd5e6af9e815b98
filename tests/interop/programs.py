"""Owns the running of others' programs: one that answers a job, one that serves until it is stopped."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LONGEST_S = 300.0


class Disagreement(Exception):
    """What was found is not what has to be; the message says where."""


def answer(
    command: Sequence[Path | str], job: Mapping[str, Any], folder: Path, **environment: str
) -> dict[str, Any]:
    """What a program that is given *job* as JSON says, as JSON on the last line of its output.

    Raises:
        Disagreement: it failed, or says nothing of the kind.
    """
    done = subprocess.run(
        command,
        input=json.dumps(job),
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Disagreement(f"{Path(command[-1]).name} ended with {done.returncode}: {done.stderr[-1500:]}")
    said: dict[str, Any] = json.loads(lines[-1])
    return said


@contextmanager
def server(command: Sequence[Path | str], folder: Path, starts_within_s: float = 120.0) -> Iterator[int]:
    """The port of a program that prints it, on a line of its own or at the end of one that begins with
    `listening`. The program is stopped at the end.

    Raises:
        Disagreement: it did not start.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
        try:
            port = _port_of(process, starts_within_s)
            if port is None:
                errors.seek(0)
                said = errors.read()[-1500:].decode(errors="replace")
                raise Disagreement(f"{Path(command[-1]).name} did not start: {said}")
            yield port
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _port_of(process: subprocess.Popen[str], within_s: float) -> int | None:
    """None: it has ended, or it takes too long.

    The rest of what it prints is read, too, and dropped: a full pipe would stop it.
    """
    found: queue.Queue[int | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                words = line.split()
                if words and words[-1].isdigit() and (len(words) == 1 or words[0] == "listening"):
                    found.put(int(words[-1]))
        found.put(None)  # it has ended

    threading.Thread(target=read, daemon=True).start()
    try:
        return found.get(timeout=within_s)
    except queue.Empty:
        return None


def same(found: Any, expected: Any, what: str) -> None:
    """Raises: Disagreement, with where they first differ, unless they are equal."""
    if found != expected:
        raise Disagreement(f"{what}: {_difference(found, expected, '')}")


def _difference(found: Any, expected: Any, at: str) -> str:
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            if key not in found or key not in expected:
                return f"{at}[{key}] is {'missing' if key not in found else 'too many'}"
            if found[key] != expected[key]:
                return _difference(found[key], expected[key], f"{at}[{key}]")
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple) and len(found) == len(expected):
        for place, pair in enumerate(zip(found, expected, strict=True)):
            if pair[0] != pair[1]:
                return _difference(*pair, f"{at}[{place}]")
    return f"at {at or 'the top'}: {str(found)[:300]} instead of {str(expected)[:300]}"
