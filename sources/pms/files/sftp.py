"""Owns the way to a folder over SFTP: a server whose key is known, and no other. Needs asyncssh."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import asyncssh

from sources.pms.files.folders import Entry, bounded, is_finished


@dataclass(frozen=True)
class SftpSettings:
    """Where the folder is, and who we are there: by a private key (a file), a password, or both.

    `known_hosts` is a file with the server's key, as OpenSSH has it: to a server with another key nothing
    is sent. Connecting, signing in, listing the folder and reading a file may take `timeout_s` each.
    """

    host: str
    username: str
    known_hosts: str
    path: str = "."
    port: int = 22
    key: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 60.0


class SftpFolder:
    """A folder over SFTP."""

    def __init__(self, settings: SftpSettings) -> None:
        self._settings = settings

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OpenedSftp]:
        timeout_s = self._settings.timeout_s
        try:
            connection = await self._connected()
            try:
                async with asyncio.timeout(timeout_s):
                    client = await connection.start_sftp_client()
                yield OpenedSftp(client, PurePosixPath(self._settings.path), timeout_s)
            finally:
                # Not `client.exit()` first: it waits for the server's goodbye, and that may never come.
                connection.close()
                async with asyncio.timeout(timeout_s):
                    await connection.wait_closed()
        except asyncssh.Error as fault:
            raise _unusable(fault) from None

    async def _connected(self) -> asyncssh.SSHClientConnection:
        settings = self._settings
        try:
            return await asyncssh.connect(
                settings.host,
                settings.port,
                username=settings.username,
                known_hosts=settings.known_hosts,
                client_keys=None if settings.key is None else [settings.key],
                password=settings.password,
                agent_path=None,
                config=None,
                connect_timeout=settings.timeout_s,
                login_timeout=settings.timeout_s,
            )
        except ValueError as fault:  # a key or a file of known hosts that cannot be read
            raise _unusable(fault) from None


def _unusable(fault: Exception) -> OSError:
    """The library's own words may quote what the server said."""
    return OSError(f"the SFTP server could not be used ({type(fault).__name__})")


class OpenedSftp:
    """A folder over SFTP that is open."""

    def __init__(self, client: asyncssh.SFTPClient, path: PurePosixPath, timeout_s: float) -> None:
        self._client = client
        self._path = path
        self._timeout_s = timeout_s

    async def entries(self) -> Sequence[Entry]:
        found: list[Entry] = []
        # A server that stalls would otherwise be waited for as long as its connection stands.
        async with asyncio.timeout(self._timeout_s):
            listed = await self._client.readdir(str(self._path))
        for row in listed:
            name, about = str(row.filename), row.attrs
            if is_finished(name) and stat.S_ISREG(about.permissions or 0):
                found.append(Entry(name, about.size or 0, about.mtime or 0))
        return found

    async def read(self, name: str, most: int) -> bytes:
        async with (
            asyncio.timeout(self._timeout_s),
            self._client.open(str(self._path / name), "rb") as file,
        ):
            return bounded(await file.read(most + 1), most)
