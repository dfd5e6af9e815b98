"""`[pms.NAME] kind = "hl7v2"`: a practice management system that sends HL7 v2 messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

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
from gateway.configuration import Section
from sources.pms.hl7v2 import Hl7Practice, Hl7Settings, ListenerSettings
from sources.pms.hl7v2.charsets import codec_of
from sources.pms.hl7v2.faults import Fault

Status = Literal[
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
]


class LineTls(Section, frozen=True, kw_only=True):
    """The line's TLS. Without this table it is plain: for a loopback or a tunnel."""

    certificate: Annotated[
        Text,
        Meta(description="Our certificate and its chain, a PEM file.", examples=["/etc/caregraph/hl7.pem"]),
    ]
    key: Annotated[
        Text, Meta(description="Its private key, a PEM file.", examples=["/etc/caregraph/hl7.key"])
    ]
    client_ca: Annotated[
        Text | None,
        Meta(description="The authority (a PEM file) of which senders need a certificate. Not set: none do."),
    ] = None


class Hl7Feed(PmsSection, frozen=True, kw_only=True, tag_field="kind", tag="hl7v2"):
    """A practice management system that sends ADT and SIU messages over MLLP; we listen."""

    host: Annotated[Text, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The TCP port to listen on.")] = 2575
    time_zone: TimeZone
    directory: Directory = "projection"
    database: Database = None
    stale_after_h: StaleAfterH = 72.0
    keep_changes_days: KeepChangesDays = 30.0
    keep_refused_days: KeepRefusedDays = 90.0
    charset: Annotated[
        Text, Meta(description="The character set (table 0211) of messages that name none in MSH-18.")
    ] = "UNICODE UTF-8"
    application: Annotated[
        Text | None, Meta(description="The only sending application (MSH-3) taken. Not set: any.")
    ] = None
    facility: Annotated[
        Text | None, Meta(description="The only sending facility (MSH-4) taken. Not set: any.")
    ] = None
    processing_id: Annotated[
        Literal["P", "T", "D"],
        Meta(description="MSH-11 of the messages taken: production, tests, debugging."),
    ] = "P"
    mrn_type: Annotated[Text, Meta(description="The type (CX.5) of the identifier that is the MRN.")] = "MR"
    mrn_authority: Annotated[
        Text | None, Meta(description="Its assigning authority (CX.4). Not set: any.")
    ] = None
    statuses: Annotated[
        Mapping[Text, Status],
        Meta(
            title="a table",
            description="FHIR statuses of the sender's own words in SCH-25, besides table 0278.",
        ),
    ] = field(default_factory=dict)
    telehealth_services: Annotated[
        tuple[Text, ...], Meta(description="The codes of services (AIS-3, SCH-8) that are by video.")
    ] = ()
    telehealth_locations: Annotated[
        tuple[Text, ...], Meta(description="The places (AIL-3, PV1-3) that are none but a video line.")
    ] = ()
    max_bytes: Annotated[int, Meta(ge=1_000, le=64_000_000, description="The longest message, in bytes.")] = (
        1_048_576
    )
    max_connections: Annotated[
        int, Meta(ge=1, le=1_000, description="How many senders may be connected.")
    ] = 32
    idle_s: Annotated[
        float, Meta(gt=0, le=86_400, description="How long a connection may be silent before it is closed.")
    ] = 300.0
    keep_days: Annotated[
        float, Meta(gt=0, le=3_650, description="How long messages are kept after they were dealt with.")
    ] = 30.0
    tls: LineTls | None = None

    def contradictions(self) -> Iterator[tuple[str, str]]:
        yield from faults(self.directory, self.database, self.time_zone)
        try:
            codec_of(self.charset)
        except Fault:
            yield "charset", "is not read here; set it to a name of table 0211 such as 8859/1"

    def build(self, name: str, means: Means) -> Built:
        practice = Hl7Practice(
            store(name, self.directory, self.database),
            self._settings(name),
            self._listener(),
            means.observers,
            keep_days=self.keep_days,
            keeping=keeping(self.stale_after_h, self.keep_changes_days, self.keep_refused_days),
            timeout_s=self.timeout_s,
        )
        return Built(practice, (), practice.running())

    def _settings(self, name: str) -> Hl7Settings:
        return Hl7Settings(
            name,
            self.time_zone,
            charset=self.charset,
            application=self.application,
            facility=self.facility,
            processing_id=self.processing_id,
            mrn_type=self.mrn_type,
            mrn_authority=self.mrn_authority,
            statuses={word.lower(): status for word, status in self.statuses.items()},
            telehealth_services=frozenset(self.telehealth_services),
            telehealth_locations=frozenset(self.telehealth_locations),
        )

    def _listener(self) -> ListenerSettings:
        tls = self.tls
        return ListenerSettings(
            host=self.host,
            port=self.port,
            certificate=None if tls is None else tls.certificate,
            key=None if tls is None else tls.key,
            client_ca=None if tls is None else tls.client_ca,
            max_bytes=self.max_bytes,
            max_connections=self.max_connections,
            idle_s=self.idle_s,
        )
