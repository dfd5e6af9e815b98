"""The settings of the gateway: one frozen record, read once from the environment and one TOML file."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, field

from gateway.configuration import PREFIX, Secret, Section, SettingsError, read
from gateway.settings_page import page
from policies import Audience

__all__ = ["Secret", "Settings", "SettingsError", "read_settings"]

Text = Annotated[str, Meta(min_length=1)]
Url = Annotated[
    str,
    Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?\Z", title="a URL that begins with http:// or https://"),
]
Origin = Annotated[
    str,
    Meta(
        pattern=r"^https?://([a-z0-9.\-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?\Z",
        title="a web origin such as https://app.example or https://app.example:8443, in lower case",
    ),
]
Uri = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", title="a URI")]
Seconds = Annotated[float, Meta(gt=0, le=600)]


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


class BackendServices(Section, frozen=True, kw_only=True):
    """How we sign in to the EHR (SMART Backend Services). Without this table we call it without a token."""

    client_id: Annotated[Text, Meta(description="Who we are to the EHR.", examples=["caregraph"])]
    key: Annotated[Secret, Meta(description="Our private key, a JWK (EC P-384 or RSA) with its `kid`.")]
    scope: Annotated[Text, Meta(description="What we ask for.")] = "system/*.rs"
    token_url: Annotated[
        Url | None,
        Meta(description="The token endpoint, if the EHR's smart-configuration is not to be asked."),
    ] = None


class Ehr(Section, frozen=True, kw_only=True):
    """The electronic health record."""

    kind: Annotated[Literal["fhir"], Meta(description="The adapter: FHIR R4 over HTTP.")] = "fhir"
    name: Annotated[Text, Meta(description="Its name in answers, errors and metrics.")] = "ehr"
    url: Annotated[Url, Meta(description="The FHIR base URL.", examples=["https://ehr.example/fhir"])]
    mrn_system: Annotated[
        Uri,
        Meta(
            description="The identifier system of the PMS's MRNs.",
            examples=["urn:oid:1.2.36.146.595.217.0.1"],
        ),
    ]
    visit_system: Annotated[
        Uri,
        Meta(
            description="The identifier system of the PMS's visit numbers.",
            examples=["urn:oid:1.2.36.146.595.217.0.2"],
        ),
    ]
    timeout_s: Annotated[Seconds, Meta(description="The longest a call may take.")] = 2.0
    auth: BackendServices | None = None


class Pms(Section, frozen=True, kw_only=True):
    """The practice management system."""

    kind: Annotated[Literal["rest"], Meta(description="The adapter: its REST API.")] = "rest"
    name: Annotated[Text, Meta(description="Its name in answers, errors and metrics.")] = "pms"
    url: Annotated[Url, Meta(description="The base URL, without /v1.", examples=["https://pms.example"])]
    time_zone: Annotated[
        Text,
        Meta(
            description="The time zone of the practice: its API has local times.",
            examples=["America/Chicago"],
        ),
    ]
    client_id: Annotated[Text, Meta(description="Who we are to it.", examples=["caregraph"])]
    client_secret: Annotated[Secret, Meta(description="Our secret.")]
    timeout_s: Annotated[Seconds, Meta(description="The longest a call may take.")] = 2.0

    def contradictions(self) -> Iterator[tuple[str, str]]:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield "time_zone", "is not known; set it to a name of the IANA time zone database"


class Crm(Section, frozen=True, kw_only=True):
    """The customer relationship management system."""

    kind: Annotated[Literal["hubspot"], Meta(description="The adapter: HubSpot's contacts.")] = "hubspot"
    name: Annotated[Text, Meta(description="Its name in answers, errors and metrics.")] = "crm"
    url: Annotated[Url, Meta(description="The base URL, without /crm.", examples=["https://api.hubapi.com"])]
    key_property: Annotated[
        Text, Meta(description="The unique property of a contact that holds the opaque key.")
    ] = "care_key"
    client_id: Annotated[Text, Meta(description="Who we are to it.", examples=["caregraph"])]
    client_secret: Annotated[Secret, Meta(description="Our secret.")]
    care_key_secret: Annotated[
        Secret, Meta(description="What the opaque key is made with: HMAC-SHA-256 of the EHR's patient id.")
    ]
    timeout_s: Annotated[Seconds, Meta(description="The longest a call may take.")] = 2.0


class Changes(Section, frozen=True, kw_only=True):
    """How changes reach subscribers."""

    log: Annotated[
        Literal["memory", "redis"],
        Meta(description="Where changes are kept: in this process, or in Redis Streams."),
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
        Literal["sqlite", "memory"],
        Meta(description="SQLite files; or this process's memory, for trials: it ends with the process."),
    ] = "sqlite"
    directory: Annotated[
        Text,
        Meta(description="Where the files are, on a local disk. Processes of one host may share it."),
    ] = "audit"
    secret: Annotated[
        Secret | None,
        Meta(
            description="What patients' pseudonyms and the seals are made with: keep it as long as the files."
            " Not set: `crm.care_key_secret` is used."
        ),
    ] = None
    records_per_file: Annotated[
        int, Meta(ge=1_000, le=100_000_000, description="The records after which the next file is begun.")
    ] = 1_000_000
    timeout_s: Annotated[
        Seconds,
        Meta(description="The longest an operation waits for its record; then patient data is refused."),
    ] = 2.0


class Telemetry(Section, frozen=True, kw_only=True):
    """What the gateway tells of itself."""

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="The least severe log line written.")
    ] = "INFO"
    service_name: Annotated[Text, Meta(description="Our name in traces.")] = "caregraph"
    otlp_endpoint: Annotated[
        Url | None,
        Meta(description="Where spans go, OTLP over HTTP (needs caregraph[otlp]). Not set: none are made."),
    ] = None
    sample_ratio: Annotated[
        float, Meta(ge=0, le=1, description="The part of the requests that is traced.")
    ] = 1.0


class Limits(Section, frozen=True, kw_only=True):
    """How large an operation may be."""

    tokens: Annotated[int, Meta(ge=10, le=100_000, description="Tokens of the document.")] = 2_000
    depth: Annotated[int, Meta(ge=1, le=100, description="Fields within fields, fragments spread out.")] = 16
    aliases: Annotated[int, Meta(ge=0, le=10_000, description="Aliases, fragments spread out.")] = 50
    root_fields: Annotated[int, Meta(ge=1, le=1_000, description="Fields of the operation's root.")] = 20
    nodes: Annotated[int, Meta(ge=1, le=100_000, description="Fields in all, fragments spread out.")] = 400


class Settings(Section, frozen=True, kw_only=True):
    """All settings. Read once, at the start; nothing else reads the environment."""

    server: Server = field(default_factory=Server)
    identity: Identity
    explorer: Explorer | None = None
    ehr: Ehr
    pms: Pms
    crm: Crm
    changes: Changes = field(default_factory=Changes)
    audit: Audit = field(default_factory=Audit)
    telemetry: Telemetry = field(default_factory=Telemetry)
    limits: Limits = field(default_factory=Limits)


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
    return read(Settings, table, variables)


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
