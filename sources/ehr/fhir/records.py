"""Owns the EHR port over a FHIR R4 server: many keys in, strictly read rows out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from sources.calling import Upstream
from sources.fhir.asking import elements, escaped, matching, narrowed
from sources.fhir.resources import Resources
from sources.fhir.settings import FhirSettings
from sources.model import Mrn, Patient, PatientId, Resource
from sources.naming import of_practice
from sources.ports import Checked, Found, Health, Listed, Narrowing, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)

_OF_PATIENTS = (
    *("AllergyIntolerance", "CarePlan", "Condition", "DocumentReference", "Encounter", "Immunization"),
    *("MedicationRequest", "Observation", "Procedure"),
)

SEARCHES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_OF_PATIENTS, ("_id", "patient")),
    **dict.fromkeys(("Location", "Organization", "Practitioner"), ("_id",)),
    "Encounter": ("_id", "patient", "identifier"),
    "Patient": ("_id", "identifier", "name", "family", "given", "birthdate", "gender"),
    "Practitioner": ("_id", "identifier"),
}
"""The searches an EHR is asked for, by resource type, without what narrows them."""


class FhirRecords:
    """A FHIR R4 server as `sources.ports.ClinicalRecords`.

    Not *keeps_consents*: it has no resource Consent, and is not asked for any.
    """

    def __init__(self, settings: FhirSettings, upstream: Upstream, *, keeps_consents: bool = True) -> None:
        self.name = settings.name
        self.kind = "ehr"
        self._settings = settings
        self._upstream = upstream
        self._resources = Resources(settings, upstream, settings.practices)
        self._keeps_consents = keeps_consents

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        return await self._resources.check(SEARCHES)

    def acquainted(self) -> AbstractAsyncContextManager[None]:
        """Asks beforehand what the server can do, so that the first question need not wait for that."""
        return self._resources.acquainted()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    def mrn_identifier(self, mrn: Mrn) -> str:
        practice, number = of_practice(self._settings.practices, mrn)
        return f"{escaped(practice.mrn_system)}|{escaped(number)}"

    def visit_identifier(self, visit_number: str) -> str:
        practice, number = of_practice(self._settings.practices, visit_number)
        return f"{escaped(practice.visit_system)}|{escaped(number)}"

    async def read(self, kind: type[R], ids: Sequence[str], wanted: Wanted) -> Found[str, R]:
        return await self._resources.read(kind, ids, elements(kind, wanted))

    async def identified(self, kind: type[R], identifiers: Sequence[str], wanted: Wanted) -> Found[str, R]:
        asked = elements(kind, wanted | {"identifier"})
        return await self._resources.identified(kind, identifiers, asked)

    async def of_patients(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> Found[PatientId, Listed[R]]:
        if kind.__name__ == "Consent" and not self._keeps_consents:
            return {}
        asked = elements(kind, wanted)
        return await self._resources.of_patients(kind, patients, narrowed(narrowing), asked)

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        asked = elements(Patient, wanted)
        return await self._resources.page(Patient, matching(query), count, bookmark, asked)
