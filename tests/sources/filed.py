"""A practice's files for tests: what the sandbox exports, how it is read, and a real SFTP server over it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from sources.pms.files import FeedSettings, FilesPractice, FilesSettings, LocalFolder
from sources.pms.files.folders import Folder
from sources.pms.projection import Store

STATUSES = {
    "scheduled": "booked",
    "confirmed": "booked",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "no_show": "noshow",
}
COLUMNS = {
    "id": "ID",
    "mrn": "CHART",
    "status": "STATUS",
    "start": "STARTS",
    "minutes": "MINUTES",
    "service_code": "SERVICE",
    "service_name": "SERVICE_NAME",
    "reason": "REASON",
    "npi": "NPI",
    "practitioner": "PROVIDER",
    "location_id": "PLACE",
    "location_name": "PLACE_NAME",
    "telehealth": "VIDEO",
    "video_url": "LINK",
    "visit_number": "VISIT",
    "updated": "CHANGED",
    "deleted": "GONE",
}
FULL = FeedSettings(
    "full", "appointments", "appointments_full_{stamp}.csv", COLUMNS, whole="sha256", statuses=STATUSES
)
DELTA = replace(FULL, name="delta", pattern="appointments_{stamp}.csv", mode="delta")
LOCATIONS = FeedSettings(
    "locations",
    "locations",
    "locations_{stamp}.csv",
    {
        "id": "ID",
        "name": "NAME",
        "type": "KIND",
        "line": "LINE",
        "city": "CITY",
        "state": "STATE",
        "postal_code": "ZIP",
        "phone": "PHONE",
    },
)
COVERAGES = FeedSettings(
    "coverages",
    "coverages",
    "coverages_{stamp}.xml",
    {
        "id": "id",
        "mrn": "patient_mrn",
        "status": "status",
        "payor": "payer_name",
        "plan": "plan_name",
        "subscriber_id": "member_id",
        "start": "starts_on",
        "end": "ends_on",
    },
    format="xml",
    row="coverage",
    statuses={"inactive": "cancelled"},
    whole="trailer",
)
BALANCES = FeedSettings(
    "balances",
    "balances",
    "balances_{stamp}.csv",
    {"mrn": "CHART", "amount": "DUE", "currency": "CURRENCY", "as_of": "AS_OF"},
    most_deleted=0.5,
)
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
