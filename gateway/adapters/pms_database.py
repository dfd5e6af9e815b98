"""`[pms.NAME] kind = "database"`: a practice's database itself, read by SELECT alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from gateway.adapters.sections import Built, Means, PmsSection, Text
from gateway.configuration import Secret, Section
from sources.calling import Limits, Upstream
from sources.pms.database import (
    FIELDS,
    DatabasePractice,
    DatabaseSettings,
    DatabaseTransport,
    DatabaseUnusable,
    MappingUnusable,
    Table,
)
from sources.pms.database.connecting import engine
from sources.pms.database.mapping import APPOINTMENTS, BALANCES, COVERAGES, LOCATIONS

_STATUSES = frozenset(
    "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist".split()  # noqa: SIM905 - legible
)


class MappedTable(Section, frozen=True, kw_only=True):
    """Where the practice keeps its records of one kind."""

    table: Annotated[
        Text, Meta(description="The table or view, with its schema if need be.", examples=["dbo.Bookings"])
    ]
    columns: Annotated[
        Mapping[Text, Text],
        Meta(
            min_length=1,
            description="The column of each field there is; docs/sources/database.md lists the fields.",
            examples=[{"id": "BookingNo", "mrn": "ChartNo", "status": "State", "start": "Begins"}],
        ),
    ]

    def mapped(self, of: str) -> Table:
        """The table as the adapter knows it. Raises MappingUnusable."""
        return Table(of, self.table, self.columns)


class DatabasePms(PmsSection, frozen=True, kw_only=True, tag_field="kind", tag="database"):
    """A practice management system by its database: PostgreSQL, MySQL, MariaDB or SQL Server."""

    url: Annotated[
        Secret,
        Meta(
            description="The database, e.g. postgresql://reader:password@host/pms?sslmode=verify-full, or"
            " mysql://, mariadb://, sqlserver://. Give the account SELECT on the tables named here, no more."
        ),
    ]
    time_zone: Annotated[
        Text, Meta(description="The time zone of the practice.", examples=["America/Chicago"])
    ]
    times: Annotated[
        Literal["local", "utc", "offset"],
        Meta(
            description="What its times are: the practice's wall times, UTC, or of a type with a time zone."
        ),
    ] = "local"
    statuses: Annotated[
        Mapping[Text, Text],
        Meta(
            min_length=1,
            description="The FHIR AppointmentStatus of each of its statuses.",
            examples=[{"scheduled": "booked", "done": "fulfilled", "missed": "noshow"}],
        ),
    ]
    connections: Annotated[
        int, Meta(ge=1, le=100, description="The most connections one process has to it.")
    ] = 4
    appointments: MappedTable
    locations: MappedTable | None = None
    coverages: MappedTable | None = None
    balances: MappedTable | None = None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield "time_zone", "is not known; set it to a name of the IANA time zone database"
        if not set(self.statuses.values()) <= _STATUSES:
            yield "statuses", f"has what is no status of FHIR; those are {', '.join(sorted(_STATUSES))}"
        for of in FIELDS:
            try:
                self._table(of)
            except MappingUnusable as fault:
                yield f"{of}.columns", f"cannot be used: {fault}"
        try:
            engine(self.url.reveal(), self.timeout_s, 1)
        except DatabaseUnusable as fault:
            yield "url", f"cannot be used: {fault}"

    def build(self, name: str, means: Means) -> Built:
        tables = {of: table for of in FIELDS if (table := self._table(of)) is not None}
        settings = DatabaseSettings(name, self.time_zone, tables, self.statuses, self.times)
        upstream = Upstream(
            name,
            "pms/database",
            f"sql://{name}",
            limits=self.limits(),
            observers=means.observers,
            transport=DatabaseTransport(
                engine(self.url.reveal(), self.timeout_s, self.connections), tables, self.connections
            ),
        )
        return Built(DatabasePractice(settings, upstream), (upstream,))

    def _table(self, of: str) -> Table | None:
        sections = {
            APPOINTMENTS: self.appointments,
            LOCATIONS: self.locations,
            COVERAGES: self.coverages,
            BALANCES: self.balances,
        }
        section = sections[of]
        return section.mapped(of) if section is not None else None

    def limits(self) -> Limits:
        return Limits(timeout_s=self.timeout_s, concurrency=self.connections)
