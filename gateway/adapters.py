"""Which adapters the settings name, each behind its port. No other module names a concrete adapter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.settings import Crm, Ehr, Pms, Settings
from resolvers.loaders import Sources
from sources.calling import (
    Anonymous,
    Authorizer,
    Limits,
    Observer,
    Upstream,
    backend_services,
    client_credentials,
)
from sources.crm.hubspot import HubSpotEngagements, HubSpotSettings
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.pms.rest import PmsSettings, RestPms
from sources.ports import Changes


@dataclass(frozen=True)
class Adapters:
    """The sources, those among them that tell what changed, and what to close at the end."""

    sources: Sources
    changes: tuple[Changes, ...]
    upstreams: tuple[Upstream, ...]

    async def close(self) -> None:
        """Closes every connection."""
        for upstream in self.upstreams:
            await upstream.close()


def adapters(settings: Settings, observers: Sequence[Observer]) -> Adapters:
    """The adapters for these settings; they belong to the event loop that runs them."""
    ehr_upstream = _ehr_upstream(settings.ehr, observers)
    pms_upstream = _pms_upstream(settings.pms, observers)
    crm_upstream = _crm_upstream(settings.crm, observers)
    ehr = FhirRecords(
        FhirSettings(settings.ehr.name, settings.ehr.url, settings.ehr.mrn_system, settings.ehr.visit_system),
        ehr_upstream,
    )
    pms = RestPms(PmsSettings(settings.pms.name, settings.pms.time_zone), pms_upstream)
    crm = HubSpotEngagements(HubSpotSettings(settings.crm.name, settings.crm.key_property), crm_upstream)
    return Adapters(
        Sources(ehr=ehr, book=pms, billing=pms, crm=crm, every=(ehr, pms, crm)),
        changes=(pms,),
        upstreams=(ehr_upstream, pms_upstream, crm_upstream),
    )


def _ehr_upstream(ehr: Ehr, observers: Sequence[Observer]) -> Upstream:
    authorizer: Authorizer = Anonymous()
    if ehr.auth is not None:
        key = json.loads(ehr.auth.key.reveal())
        authorizer = backend_services(
            ehr.name,
            ehr.url,
            ehr.auth.client_id,
            key,
            key["kid"],
            ehr.auth.scope.split(),
            token_url=ehr.auth.token_url,
        )
    return Upstream(
        ehr.name,
        "ehr/fhir",
        ehr.url,
        authorizer=authorizer,
        headers={"Accept": "application/fhir+json"},
        limits=Limits(timeout_s=ehr.timeout_s),
        observers=observers,
    )


def _pms_upstream(pms: Pms, observers: Sequence[Observer]) -> Upstream:
    authorizer = client_credentials(
        pms.name, f"{pms.url}/oauth/token", pms.client_id, pms.client_secret.reveal()
    )
    return Upstream(
        pms.name,
        "pms/rest",
        pms.url,
        authorizer=authorizer,
        limits=Limits(timeout_s=pms.timeout_s),
        observers=observers,
    )


def _crm_upstream(crm: Crm, observers: Sequence[Observer]) -> Upstream:
    authorizer = client_credentials(
        crm.name, f"{crm.url}/oauth/v1/token", crm.client_id, crm.client_secret.reveal(), in_body=True
    )
    return Upstream(
        crm.name,
        "crm/hubspot",
        crm.url,
        authorizer=authorizer,
        limits=Limits(timeout_s=crm.timeout_s),
        observers=observers,
    )
