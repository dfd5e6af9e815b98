"""A practice's files for tests: what the sandbox exports, how it is read, and a real SFTP server over it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh

from gateway.cli.demo_practice import FEEDS
from sources.pms.files import FeedSettings, FilesPractice, FilesSettings, LocalFolder
from sources.pms.files.folders import Folder
from sources.pms.projection import Store

FULL = FeedSettings("full", **FEEDS["nightly"])
DELTA = FeedSettings("delta", **FEEDS["changes"])
LOCATIONS = FeedSettings("locations", **FEEDS["places"])
COVERAGES = FeedSettings("coverages", **FEEDS["insurance"])
BALANCES = FeedSettings("balances", **FEEDS["money"], most_deleted=0.5)
SETTINGS = FilesSettings(
    "pms", "America/Chicago", (FULL, DELTA, LOCATIONS, COVERAGES, BALANCES), look_every_s=0.05
)


def practice(
    data: Path, folder: Folder | Path, settings: FilesSettings = SETTINGS, observers: Sequence[object] = ()
) -> FilesPractice:
    """A practice whose projection is in *data*, and whose files are in *folder*."""
    store = Store(settings.name, f"sqlite:///{data}/pms.sqlite3")
    place = LocalFolder(folder) if isinstance(folder, Path) else folder
    return FilesPractice(store, settings, place, observers, timeout_s=30.0)


@asynccontextmanager
async def sftp_server(folder: Path, keys: Path, **options: Any) -> AsyncIterator[int]:
    """An SFTP server over *folder* for the user `caregraph` with the key and the password of the tests.

    Its own key is in *keys*/known_hosts, the user's in *keys*/id.
    """
    host_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    user_key.write_private_key(str(keys / "id"))
    (keys / "authorized").write_bytes(user_key.export_public_key())

    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("caregraph", "a-password-of-the-tests")

    async with await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[host_key],
        authorized_client_keys=str(keys / "authorized"),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
        **options,
    ) as server:
        port = server.get_port()
        public = host_key.export_public_key().decode().strip()
        (keys / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
        yield port
