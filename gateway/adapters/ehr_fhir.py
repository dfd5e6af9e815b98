"""`[ehr.NAME] kind = "fhir"`: a FHIR R4 server."""

from __future__ import annotations

from gateway.adapters.fhir_sections import (
    BackendServices,
    Elements,
    FhirUrl,
    Search,
    SelfLink,
    Strategy,
    Vendor,
    authorizer,
    quirks,
)
from gateway.adapters.sections import Built, EhrSection, Means
from sources.calling import Upstream
from sources.ehr.fhir import FhirRecords, FhirSettings

__all__ = ["BackendServices", "FhirEhr"]


class FhirEhr(EhrSection, frozen=True, kw_only=True, tag_field="kind", tag="fhir"):
    """An EHR that speaks FHIR R4 or R4B."""

    url: FhirUrl
    vendor: Vendor = "generic"
    strategy: Strategy = "auto"
    search: Search = None
    elements: Elements = None
    self_link: SelfLink = None
    auth: BackendServices | None = None

    def build(self, name: str, means: Means) -> Built:
        upstream = Upstream(
            name,
            "ehr/fhir",
            self.url,
            authorizer=authorizer(self, name),
            headers={"Accept": "application/fhir+json"},
            limits=self.limits(),
            observers=means.observers,
        )
        settings = FhirSettings(name, self.url, tuple(means.practices), **quirks(self))
        records = FhirRecords(settings, upstream)
        return Built(records, (upstream,), records.acquainted())
