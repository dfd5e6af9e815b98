"""The gateway as `gateway.app` composes it, over adapters for the rig's three systems."""

import secrets

from benchmarks.peer.bookings import RigPms
from benchmarks.peer.contacts import RigContacts
from benchmarks.peer.crosswalk import Crosswalk
from benchmarks.peer.provider import ISSUER
from benchmarks.peer.records import ById, RigRecords
from gateway.adapters.assembling import Adapters
from gateway.app import Gateway, compose
from gateway.measuring import Measuring
from gateway.settings import Settings, read_settings
from gateway.telemetry import Metrics, tracer_provider
from resolvers.house import Sources
from sources.calling import Anonymous, Limits, Observer, StaticBearer, Upstream
from sources.crm.care_key import CareKeys
from sources.ehr.fhir import FhirSettings
from sources.fhir.vendors import Form
from sources.naming import alone

MRN_SYSTEM = "urn:oid:1.2.36.146.595.217.0.1"
VISIT_SYSTEM = "urn:oid:1.2.36.146.595.217.0.2"


def settings_of(upstream: str, jwks_url: str, port: int, audience: str) -> Settings:
    """Production's settings for the systems at *upstream*; whatever is not named here has its default."""
    secret = secrets.token_hex(16)
    table = {
        "server": {"port": port},
        "identity": {
            "issuer": ISSUER,
            "audience": audience,
            "jwks_url": jwks_url,
            "roles": {"clinician": "clinician"},
        },
        "keys": {"care_key_secret": secrets.token_hex(32)},
        "ehr": {"ehr": {"kind": "fhir", "url": f"{upstream}/fhir", "consents": "none"}},
        "pms": {
            "pms": {
                "kind": "rest",
                "url": f"{upstream}/pms",
                "mrn_system": MRN_SYSTEM,
                "visit_system": VISIT_SYSTEM,
                "time_zone": "UTC",
                "client_id": "caregraph",
                "client_secret": secret,
            }
        },
        "crm": {
            "crm": {
                "kind": "hubspot",
                "url": upstream,
                "client_id": "caregraph",
                "client_secret": secret,
            }
        },
        "telemetry": {"log_level": "WARNING"},
    }
    return read_settings(environ={}, table=table)


def app_of(settings: Settings) -> Gateway:
    """The gateway; nothing but its adapters is the benchmark's own."""
    telemetry = settings.telemetry
    provider = tracer_provider(telemetry.service_name, exporter=None, sample_ratio=telemetry.sample_ratio)
    measuring = Measuring(Metrics(), provider.get_tracer("caregraph"))
    return compose(settings, adapters_of(settings, measuring), measuring)


def adapters_of(settings: Settings, observer: Observer) -> Adapters:
    """The adapters for the rig. It takes no credentials; PMS and CRM get a bearer token as they would."""
    bearer = StaticBearer("accepted-by-anyone")
    ehr_upstream = ById(
        "ehr",
        "ehr/fhir",
        settings.ehr["ehr"].url,
        authorizer=Anonymous(),
        headers={"Accept": "application/fhir+json"},
        limits=Limits(joins=False, timeout_s=settings.ehr["ehr"].timeout_s),
        observers=[observer],
    )
    pms_upstream = Upstream(
        "pms",
        "pms/rig",
        settings.pms["pms"].url,
        authorizer=bearer,
        limits=Limits(joins=False, timeout_s=settings.pms["pms"].timeout_s),
        observers=[observer],
    )
    crm_upstream = Upstream(
        "crm",
        "crm/hubspot",
        settings.crm["crm"].url,
        authorizer=bearer,
        limits=Limits(joins=False, timeout_s=settings.crm["crm"].timeout_s),
        observers=[observer],
    )
    crosswalk = Crosswalk(CareKeys(settings.keys.care_key_secret.reveal().encode()))
    ehr = RigRecords(_fhir_settings(settings), ehr_upstream, crosswalk)
    pms = RigPms("pms", pms_upstream, crosswalk)
    crm = RigContacts("crm", crm_upstream, crosswalk)
    return Adapters(
        Sources(ehr=ehr, book=pms, billing=pms, crm=crm, every=(ehr, pms, crm)),
        changes=(),
        upstreams=(ehr_upstream, pms_upstream, crm_upstream),
    )


def _fhir_settings(settings: Settings) -> FhirSettings:
    """The rig's server knows searches by GET only and patients by bare ids, and sends whole resources,
    whatever `_elements` says.
    """
    practice = alone("pms", MRN_SYSTEM, VISIT_SYSTEM)
    return FhirSettings(
        "ehr",
        settings.ehr["ehr"].url,
        practice,
        strategy="or-list",
        elements=False,
        search="get",
        page_size=1000,
        references=Form.BARE,
    )
