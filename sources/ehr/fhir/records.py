"""Owns the EHR port over a FHIR R4 server: many keys in, strictly read rows out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from sources.calling import Dropped, Unasked, Upstream
from sources.errors import SourceError, SourceRejected
from sources.fhir.asking import Parameters, elements, escaped, matching, narrowed, possible_ids
from sources.fhir.bookmarks import BadBookmark, bookmark_of, link_of
from sources.fhir.bundles import PageReader, page_reader
from sources.fhir.checking import checked
from sources.fhir.client import FhirClient, Results
from sources.fhir.keys import by_id, by_identifier, by_patient, owners
from sources.fhir.settings import FhirSettings
from sources.fhir.strategies import Question, Strategies
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

_UNASKED = "most rows are not what was asked for"


class FhirRecords:
    """A FHIR R4 server as `sources.ports.ClinicalRecords`.

    Not *keeps_consents*: it has no resource Consent, and is not asked for any.
    """

    def __init__(self, settings: FhirSettings, upstream: Upstream, *, keeps_consents: bool = True) -> None:
        self.name = settings.name
        self.kind = "ehr"
        self._settings = settings
        self._base_url = settings.base_url.rstrip("/")
        self._upstream = upstream
        self._client = FhirClient(settings, upstream)
        self._strategies = Strategies(settings, self._client)
        self._keeps_consents = keeps_consents

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        return await checked(self._settings, self._client, self._strategies, SEARCHES)

    @asynccontextmanager
    async def acquainted(self) -> AsyncIterator[None]:
        """Asks beforehand what the server can do, so that the first question need not wait for that."""
        if self._settings.strategy == "auto":
            await self._client.capability()
        yield

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
        def told(chunk: Sequence[str], answer: Results[R]) -> Found[str, R]:
            try:
                found = by_id(self.name, answer.rows, answer.unread, chunk, self._dropped(kind))
            except Unasked:
                raise self._misread(kind, _UNASKED) from None
            return found if answer.complete else self._with_the_rest(kind, chunk, found)

        keys = list(dict.fromkeys(possible_ids(ids)))
        question = self._question(kind, "_id", wanted, [], len(keys))
        return await self._strategies.ask(question, keys, told)

    async def identified(self, kind: type[R], identifiers: Sequence[str], wanted: Wanted) -> Found[str, R]:
        def told(chunk: Sequence[str], answer: Results[R]) -> Found[str, R]:
            try:
                found = by_identifier(self.name, answer.rows, answer.unread, chunk, self._dropped(kind))
            except Unasked:
                raise self._misread(kind, _UNASKED) from None
            return found if answer.complete else self._with_the_rest(kind, chunk, found)

        question = self._question(kind, "identifier", wanted | {"identifier"}, [])
        return await self._strategies.ask(question, list(identifiers), told)

    async def of_patients(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> Found[PatientId, Listed[R]]:
        if kind.__name__ == "Consent" and not self._keeps_consents:
            return {}

        def told(chunk: Sequence[PatientId], answer: Results[R]) -> Found[PatientId, Listed[R]]:
            try:
                rows = by_patient(
                    self.name,
                    answer.rows,
                    answer.unread,
                    owners(self._base_url, chunk),
                    self._dropped(kind),
                )
            except Unasked:
                raise self._misread(kind, _UNASKED) from None
            found: dict[PatientId, Listed[R] | SourceError] = {
                patient: mine if isinstance(mine, SourceError) else Listed(tuple(mine), answer.complete)
                for patient, mine in rows.items()
            }
            if not answer.complete:
                # Whose rows are on the pages that were not read is not known.
                found = dict.fromkeys(chunk, Listed[R](complete=False)) | found
            return found

        question = self._question(kind, "patient", wanted, narrowed(narrowing))
        keys = [PatientId(id_) for id_ in possible_ids(patients)]
        return await self._strategies.ask(question, keys, told)

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        reader = self._reader(Patient, wanted)
        search = [*matching(query), *self._form(Patient, wanted, count)]
        if bookmark is None:
            page = await self._client.first(reader, search)
        else:
            page = await self._client.follow(reader, self._link(bookmark, search))
        if page.unread:
            raise self._misread(Patient, page.unread[0].why)
        return Page(tuple(page.rows), None if page.next is None else bookmark_of(page.next, search))

    def _link(self, bookmark: str, search: Parameters) -> str:
        try:
            return link_of(bookmark, self._base_url, search)
        except BadBookmark:
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self.name, why) from None

    def _reader(self, kind: type[R], wanted: Wanted) -> PageReader[R]:
        return page_reader(kind, elements(kind, wanted), self._settings.practices)

    def _question(
        self, kind: type[R], parameter: str, wanted: Wanted, rest: Parameters, count: int | None = None
    ) -> Question[R]:
        form = self._form(kind, wanted, self._client.facts.page_size if count is None else count)
        return Question(self._reader(kind, wanted), parameter, [*rest, *form])

    def _form(self, kind: type[Resource], wanted: Wanted, count: int) -> Parameters:
        most = min(count, self._client.facts.page_size)
        return [("_count", str(most)), ("_elements", elements(kind, wanted))]

    def _with_the_rest(self, kind: type[R], keys: Sequence[str], found: Found[str, R]) -> Found[str, R]:
        """Keys not found on the pages that were read may be on the others."""
        error = self._misread(kind, "there are more rows than the server gave, or than are read of it")
        return dict.fromkeys(keys, error) | dict(found)

    def _dropped(self, kind: type[Resource]) -> Dropped:
        return partial(self._upstream.foreign, kind.__name__)

    def _misread(self, kind: type[Resource], why: str) -> SourceError:
        return self._upstream.misread(f"{kind.__name__}: {why}")
