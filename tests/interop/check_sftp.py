"""OpenSSH's SFTP server: a practice's files in a folder of it, read by our adapter."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.dataset import generate
from sandbox.pms.export import Export
from sources.pms.files.sftp import SftpFolder, SftpSettings
from tests.interop.checks import Done
from tests.interop.kits import Kits
from tests.interop.practices import compared
from tests.interop.programs import Disagreement
from tests.sources import filed

PATIENTS = 30
_SSHD = Path("/usr/sbin/sshd")
_STARTS_WITHIN_S = 30.0


def sftp(kits: Kits) -> Done:
    """Signs in by key to a server whose key is known; to a server with another key it does not."""
    kits.debian(_SSHD, "openssh-server")
    held = generate(PATIENTS)
    with TemporaryDirectory(prefix="caregraph-sftp-") as folder:
        here = Path(folder)
        for name in ("files", "projection"):
            (here / name).mkdir()
        Export(here / "files", held.pms).all("20261120235900")
        with _server(here) as port:
            settings = SftpSettings(
                "127.0.0.1",
                getpass.getuser(),
                str(here / "known_hosts"),
                path=str(here / "files"),
                port=port,
                key=str(here / "user"),
            )

            async def read() -> int:
                practice = filed.practice(here / "projection", SftpFolder(settings))
                try:
                    for _ in range(2):  # a file has to be the same in two looks
                        await practice.looks.look()
                    return await compared(practice, held, stamped=False)
                finally:
                    await practice.close()

            rows = asyncio.run(read())
            asyncio.run(_stranger_refused(here, settings))
    return Done(_version(), f"{rows} rows equal; a server with another key is refused")


async def _stranger_refused(here: Path, settings: SftpSettings) -> None:
    """Raises: Disagreement, if a server is trusted whose key is not the known one."""
    _key(here / "stranger")
    kind, key, *_ = (here / "stranger.pub").read_text().split()
    known = here / "known_strangers"
    known.write_text(f"[127.0.0.1]:{settings.port} {kind} {key}\n")
    stranger = SftpSettings(
        settings.host, settings.username, str(known), port=settings.port, key=settings.key
    )
    try:
        async with SftpFolder(stranger).opened():
            raise Disagreement("a server is trusted whose key is not the known one")
    except OSError:
        return


@contextmanager
def _server(here: Path) -> Iterator[int]:
    """The port of a server of our own: our user alone, by key alone, for SFTP alone."""
    for name in ("host", "user"):
        _key(here / name)
    shutil.copy(here / "user.pub", here / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    (here / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {here}/authorized\nPasswordAuthentication no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nForceCommand internal-sftp\n"
    )
    kind, key, *_ = (here / "host.pub").read_text().split()
    (here / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # its privilege separation needs it
    process = subprocess.Popen([_SSHD, "-D", "-e", "-f", here / "config"], stderr=subprocess.DEVNULL)
    try:
        _until_open(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _key(file: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)


def _until_open(port: int) -> None:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Disagreement("sshd did not start")


def _version() -> str:
    said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"OpenSSH_(\S+?)[ ,]", said)
    return found[1] if found else "–"
