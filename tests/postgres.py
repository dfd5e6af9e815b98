"""A PostgreSQL of the tests' own: Debian's, in a temporary folder, on a free port of the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import psycopg
from psycopg import sql

_STARTS_WITHIN_S = 60.0
_OWNER, _PASSWORD = "caregraph_owner", "a-password-of-the-tests"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # the folder goes away with the tests
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "log_statement": "none",
}


class PostgresProcess:
    """A cluster that can be stopped, frozen and started again at its address, with what it holds.

    PostgreSQL does not run as root: where the tests do, it runs as `postgres`, or else as `nobody`.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._user = _unprivileged() if os.getuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._make(folder)

    @property
    def url(self) -> str:
        """The database `postgres`, as the cluster's owner, who may do anything."""
        return self.url_of("postgres")

    def url_of(self, database: str, user: str = _OWNER, password: str = _PASSWORD) -> str:
        """Where that database is."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"of_a_test_{token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url_of(name)

    def start(self) -> None:
        """Returns when it takes connections."""
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self._data, *settings],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
        )
        until = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("postgres did not start; run it by hand to see why")
            time.sleep(0.05)

    def stop(self) -> None:
        """At once, as by a crash: connections are cut, what was committed stays."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of it stands still for the block: connections stay, and nothing answers."""
        self._signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal_all(signal.SIGCONT)

    def _signal_all(self, what: signal.Signals) -> None:
        assert self._process is not None
        server = self._process.pid
        for pid in [server, *_children(server)]:
            with suppress(ProcessLookupError):
                os.kill(pid, what)

    def _make(self, folder: Path) -> None:
        secret = folder / "password"
        secret.write_text(_PASSWORD)
        if self._user is not None:
            shutil.chown(secret, self._user)
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self._data, "-U", _OWNER, "--pwfile", secret),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            cwd=folder,
        )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgres() -> Iterator[PostgresProcess]:
    """A server for the block; it and its folder are gone after it."""
    folder = Path(tempfile.mkdtemp(prefix="caregraph-postgres-"))
    try:
        server = PostgresProcess(postgres_programs(), folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def postgres_programs() -> Path:
    """The folder of `initdb` and `postgres`: Debian keeps the latter out of the search path.

    Raises:
        RuntimeError: it is not installed. Nothing is skipped for that: what it is needed for is a promise.
    """
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda it: int(it.parts[-3]))
    if debian:
        return debian[-1].parent
    raise RuntimeError("postgres is not installed; run `apt-get install postgresql`")


def _children(of: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{of}/task/{of}/children").read_text().split()]


def _unprivileged() -> str:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
