"""The settings of the gateway: one frozen record, read once from the environment and one TOML file."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.adapters.crm_dynamics import DynamicsCrm
from gateway.adapters.crm_hubspot import HubSpotCrm
from gateway.adapters.crm_salesforce import SalesforceCrm
from gateway.adapters.ehr_fhir import FhirEhr
from gateway.adapters.installed import InstalledKinds
from gateway.adapters.pms_database import DatabasePms
from gateway.adapters.pms_fhir import FhirPms
from gateway.adapters.pms_files import FilesFeed
from gateway.adapters.pms_hl7v2 import Hl7Feed
from gateway.adapters.pms_rest import RestPractice
from gateway.adapters.sections import Seconds, Text, Url
from gateway.configuration import PREFIX, Secret, Section, SettingsError, read
from gateway.jwks import SameKeyId, distinct
from gateway.settings_page import page
from policies import Audience, actor_names

__all__ = ["Secret", "Settings", "SettingsError", "read_settings"]

Origin = Annotated[
    str,
    Meta(
        pattern=r"^https?://([a-z0-9.\-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?\Z",
        title="a web origin such as https://app.example or https://app.example:8443, in lower case",
    ),
]


class Server(Section, frozen=True, kw_only=True):
    """Where the gateway listens, and what it takes."""

    host: Annotated[Text, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="The TCP port to listen on.")] = 8400
    allowed_origins: Annotated[
        tuple[Origin, ...],
        Meta(description="Web origins, besides our own, whose pages may call the gateway."),
    ] = ()
    status_profile: Annotated[
        Literal["audit-2025", "draft-2026"],
        Meta(
            description="HTTP status of a request with faults, for application/graphql-response+json:"
            " audit-2025 answers 400; draft-2026 answers 422, and 294 to an answer in part."
        ),
    ] = "audit-2025"
    body_limit: Annotated[
        int, Meta(ge=1_000, le=100_000_000, description="The largest request body, in bytes.")
    ] = 1_000_000
    operation_deadline_s: Annotated[Seconds, Meta(description="The longest a query may take.")] = 10.0
    idle_s: Annotated[
        int,
        Meta(
            ge=1,
            le=3_600,
            description="How long a connection is kept for its next request: longer than what stands before"
            " the gateway keeps it, or a request now and then meets one that was just closed.",
        ),
    ] = 75


class Introspection(Section, frozen=True, kw_only=True):
    """How opaque tokens are checked (RFC 7662). Without this table they are refused."""

    url: Annotated[
        Url, Meta(description="The introspection endpoint.", examples=["https://idp.example/introspect"])
    ]
    client_id: Annotated[Text, Meta(description="Who we are to it.", examples=["caregraph"])]
    client_secret: Annotated[Secret, Meta(description="Our secret.")]
    cache_s: Annotated[
        float, Meta(ge=0, le=60, description="How long an answer holds, and never past the token's expiry.")
    ] = 60.0


class Identity(Section, frozen=True, kw_only=True):
    """Whose access tokens are accepted, and what they make of a caller."""

    issuer: Annotated[
        Url, Meta(description="The issuer, to the letter as in `iss`.", examples=["https://idp.example"])
    ]
    audience: Annotated[
        Text,
        Meta(description="What `aud` has to hold: this gateway.", examples=["https://caregraph.example"]),
    ]
    roles: Annotated[
        Mapping[Text, Audience],
        Meta(
            min_length=1,
            description="The audience each value of the role claim is. Any other role is refused.",
            examples=[{"clinician": "clinician", "patient": "patient"}],
        ),
    ]
    role_claim: Annotated[Text, Meta(description="The claim that names the caller's role.")] = "role"
    jwks_url: Annotated[
        Url | None,
        Meta(description="Where the issuer's keys are, if its discovery document is not to be asked."),
    ] = None
    jwks_max_age_s: Annotated[
        float, Meta(ge=1, le=86_400, description="The age at which the keys are fetched again.")
    ] = 600.0
    jwks_stale_limit_s: Annotated[
        float,
        Meta(
            ge=1, le=604_800, description="The age at which keys that can't be fetched again stop counting."
        ),
    ] = 86_400.0
    jwks_pause_s: Annotated[
        float,
        Meta(ge=0, le=600, description="The least time between two fetches that an unknown `kid` causes."),
    ] = 5.0
    leeway_s: Annotated[
        float, Meta(ge=0, le=120, description="How far the issuer's clock and ours may be apart.")
    ] = 30.0
    timeout_s: Annotated[Seconds, Meta(description="The longest a call to the issuer may take.")] = 2.0
    introspection: Introspection | None = None


class Explorer(Section, frozen=True, kw_only=True):
    """The page at / for trying queries, with sign-in by PKCE. Without this table there is none."""

    authorization_url: Annotated[
        Url, Meta(description="The authorization endpoint.", examples=["https://idp.example/authorize"])
    ]
    token_url: Annotated[Url, Meta(description="The token endpoint.", examples=["https://idp.example/token"])]
    client_id: Annotated[
        Text, Meta(description="A public client at the identity provider, which redirects to our /.")
    ] = "explorer"
    scope: Annotated[
        str,
        Meta(title="scopes parted by spaces", description="What it asks for; empty: what is usual there."),
    ] = ""


class Keys(Section, frozen=True, kw_only=True):
    """What the gateway's own secrets are made with."""

    care_key_secret: Annotated[
        Secret,
        Meta(
            description="What the opaque key is made with by which a CRM knows a patient: HMAC-SHA-256 of the"
            " patient's id. Keep it: with another one no CRM knows anybody."
        ),
    ]


# The kinds that come with the gateway; see gateway/adapters/installed.py for those of other packages.
Ehrs = Annotated[Mapping[str, FhirEhr], Meta(description="The EHRs, at least one.")]
Practices = Annotated[
    Mapping[str, RestPractice | DatabasePms | FhirPms | FilesFeed | Hl7Feed],
    Meta(description="The practice management systems."),
]
Crms = Annotated[
    Mapping[str, DynamicsCrm | HubSpotCrm | SalesforceCrm],
    Meta(description="The customer relationship management systems."),
]


class Changes(Section, frozen=True, kw_only=True):
    """How changes reach subscribers."""

    log: Annotated[
        Literal["memory", "redis"],
        Meta(
            description="Where changes are kept: in this process; or in Redis Streams, for several processes,"
            " which then share open break-glass sessions, too."
        ),
    ] = "memory"
    redis_url: Annotated[
        Secret | None, Meta(description="Redis, e.g. rediss://user:password@host:6379/0.")
    ] = None
    poll_seconds: Annotated[
        float, Meta(ge=0.1, le=3_600, description="How often the sources are asked what changed.")
    ] = 5.0

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.log == "redis" and self.redis_url is None:
            yield "redis_url", "is missing; set it, because `changes.log` is redis"


class Audit(Section, frozen=True, kw_only=True):
    """Where it is recorded who was told what of whom: one record an operation, chained by hash."""

    sink: Annotated[
        Literal["sqlite", "postgresql", "memory"],
        Meta(
            description="SQLite files; PostgreSQL, for gateways on several hosts (caregraph[postgresql]);"
            " or memory, for trials: it ends with the process."
        ),
    ] = "sqlite"
    url: Annotated[
        Secret | None,
        Meta(
            description="PostgreSQL 14 or later, e.g. postgresql://user:password@host/db?sslmode=verify-full."
        ),
    ] = None
    directory: Annotated[
        Text,
        Meta(
            description="Where the files are, on a local disk. Processes of one host may share it. With"
            " PostgreSQL its checkpoints are kept there, out of reach of whoever owns the database."
        ),
    ] = "audit"
    secret: Annotated[
        Secret | None,
        Meta(
            description="What patients' pseudonyms and the seals are made with: keep it as long as the files."
            " Not set: `keys.care_key_secret` is used."
        ),
    ] = None
    records_per_file: Annotated[
        int, Meta(ge=1_000, le=100_000_000, description="The records after which the next file is begun.")
    ] = 1_000_000
    timeout_s: Annotated[
        Seconds,
        Meta(description="The longest an operation waits for its record; then patient data is refused."),
    ] = 2.0

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if self.sink == "postgresql" and self.url is None:
            yield "url", "is missing; set it, because `audit.sink` is postgresql"
        if self.url is not None and not self.url.reveal().startswith(("postgresql://", "postgres://")):
            yield "url", "is no URL that begins with postgresql://"


class Telemetry(Section, frozen=True, kw_only=True):
    """What the gateway tells of itself."""

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="The least severe log line written.")
    ] = "INFO"
    service_name: Annotated[Text, Meta(description="Our name in traces.")] = "caregraph"
    otlp_endpoint: Annotated[
        Url | None,
        Meta(
            description="Where spans go, OTLP over HTTP (needs caregraph[otlp]), e.g."
            " https://collector.example:4318; to its /v1/traces, if it has no path of its own. Not set: none"
            " are made. Metrics are at /metrics."
        ),
    ] = None
    sample_ratio: Annotated[
        float, Meta(ge=0, le=1, description="The part of the requests that is traced.")
    ] = 1.0


class Limits(Section, frozen=True, kw_only=True):
    """How large an operation may be, and how many subscriptions may be open."""

    tokens: Annotated[int, Meta(ge=10, le=100_000, description="Tokens of the document.")] = 2_000
    depth: Annotated[int, Meta(ge=1, le=100, description="Fields within fields, fragments spread out.")] = 16
    aliases: Annotated[int, Meta(ge=0, le=10_000, description="Aliases, fragments spread out.")] = 50
    root_fields: Annotated[int, Meta(ge=1, le=1_000, description="Fields of the operation's root.")] = 20
    nodes: Annotated[int, Meta(ge=1, le=100_000, description="Fields in all, fragments spread out.")] = 400
    streams: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Subscriptions open in one process of the gateway.")
    ] = 5_000
    streams_of_client: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Those of one client: an app counts as one, whoever uses it.",
        ),
    ] = 1_000


class Volume(Section, frozen=True, kw_only=True):
    """When clients ask for, or sources give, far more than is usual at that hour of the week."""

    times: Annotated[
        float, Meta(ge=2, le=1_000, description="From how many times the usual on an hour is not normal.")
    ] = 10.0
    least_requests: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Requests of an hour that are normal at any rate.")
    ] = 100
    least_records: Annotated[
        int, Meta(ge=1, le=1_000_000_000, description="Records of an hour that are normal at any rate.")
    ] = 1_000
    throttle: Annotated[
        bool,
        Meta(description="Whether a client whose hour is not normal is held to its usual pace in it."),
    ] = False
    file: Annotated[
        Text | None,
        Meta(description="Where what is usual is kept when the process ends. Not set: it is learnt anew."),
    ] = None

    def path(self) -> Path | None:
        """The file, if there is one."""
        return None if self.file is None else Path(self.file)


class Quarantine(Section, frozen=True, kw_only=True):
    """Where it is kept what sources sent and was refused: by source, field and reason, without any value."""

    sink: Annotated[
        Literal["sqlite", "none"],
        Meta(
            description="A SQLite file; or none: refusals are counted and logged alone, nothing is released."
        ),
    ] = "sqlite"
    file: Annotated[
        Text,
        Meta(description="The file, on a local disk. Processes of one host may share it."),
    ] = "quarantine/quarantine.sqlite3"

    def path(self) -> Path | None:
        """The file, if there is one."""
        return None if self.sink == "none" else Path(self.file)


class Consent(Section, frozen=True, kw_only=True):
    """How patients' consents are read."""

    actors: Annotated[
        Mapping[Text, tuple[Text, ...]],
        Meta(
            title="a table of names",
            description="Whom of ours a consent means that names an organization, a group, a team, a role or"
            " a device, by reference or by identifier (`system|value`): audiences, and clients as"
            " `client:ID`, all of them and no others. A consent that names another one can't be read, and"
            " denies.",
            examples=[{"Organization/north": ["clinician", "practice"], "urn:oid:1.2.3|77": ["client:lab"]}],
        ),
    ] = field(default_factory=dict)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        try:
            actor_names(self.actors)
        except ValueError as fault:
            yield "actors", f"cannot be used: {fault}"


class Settings(Section, frozen=True, kw_only=True):
    """All settings. Read once, at the start; nothing else reads the environment."""

    server: Server = field(default_factory=Server)
    identity: Identity
    explorer: Explorer | None = None
    keys: Keys
    ehr: Ehrs
    pms: Practices = field(default_factory=dict)
    crm: Crms = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    audit: Audit = field(default_factory=Audit)
    consent: Consent = field(default_factory=Consent)
    telemetry: Telemetry = field(default_factory=Telemetry)
    limits: Limits = field(default_factory=Limits)
    volume: Volume = field(default_factory=Volume)
    quarantine: Quarantine = field(default_factory=Quarantine)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        if not self.ehr:
            yield "ehr", "has no table; patients are the EHR's: write at least one, [ehr.NAME]"
        for role, sources in (("ehr", self.ehr), ("pms", self.pms), ("crm", self.crm)):
            if len([name for name, source in sources.items() if source.bare_ids]) > 1:
                yield role, "has several tables with `bare_ids`; at most one source's ids can go bare"
        roles = [*self.ehr, *self.pms, *self.crm]
        for name in sorted({name for name in roles if roles.count(name) > 1}):
            yield name, "names several sources; give each a name of its own"
        if self._shares_a_system():
            yield "pms", "has one system of MRNs or visit numbers for several EHRs; each EHR needs its own"
        try:
            distinct(self.public_keys())
        except SameKeyId as fault:
            yield "ehr", f"cannot be used as it is: {fault}"
        for name, practice in self.pms.items():
            if practice.ehr is None and len(self.ehr) > 1:
                yield f"pms.{name}.ehr", "is missing; name the EHR that knows its patients, of the several"
            elif practice.ehr is not None and practice.ehr not in self.ehr:
                yield f"pms.{name}.ehr", "is the name of no EHR; set it to that of one"

    def public_keys(self) -> Iterator[Mapping[str, str]]:
        """The public halves of all keys that we sign in to sources with."""
        for sources in (self.ehr, self.pms, self.crm):
            for source in sources.values():
                yield from source.public_keys()

    def _shares_a_system(self) -> bool:
        """Whether practices of different EHRs keep MRNs or visit numbers under one system."""
        ehrs: dict[str, set[str | None]] = {}
        for practice in self.pms.values():
            for system in (practice.mrn_system, practice.visit_system):
                ehrs.setdefault(system, set()).add(practice.ehr)
        return any(len(known) > 1 for known in ehrs.values())


def read_settings(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    table: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of the file (*config*, else `CAREGRAPH_CONFIG`; or *table* in its stead) and of *environ*.

    Raises SettingsError, with all that is wrong.
    """
    variables = os.environ if environ is None else environ
    if table is None:
        named = config or variables.get(f"{PREFIX}_CONFIG")
        table = _file(Path(named)) if named else {}
    return read(Settings, table, variables, InstalledKinds())


def _file(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise SettingsError([f"the file `{path}` cannot be read; give --config a readable file"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"the file `{path}` is not UTF-8; save it as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        where = str(error).rpartition("(")[2].rstrip(")")
        raise SettingsError([f"the file `{path}` is not TOML ({where}); correct it there"]) from None


if __name__ == "__main__":  # writes docs/caregraph.toml
    sys.stdout.write(page(Settings))
