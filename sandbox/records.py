"""The shapes of the sandbox's records: FHIR resources, PMS rows and CRM contacts, as JSON objects."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict

Json: TypeAlias = dict[str, Any]
"""One JSON object of a system whose schema is its own affair."""

Resource: TypeAlias = dict[str, Any]
"""One FHIR R4 resource as JSON. Resources may share parts: replace one, never change it in place."""

CARE_KEY_SECRET = b"sandbox-care-key"
MRN_SYSTEM = "urn:caregraph:sandbox:mrn"
VISIT_SYSTEM = "urn:caregraph:sandbox:visit"
NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"


class Contact(TypedDict):
    """A HubSpot contact; every property is text or None, as HubSpot has it."""

    id: str
    properties: dict[str, str | None]
    createdAt: str
    updatedAt: str
    archived: bool


@dataclass
class Pms:
    """What the practice management system holds. Times are naive and local to `time_zone` (an IANA name)."""

    time_zone: str = "America/Chicago"
    patients: list[Json] = field(default_factory=list)
    practitioners: list[Json] = field(default_factory=list)
    locations: list[Json] = field(default_factory=list)
    appointments: list[Json] = field(default_factory=list)
    balances: list[Json] = field(default_factory=list)
    coverages: list[Json] = field(default_factory=list)


@dataclass
class Dataset:
    """One practice in three systems; `resources` maps a FHIR type to its resources by id."""

    resources: dict[str, dict[str, Resource]] = field(default_factory=dict)
    pms: Pms = field(default_factory=Pms)
    contacts: list[Contact] = field(default_factory=list)

    def add(self, resource: Resource) -> None:
        """Puts *resource* under its type and id, in place of one that is there."""
        self.resources.setdefault(resource["resourceType"], {})[resource["id"]] = resource


def care_key(patient_id: str) -> str:
    """The opaque key the CRM knows a patient by: a keyed hash of the EHR id, 40 hex digits."""
    return hmac.new(CARE_KEY_SECRET, patient_id.encode(), hashlib.sha256).hexdigest()[:40]
