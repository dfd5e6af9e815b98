"""The calls of the textbook service: an httpx client, and one aiodataloader an edge for each request."""

import hashlib
import hmac
from collections import defaultdict
from typing import Any

import httpx
import strawberry
from aiodataloader import DataLoader
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.patient import Patient

CARE_KEY_SECRET = b"sandbox-care-key"
PROPERTIES = ["care_key", "lifecyclestage", "engagement_score", "attendance_rate"]


def care_key(patient_id: str) -> str:
    """The opaque key under which the CRM knows a patient of the EHR."""
    return hmac.new(CARE_KEY_SECRET, patient_id.encode(), hashlib.sha256).hexdigest()[:40]


class Context:
    """What the resolvers of one request share."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.appointments: DataLoader[str, list[dict[str, Any]]] = DataLoader(self._appointments)
        self.encounters: DataLoader[str, list[Encounter]] = DataLoader(self._encounters)
        self.contacts: DataLoader[str, dict[str, str] | None] = DataLoader(self._contacts)

    async def patient(self, patient_id: str) -> Patient | None:
        """One patient of the EHR, or None."""
        answer = await self._http.get(f"/fhir/Patient/{patient_id}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return Patient.model_validate_json(answer.raise_for_status().content)

    async def patients(self, first: int | None) -> list[Patient]:
        """The first patients of the EHR."""
        bundle = await self._search("Patient", {"_count": first or 100})
        return [entry.resource for entry in bundle.entry or [] if isinstance(entry.resource, Patient)]

    async def _encounters(self, patient_ids: list[str]) -> list[list[Encounter]]:
        bundle = await self._search("Encounter", {"patient": ",".join(patient_ids)})
        by_patient = defaultdict(list)
        for entry in bundle.entry or []:
            if isinstance(entry.resource, Encounter) and entry.resource.subject:
                reference = entry.resource.subject.reference or ""
                by_patient[reference.removeprefix("Patient/")].append(entry.resource)
        return [by_patient[patient_id] for patient_id in patient_ids]

    async def _appointments(self, mrns: list[str]) -> list[list[dict[str, Any]]]:
        answer = await self._http.post("/v1/appointments/search", json={"patient_mrns": mrns})
        by_mrn = defaultdict(list)
        for row in answer.raise_for_status().json()["appointments"]:
            by_mrn[row["patient"]["mrn"]].append(row)
        return [by_mrn[mrn] for mrn in mrns]

    async def _contacts(self, care_keys: list[str]) -> list[dict[str, str] | None]:
        body = {
            "idProperty": "care_key",
            "properties": PROPERTIES,
            "inputs": [{"id": key} for key in care_keys],
        }
        answer = await self._http.post("/crm/v3/objects/contacts/batch/read", json=body)
        results = answer.raise_for_status().json()["results"]
        found = {contact["properties"]["care_key"]: contact["properties"] for contact in results}
        return [found.get(key) for key in care_keys]

    async def _search(self, kind: str, parameters: dict[str, Any]) -> Bundle:
        answer = await self._http.get(f"/fhir/{kind}", params=parameters)
        return Bundle.model_validate_json(answer.raise_for_status().content)


Info = strawberry.Info[Context, None]
