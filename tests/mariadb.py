"""A MariaDB of the tests' own: Debian's, in a temporary folder, on a free port of the loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import pymysql

_STARTS_WITHIN_S = 90.0
OWNER, PASSWORD = "caregraph_owner", "a-password-of-the-tests"


class MariadbProcess:
    """A server with an owner who may do anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "socket"
        self._user = "mysql" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        if os.getuid() == 0:
            shutil.chown(folder, self._user)
        (folder / "init.sql").write_text(
            f"CREATE USER '{OWNER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{OWNER}'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        subprocess.run(
            ["mariadb-install-db", f"--datadir={folder / 'data'}", f"--user={self._user}", "--skip-test-db"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def url_of(self, database: str, user: str = OWNER, password: str = PASSWORD) -> str:
        """Where that database is."""
        return f"mariadb://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"of_a_test_{token_hex(6)}"
        with self._connected() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self.url_of(name)

    def start(self) -> None:
        """Returns when it takes connections."""
        self._process = subprocess.Popen(
            [
                "mariadbd",
                "--no-defaults",
                f"--user={self._user}",
                f"--datadir={self._folder / 'data'}",
                f"--socket={self._socket}",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--init-file={self._folder / 'init.sql'}",
                "--innodb-flush-log-at-trx-commit=0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("mariadbd did not start; run it by hand to see why")
            time.sleep(0.05)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _connected(self) -> pymysql.Connection:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=OWNER, password=PASSWORD, autocommit=True
        )

    def _answers(self) -> bool:
        try:
            self._connected().close()
        except pymysql.OperationalError:
            return False
        return True


@contextmanager
def running_mariadb() -> Iterator[MariadbProcess]:
    """A server for the block; it and its folder are gone after it.

    Raises:
        RuntimeError: it is not installed. Nothing is skipped for that: what it is needed for is a promise.
    """
    if shutil.which("mariadbd") is None:
        raise RuntimeError("mariadbd is not installed; run `apt-get install mariadb-server`")
    folder = Path(tempfile.mkdtemp(prefix="caregraph-mariadb-"))
    folder.chmod(0o755)
    try:
        server = MariadbProcess(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
