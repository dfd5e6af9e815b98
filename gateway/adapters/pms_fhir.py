"""`[pms.NAME] kind = "fhir"`: a practice management system that speaks FHIR R4."""

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
from gateway.adapters.sections import Built, Means, PmsSection, Text, Uri
from gateway.adapters.sign_in import SignIn
from sources.pms.fhir import FhirPmsSettings, FhirPractice


class FhirPms(PmsSection, frozen=True, kw_only=True, tag_field="kind", tag="fhir"):
    """A practice management system that speaks FHIR R4 or R4B: Appointment, Patient, Coverage, Account."""

    url: FhirUrl
    vendor: Vendor = "generic"
    strategy: Strategy = "auto"
    search: Search = None
    elements: Elements = None
    self_link: SelfLink = None
    strict: Strict = "whole"
    allow: Allow = ()
    own_mrn_system: Annotated[
        Uri | None,
        Meta(description="The system of its MRNs on this server, if the EHR keeps them under another."),
    ] = None
    own_visit_system: Annotated[
        Uri | None,
        Meta(description="The system of its visit numbers on this server, if the EHR has another."),
    ] = None
    appointments_by: Annotated[
        Literal["auto", "patient", "date", "encounter"],
        Meta(
            description="How a patient's appointments are found: by patient; by date, of which others' are"
            " dropped; or by the encounters they led to. auto: in the first way the server knows."
        ),
    ] = "auto"
    days_back: Annotated[
        int, Meta(ge=0, le=3_650, description="By date: the days before today that are looked at.")
    ] = 90
    days_ahead: Annotated[
        int, Meta(ge=0, le=3_650, description="By date: the days from today that are looked at.")
    ] = 180
    telehealth_codes: Annotated[
        tuple[Text, ...],
        Meta(description="Codes of appointment types and service categories that are by video."),
    ] = ("VR",)
    auth: SignIn | None = None
    http: Http = field(default_factory=Http)

    def contradictions(self) -> Iterator[tuple[str, str]]:
        return faults(self)

    def build(self, name: str, means: Means) -> Built:
        upstream = upstream_of(self, name, "pms/fhir", means)
        settings = FhirPmsSettings(
            name=name,
            base_url=self.url,
            mrn_system=self.own_mrn_system or self.mrn_system,
            visit_system=self.own_visit_system or self.visit_system,
            appointments_by=self.appointments_by,
            days_back=self.days_back,
            days_ahead=self.days_ahead,
            telehealth_codes=self.telehealth_codes,
            **quirks(self),
        )
        practice = FhirPractice(settings, upstream)
        return Built(practice, (upstream,), practice.acquainted())

    def public_keys(self) -> Sequence[Mapping[str, str]]:
        return keys_of(self)
