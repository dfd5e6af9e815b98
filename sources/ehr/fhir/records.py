"""Owns the EHR port over a FHIR R4 server: many keys in, strictly read rows out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import TypeVar

from sources.calling import Upstream
from sources.errors import SourceError
from sources.fhir.asking import elements, escaped, matching, narrowed
from sources.fhir.hearing import Hearing, Unproven
from sources.fhir.merging import Merging
from sources.fhir.resources import Resources
from sources.fhir.settings import FhirSettings, WatchedName
from sources.fhir.watching import Watch, Watched
from sources.model import ChangeType, Consent, Encounter, Mrn, Patient, PatientId, Resource
from sources.naming import of_practice
from sources.ports import Checked, Found, Health, Listed, Narrowing, Noticed, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)

_OF_PATIENTS = (
    *("AllergyIntolerance", "CarePlan", "Condition", "DocumentReference", "Encounter", "Immunization"),
    *("MedicationRequest", "Observation", "Procedure"),
)

_WATCHED: dict[WatchedName, Watched] = {
    "Patient": Watched.of(ChangeType.PATIENT, Patient),
    "Encounter": Watched.of(ChangeType.ENCOUNTER, Encounter),
    "Consent": Watched.of(ChangeType.CONSENT, Consent),
}


def together(lists: Sequence[Listed[R] | SourceError | None]) -> Listed[R] | SourceError:
    """The rows of several lists as those of one; of one that could not be had, its error."""
    found: list[Listed[R]] = []
    for listed in lists:
        if isinstance(listed, SourceError):
            return listed
        found += [listed] if listed is not None else []
    return Listed(
        tuple(row for listed in found for row in listed.rows),
        all(listed.complete for listed in found),
        tuple(error for listed in found for error in listed.missing),
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
    """A FHIR R4 server as `sources.ports.ClinicalRecords` and `Changes`.

    Not *keeps_consents*: it has no resource Consent, and is not asked for any.
    """

    def __init__(self, settings: FhirSettings, upstream: Upstream, *, keeps_consents: bool = True) -> None:
        self.name = settings.name
        self.kind = "ehr"
        self._settings = settings
        self._upstream = upstream
        self._resources = Resources(settings, upstream, settings.practices)
        self._keeps_consents = keeps_consents
        self._hearing = Hearing(settings, self._resources, upstream, settings.consent_witness)
        self._merging = Merging(settings, self._resources) if settings.follows_links else None
        watched = [_WATCHED[each] for each in settings.watched if keeps_consents or each != "Consent"]
        self._watch = Watch(
            settings.name, self._resources, watched, settings.overlap_s, as_said=settings.as_said
        )

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        found = await self._resources.check(SEARCHES)
        ok, consents = await self._said_of_consents()
        return Checked(found.ok and ok, (*found.said, consents, await self._said_of_changes()))

    @asynccontextmanager
    async def acquainted(self) -> AsyncIterator[None]:
        """Asks beforehand what the server can do, so that the first question need not wait for that."""
        async with self._resources.acquainted():
            if self._keeps_consents:
                with suppress(SourceError):  # who asks for consents is told
                    await self._hearing.proven()
            yield

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        now = datetime.now(UTC)
        updates, after = await self._watch.look(bookmark)
        return [Noticed(each.change(self.name, now, each.patient), None) for each in updates], after

    async def _said_of_consents(self) -> tuple[bool, str]:
        if not self._keeps_consents:
            return True, "consents: none are kept, and nobody is refused for one"
        try:
            await self._hearing.proven()
        except Unproven as error:
            return False, f"consents: {error.why}"
        if self._hearing.sees_consents:
            return (
                True,
                f"consents: found by their patients, asked for by `{self._resources.strategies.form.value}`",
            )
        return (
            True,
            "consents: none is shown to us; if there are any, name in `consent_witness` a patient with one",
        )

    async def _said_of_changes(self) -> str:
        types = await self._watch.types()
        if types:
            return f"changes told: {', '.join(each.name for each in types)}"
        if not self._settings.watched:
            return "changes are not asked for"
        return (
            'changes are not told: it names no search by `_lastUpdated`; if it has one, set changes = "poll"'
        )

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
        asked = elements(kind, wanted)
        if kind.__name__ == "Consent":
            if not self._keeps_consents:
                return {}
            if self._merging is not None:
                return await self._of_merged(self._merging, kind, patients, narrowing)
            return await self._consents(kind, patients, narrowing)
        return await self._resources.of_patients(kind, patients, narrowed(narrowing), asked)

    async def _consents(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing
    ) -> Found[PatientId, Listed[R]]:
        """All of each, so that a modifier that nobody here understands is seen, and a cut one is noticed."""
        await self._hearing.proven(patients)
        return await self._resources.of_patients(kind, patients, narrowed(narrowing), None)

    async def _of_merged(
        self, merging: Merging, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing
    ) -> Found[PatientId, Listed[R]]:
        """The patients' own, and those of whom they were merged with: what was said once still binds."""
        others = await merging.others(patients)
        same = {
            patient: (patient, *who) for patient, who in others.items() if not isinstance(who, SourceError)
        }
        everyone = list(dict.fromkeys(chain.from_iterable(same.values())))
        found = await self._consents(kind, everyone, narrowing) if everyone else {}
        unknown = {patient: who for patient, who in others.items() if isinstance(who, SourceError)}
        return unknown | {patient: together([found.get(one) for one in who]) for patient, who in same.items()}

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        asked = elements(Patient, wanted)
        return await self._resources.page(Patient, matching(query), count, bookmark, asked)
