"""`[pms.NAME] kind = "files"`: a practice management system that writes files into a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, get_args

from msgspec import Meta, field

from gateway.adapters.projections import (
    Database,
    Directory,
    KeepChangesDays,
    KeepRefusedDays,
    StaleAfterH,
    TimeZone,
    faults,
    keeping,
    store,
)
from gateway.adapters.sections import Built, Means, PmsSection, Text
from gateway.configuration import Secret, Section
from sources.pms.files import FeedSettings, FilesPractice, FilesSettings, LocalFolder
from sources.pms.files.folders import Folder
from sources.pms.files.settings import Kind


class SftpServer(Section, frozen=True, kw_only=True):
    """The SFTP server that the folder is on. Without this table it is on this machine."""

    host: Annotated[Text, Meta(description="The server.", examples=["files.pms.example"])]
    port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port.")] = 22
    username: Annotated[Text, Meta(description="Who we are to it.", examples=["caregraph"])]
    known_hosts: Annotated[
        Text,
        Meta(
            description="A file with the server's key, as OpenSSH writes it. Another key is refused.",
            examples=["/etc/caregraph/known_hosts"],
        ),
    ]
    key: Annotated[
        Text | None, Meta(description="Our private key, a file. Set this, `password`, or both.")
    ] = None
    password: Annotated[Secret | None, Meta(description="Our password.")] = None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.key is None and self.password is None:
            yield "key", "is missing, and so is `password`; set one of them"
        if find_spec("asyncssh") is None:
            yield "host", "cannot be reached: install caregraph[sftp]"


class FilesOf(Section, frozen=True, kw_only=True):
    """One kind of file."""

    pattern: Annotated[
        Text,
        Meta(
            description="The name of its files, with {stamp} where their time stands.",
            examples=["appointments_{stamp}.csv"],
        ),
    ]
    columns: Annotated[
        Mapping[Text, Text],
        Meta(
            title="a table",
            description="What is in which column: `id`, `mrn`, `status`, `start` and so on, as"
            " docs/sources/files.md lists them.",
            examples=[{"id": "ID", "mrn": "CHART", "status": "STATUS", "start": "STARTS"}],
        ),
    ]
    format: Annotated[Literal["csv", "xml"], Meta(description="Its form.")] = "csv"
    mode: Annotated[
        Literal["full", "delta"],
        Meta(
            description="Whether a file has all there is, so that what is not in it is gone, or changes only."
        ),
    ] = "full"
    whole: Annotated[
        Literal["sha256", "trailer", "stable"],
        Meta(
            description="What proves that a file has come whole: NAME.sha256 beside it, the number of its"
            " rows at its end, or that it does not grow between two looks."
        ),
    ] = "stable"
    stamp_format: Annotated[
        Text, Meta(description="The form of {stamp} (strptime), by the practice's clock.")
    ] = "%Y%m%d%H%M%S"
    charset: Annotated[Text, Meta(description="The character set of CSV; XML says its own.")] = "utf-8-sig"
    delimiter: Annotated[str, Meta(min_length=1, max_length=1, description="What parts CSV's cells.")] = ","
    trailer: Annotated[Text, Meta(description="The first cell of CSV's trailer.")] = "TRAILER"
    row: Annotated[Text, Meta(description="The element that is a row of XML.")] = "row"
    ignored: Annotated[tuple[Text, ...], Meta(description="Other columns that it may have.")] = ()
    statuses: Annotated[
        Mapping[Text, Text], Meta(title="a table", description="FHIR statuses of the practice's own words.")
    ] = field(default_factory=dict)
    time_format: Annotated[
        Text | None, Meta(description="The form of times (strptime). Not set: ISO 8601.")
    ] = None
    date_format: Annotated[
        Text | None, Meta(description="The form of dates (strptime). Not set: ISO 8601.")
    ] = None
    currency: Annotated[Text, Meta(description="The currency of amounts that say none.")] = "USD"
    most_deleted: Annotated[
        float,
        Meta(ge=0, le=1, description="The part of what is known that a full file may delete unasked."),
    ] = 0.2
    most_bad: Annotated[
        float,
        Meta(ge=0, le=1, description="The part of its rows that may be bad before the file is refused."),
    ] = 0.05

    def settings(self, name: str, kind: Kind) -> FeedSettings:
        """Raises: ValueError, with what to do, if they cannot be used."""
        given = {each: getattr(self, each) for each in self.__struct_fields__}
        return FeedSettings(name=name, kind=kind, **given | {"ignored": frozenset(self.ignored)})


class AppointmentFiles(FilesOf, frozen=True, kw_only=True, tag_field="kind", tag="appointments"):
    """Files of appointments."""


class LocationFiles(FilesOf, frozen=True, kw_only=True, tag_field="kind", tag="locations"):
    """Files of the practice's places."""


class CoverageFiles(FilesOf, frozen=True, kw_only=True, tag_field="kind", tag="coverages"):
    """Files of what covers the patients."""


class BalanceFiles(FilesOf, frozen=True, kw_only=True, tag_field="kind", tag="balances"):
    """Files of what the patients owe."""


AnyFiles = AppointmentFiles | LocationFiles | CoverageFiles | BalanceFiles


class FilesFeed(PmsSection, frozen=True, kw_only=True, tag_field="kind", tag="files"):
    """A practice management system that writes files into a folder, here or over SFTP."""

    path: Annotated[Text, Meta(description="The folder.", examples=["/srv/pms/export"])]
    time_zone: TimeZone
    directory: Directory = "projection"
    database: Database = None
    stale_after_h: StaleAfterH = 30.0
    keep_changes_days: KeepChangesDays = 30.0
    keep_refused_days: KeepRefusedDays = 90.0
    look_every_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long between two looks at the folder.")
    ] = 30.0
    max_bytes: Annotated[int, Meta(ge=1_000, le=2_000_000_000, description="The longest file, in bytes.")] = (
        268_435_456
    )
    sftp: SftpServer | None = None
    feeds: Annotated[
        Mapping[str, AnyFiles], Meta(description="The kinds of files there are, each under a name.")
    ] = field(default_factory=dict)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from faults(self.directory, self.database, self.time_zone)
        if not any(isinstance(files, AppointmentFiles) for files in self.feeds.values()):
            yield "feeds", "have no appointments; describe them in a table `feeds.NAME`"
        for name, files in self.feeds.items():
            try:
                files.settings(name, _kind(files))
            except ValueError as fault:
                yield f"feeds.{name}", f"cannot be used: {fault}"

    def build(self, name: str, means: Means) -> Built:
        feeds = tuple(files.settings(each, _kind(files)) for each, files in self.feeds.items())
        settings = FilesSettings(
            name, self.time_zone, feeds, look_every_s=self.look_every_s, max_bytes=self.max_bytes
        )
        practice = FilesPractice(
            store(name, self.directory, self.database),
            settings,
            self._folder(),
            means.observers,
            keeping=keeping(self.stale_after_h, self.keep_changes_days, self.keep_refused_days),
            timeout_s=self.timeout_s,
        )
        return Built(practice, (), practice.running())

    def _folder(self) -> Folder:
        if self.sftp is None:
            return LocalFolder(Path(self.path))
        # Where no folder is on a server, asyncssh need not be installed.
        from sources.pms.files.sftp import SftpFolder, SftpSettings

        server = self.sftp
        password = None if server.password is None else server.password.reveal()
        return SftpFolder(
            SftpSettings(
                server.host,
                server.username,
                server.known_hosts,
                path=self.path,
                port=server.port,
                key=server.key,
                password=password,
            )
        )


def _kind(files: AnyFiles) -> Kind:
    """The kind of records that its tag names."""
    tag = files.__struct_config__.tag
    return next(kind for kind in get_args(Kind) if kind == tag)
