"""`[ehr.NAME] kind = "fhir"`: a FHIR R4 server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.adapters.fhir_sections import (
    Allow,
    Elements,
    FhirUrl,
    Search,
    SelfLink,
    Strategy,
    Strict,
    Vendor,
    faults,
    keys_of,
    quirks,
    upstream_of,
)
from gateway.adapters.http_section import Http
from gateway.adapters.sections import Built, EhrSection, Means
from gateway.adapters.sign_in import SignIn
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.model import PatientId

FhirId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{1,64}\Z", title="a FHIR id")]


class FhirEhr(EhrSection, frozen=True, kw_only=True, tag_field="kind", tag="fhir"):
    """An EHR that speaks FHIR R4 or R4B."""

    url: FhirUrl
    vendor: Vendor = "generic"
    strategy: Strategy = "auto"
    search: Search = None
    elements: Elements = None
    self_link: SelfLink = None
    strict: Strict = "whole"
    allow: Allow = ()
    changes: Annotated[
        Literal["auto", "poll", "none"],
        Meta(
            description="Whether it is asked what changed, every `changes.poll_seconds`. auto: the types that"
            " its CapabilityStatement says can be searched by `_lastUpdated`; poll: all of `changes_of`."
        ),
    ] = "auto"
    changes_of: Annotated[
        tuple[Literal["Patient", "Encounter", "Consent"], ...],
        Meta(description="The types whose changes are asked for; Consent only where consents are kept."),
    ] = ("Patient", "Encounter", "Consent")
    consent_witness: Annotated[
        FhirId | None,
        Meta(
            title="the id of a patient",
            description="A patient, such as one made up for tests, of whom a Consent is on record: that it is"
            " found proves that consents are. Not set: any Consent that the server shows proves it, or, where"
            " it shows none, other rows and its CapabilityStatement.",
            examples=["test-1"],
        ),
    ] = None
    merged_patients: Annotated[
        Literal["moved", "linked"],
        Meta(
            description="Where consents are of a patient whom it merged with another. moved: with the one who"
            " remains, as most servers have it; linked: where they were, so that Patient.link is followed,"
            " which costs a call more, once a minute and patient."
        ),
    ] = "moved"
    auth: SignIn | None = None
    http: Http = field(default_factory=Http)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        return faults(self)

    def build(self, name: str, means: Means) -> Built:
        upstream = upstream_of(self, name, "ehr/fhir", means)
        settings = FhirSettings(
            name,
            self.url,
            tuple(means.practices),
            watched=() if self.changes == "none" else self.changes_of,
            as_said=self.changes == "auto",
            consent_witness=PatientId(self.consent_witness) if self.consent_witness else None,
            follows_links=self.merged_patients == "linked",
            **quirks(self),
        )
        records = FhirRecords(settings, upstream, keeps_consents=self.consents == "kept")
        return Built(records, (upstream,), records.acquainted())

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return keys_of(self)
