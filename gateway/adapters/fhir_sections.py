"""What the settings of every FHIR server have in common, whichever role it plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta

from gateway.adapters.http_section import Http
from gateway.adapters.sections import Means, Text, Url
from gateway.adapters.sign_in import SignIn
from sources.calling import Allowed, Anonymous, Authorizer, Upstream
from sources.calling.allowed import version_of
from sources.fhir.reading import fault_in
from sources.fhir.vendors import VENDORS

FhirUrl = Annotated[Url, Meta(description="The FHIR base URL.", examples=["https://fhir.example/r4"])]
Vendor = Annotated[
    Literal["generic", "epic", "athenahealth", "hapi", "medplum"],
    Meta(description="Whose server it is: its caps, its error codes, what it does its own way."),
]
Strategy = Annotated[
    Literal["auto", "or-list", "batch", "parallel"],
    Meta(
        description="How many keys it is asked for: all in one search, in one batch Bundle, or one search"
        " a key. auto: as the vendor is known for, or else as is found out."
    ),
]
Search = Annotated[
    Literal["post", "get"] | None,
    Meta(
        title="post or get",
        description="How searches are sent. By get, ids of patients are in URLs. Not set: post.",
    ),
]
Elements = Annotated[
    bool | None,
    Meta(
        title="true or false",
        description="Whether it is asked for the wanted elements only. Not set: as the vendor is known for.",
    ),
]
SelfLink = Annotated[
    bool | None,
    Meta(
        title="true or false",
        description="Whether an answer must say by its self link which filters were used. Not set: as the"
        " vendor is known for; where nothing is known, it need not, but what it says counts.",
    ),
]
Strict = Annotated[
    Literal["read", "whole", "official"],
    Meta(
        description="How far a resource is held against R4. read: what is read of it, and the names of the"
        " rest; whole: every part of it; official: and the patterns of codes and URIs."
    ),
]
Allow = Annotated[
    tuple[Text, ...],
    Meta(
        title="a list of fields",
        description="Fields that R4 does not know and that it may send, each behind the type it is in. They"
        " are dropped. Any other refuses its resource.",
        examples=[["Meta.author", "Patient.vendorField"]],
    ),
]


class FhirServerSection(Protocol):
    """The settings that sections of FHIR servers share; each declares them, as sections have one parent."""

    @property
    def url(self) -> FhirUrl: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def vendor(self) -> Vendor: ...
    @property
    def strategy(self) -> Strategy: ...
    @property
    def search(self) -> Search: ...
    @property
    def elements(self) -> Elements: ...
    @property
    def self_link(self) -> SelfLink: ...
    @property
    def strict(self) -> Strict: ...
    @property
    def allow(self) -> Allow: ...
    @property
    def auth(self) -> SignIn | None: ...
    @property
    def http(self) -> Http: ...


def quirks(section: FhirServerSection) -> dict[str, Any]:
    """What the server does its own way, as `sources.fhir.settings.FhirServer` has it."""
    names = ("vendor", "strategy", "search", "elements", "self_link", "strict")
    return {name: getattr(section, name) for name in names}


def upstream_of(section: FhirServerSection, name: str, kind: str, means: Means) -> Upstream:
    """The upstream of the server *name*, which plays the role that *kind* begins with."""
    return Upstream(
        name,
        kind,
        section.url,
        authorizer=_authorizer(section, name),
        headers={"Accept": "application/fhir+json"},
        limits=section.http.limits(section.timeout_s),
        tls=section.http.tls(),
        observers=means.observers,
        allowed=_allowed(section),
    )


def keys_of(section: FhirServerSection) -> Sequence[Mapping[str, str]]:
    """The public halves of the keys we sign in to it with."""
    return () if section.auth is None else section.auth.public_keys()


def _allowed(section: FhirServerSection) -> Allowed:
    """The fields that it may send: those its vendor is known for, and those of the settings."""
    vendor = VENDORS[section.vendor]
    lists: dict[str, tuple[str, ...]] = {}
    if vendor.allow:
        lists[vendor.allow_version] = vendor.allow
    if section.allow:
        lists[version_of("settings", section.allow)] = section.allow
    return Allowed(lists)


def faults(section: FhirServerSection) -> Iterator[tuple[str, str]]:
    """What is wrong with the fields it is allowed."""
    for path in section.allow:
        if (fault := fault_in(path)) is not None:
            yield "allow", fault


def _authorizer(section: FhirServerSection, name: str) -> Authorizer:
    """What signs the calls to it."""
    if section.auth is None:
        return Anonymous()
    return section.auth.authorizer(name, section.url, section.http.tls())
