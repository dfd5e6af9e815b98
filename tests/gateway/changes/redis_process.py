"""A Redis of the tests' own: Debian's `redis-server`, in memory, on a free port of the loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

_STARTS_WITHIN_S = 10.0


class RedisProcess:
    """A server that can be stopped and started again at its address, empty."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            *(self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)),
            *("--save", "", "--appendonly", "no"),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("redis-server did not start; run `redis-server` by hand to see why")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def redis_program() -> str:
    """The path of `redis-server`.

    Raises:
        RuntimeError: it is not installed. Nothing is skipped for that: what it is needed for is a promise.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed; run `apt-get install redis-server`")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
