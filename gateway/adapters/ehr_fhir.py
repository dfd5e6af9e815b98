"""`[ehr.NAME] kind = "fhir"`: a FHIR R4 server."""

from __future__ import annotations

import json
from typing import Annotated

from msgspec import Meta

from gateway.adapters.sections import Built, EhrSection, Means, Text, Url
from gateway.configuration import Secret, Section
from sources.calling import Anonymous, Authorizer, Upstream, backend_services
from sources.ehr.fhir import FhirRecords, FhirSettings


class BackendServices(Section, frozen=True, kw_only=True):
    """How we sign in to the EHR (SMART Backend Services). Without this table we call it without a token."""

    client_id: Annotated[Text, Meta(description="Who we are to the EHR.", examples=["caregraph"])]
    key: Annotated[Secret, Meta(description="Our private key, a JWK (EC P-384 or RSA) with its `kid`.")]
    scope: Annotated[Text, Meta(description="What we ask for.")] = "system/*.rs"
    token_url: Annotated[
        Url | None,
        Meta(description="The token endpoint, if the EHR's smart-configuration is not to be asked."),
    ] = None


class FhirEhr(EhrSection, frozen=True, kw_only=True, tag_field="kind", tag="fhir"):
    """An EHR that speaks FHIR R4."""

    url: Annotated[Url, Meta(description="The FHIR base URL.", examples=["https://ehr.example/fhir"])]
    auth: BackendServices | None = None

    def build(self, name: str, means: Means) -> Built:
        upstream = Upstream(
            name,
            "ehr/fhir",
            self.url,
            authorizer=self._authorizer(name),
            headers={"Accept": "application/fhir+json"},
            limits=self.limits(),
            observers=means.observers,
        )
        return Built(FhirRecords(FhirSettings(name, self.url, tuple(means.practices)), upstream), (upstream,))

    def _authorizer(self, name: str) -> Authorizer:
        if self.auth is None:
            return Anonymous()
        key = json.loads(self.auth.key.reveal())
        return backend_services(
            name,
            self.url,
            self.auth.client_id,
            key,
            key["kid"],
            self.auth.scope.split(),
            token_url=self.auth.token_url,
        )
