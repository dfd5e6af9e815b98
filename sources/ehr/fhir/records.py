"""Owns the EHR port over a FHIR R4 server: many keys in, one search a chunk, strictly read rows out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from sources.calling import Dropped, Unasked, Upstream, in_chunks
from sources.errors import SourceError, SourceRejected
from sources.fhir.asking import Parameters, elements, escaped, matching, narrowed, possible_ids
from sources.fhir.bookmarks import BadBookmark, bookmark_of, link_of
from sources.fhir.bundles import PageReader, page_reader
from sources.fhir.client import FhirClient
from sources.fhir.keys import by_id, by_identifier, by_patient, owners
from sources.fhir.settings import FhirSettings
from sources.model import Mrn, Patient, PatientId, Resource
from sources.naming import of_practice
from sources.ports import Checked, Found, Health, Listed, Narrowing, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)

_UNASKED = "most rows are not what was asked for"


class FhirRecords:
    """A FHIR R4 server as `sources.ports.ClinicalRecords`."""

    def __init__(self, settings: FhirSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "ehr"
        self._settings = settings
        self._base_url = settings.base_url.rstrip("/")
        self._upstream = upstream
        self._client = FhirClient(settings, upstream)

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        return await self._client.check()

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
        async def ask(chunk: Sequence[str]) -> Found[str, R]:
            parameters = [("_id", ",".join(chunk)), *self._form(kind, wanted, len(chunk))]
            answer = await self._client.search(self._reader(kind, wanted), parameters)
            try:
                found = by_id(self.name, answer.rows, answer.unread, chunk, self._dropped(kind))
            except Unasked:
                raise self._misread(kind, _UNASKED) from None
            return found if answer.complete else self._with_the_rest(kind, chunk, found)

        return await in_chunks(possible_ids(ids), self._settings.ids_per_call, ask)

    async def identified(self, kind: type[R], identifiers: Sequence[str], wanted: Wanted) -> Found[str, R]:
        asked_for = wanted | {"identifier"}

        async def ask(chunk: Sequence[str]) -> Found[str, R]:
            form = self._form(kind, asked_for, self._settings.page_size)
            parameters = [("identifier", ",".join(chunk)), *form]
            answer = await self._client.search(self._reader(kind, asked_for), parameters)
            try:
                found = by_identifier(self.name, answer.rows, answer.unread, chunk, self._dropped(kind))
            except Unasked:
                raise self._misread(kind, _UNASKED) from None
            return found if answer.complete else self._with_the_rest(kind, chunk, found)

        return await in_chunks(identifiers, self._settings.ids_per_call, ask)

    async def of_patients(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> Found[PatientId, Listed[R]]:
        reader = self._reader(kind, wanted)
        rest = [*narrowed(narrowing), *self._form(kind, wanted, self._settings.page_size)]

        async def ask(chunk: Sequence[PatientId]) -> Found[PatientId, Listed[R]]:
            answer = await self._client.search(reader, [("patient", ",".join(chunk)), *rest])
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

        return await in_chunks(
            [PatientId(id_) for id_ in possible_ids(patients)], self._settings.ids_per_call, ask
        )

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

    def _form(self, kind: type[Resource], wanted: Wanted, count: int) -> Parameters:
        form = [("_count", str(min(count, self._settings.page_size)))]
        if self._settings.elements:
            form.append(("_elements", elements(kind, wanted)))
        return form

    def _with_the_rest(self, kind: type[R], keys: Sequence[str], found: Found[str, R]) -> Found[str, R]:
        """Keys not found on the pages that were read may be on the others."""
        error = self._misread(kind, f"more pages than the {self._settings.page_limit} that are read")
        return dict.fromkeys(keys, error) | dict(found)

    def _dropped(self, kind: type[Resource]) -> Dropped:
        return partial(self._upstream.foreign, kind.__name__)

    def _misread(self, kind: type[Resource], why: str) -> SourceError:
        return self._upstream.misread(f"{kind.__name__}: {why}")
