"""What the settings of all sources have in common, and what a kind is given to build an adapter with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from gateway.configuration import Section
from sources.calling import Limits, Observer, Upstream
from sources.naming import Practice
from sources.ports import Source

Text = Annotated[str, Meta(min_length=1)]
Url = Annotated[
    str,
    Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?\Z", title="a URL that begins with http:// or https://"),
]
Uri = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", title="a URI")]
Seconds = Annotated[float, Meta(gt=0, le=600)]


@dataclass(frozen=True)
class Means:
    """What an adapter is built with beside its settings.

    `observers` are told of each call upstream; `practices` are the practice management systems whose MRNs and
    visit numbers the EHR that is being built bears.
    """

    observers: Sequence[Observer] = ()
    practices: Sequence[Practice] = ()


@dataclass(frozen=True)
class Built:
    """An adapter: the source behind its ports, what to close at the end, and what runs beside it.

    `running` is entered when the gateway starts and left when it stops, before `upstreams` are closed.
    """

    source: Source
    upstreams: tuple[Upstream, ...] = ()
    running: AbstractAsyncContextManager[object] | None = None


class SourceSection(Section, frozen=True, kw_only=True):
    """One source. A subclass is one kind of it, under its `tag`."""

    timeout_s: Annotated[Seconds, Meta(description="The longest a call may take.")] = 2.0
    bare_ids: Annotated[
        bool | None,
        Meta(
            title="true or false",
            description="Whether its ids are given out as they are. Where a role has several sources, the ids"
            " of all but one begin with the source's name. Not set: true where it is the only one.",
        ),
    ] = None

    def build(self, name: str, means: Means) -> Built:
        """The adapter of these settings; it belongs to the event loop that runs it."""
        raise NotImplementedError

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        """The public halves (JWK) of the keys we sign in with: those to come and those gone by, too."""
        return ()

    def limits(self) -> Limits:
        """The limits of a call to it."""
        return Limits(timeout_s=self.timeout_s)


class EhrSection(SourceSection, frozen=True, kw_only=True):
    """An EHR: the clinical record."""

    consents: Annotated[
        Literal["kept", "none"],
        Meta(
            description="Whether it keeps patients' consents (FHIR Consent), which bind all but the patient;"
            " none: it has no such resource, and nobody's consent is known."
        ),
    ] = "kept"
    consent_max_age_s: Annotated[
        float, Meta(ge=0, le=60, description="How long a consent that was read holds; 0: it is always read.")
    ] = 60.0


class PmsSection(SourceSection, frozen=True, kw_only=True):
    """A practice management system: bookings and bills, of patients whom an EHR knows by their MRN."""

    mrn_system: Annotated[
        Uri,
        Meta(
            description="The system under which the EHR keeps this practice's MRNs.",
            examples=["urn:oid:1.2.36.146.595.217.0.1"],
        ),
    ]
    visit_system: Annotated[
        Uri,
        Meta(
            description="The system under which the EHR keeps this practice's visit numbers.",
            examples=["urn:oid:1.2.36.146.595.217.0.2"],
        ),
    ]
    ehr: Annotated[
        Text | None,
        Meta(description="The name of the EHR that knows its patients. Not set: the only one there is."),
    ] = None


class CrmSection(SourceSection, frozen=True, kw_only=True):
    """A customer relationship management system: it knows a patient by the opaque key alone."""
