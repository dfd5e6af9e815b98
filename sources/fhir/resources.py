"""Owns the questions that FHIR servers are asked: resources by id, by identifier, by patient, by search."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from sources.calling import Dropped, Nonconforming, Unasked, Upstream
from sources.errors import SourceError, SourceMisread, SourceRejected
from sources.fhir.asking import Parameters, possible_ids
from sources.fhir.bookmarks import BadBookmark, bookmark_of, link_of
from sources.fhir.bundles import PageReader, page_reader
from sources.fhir.checking import Searches, checked
from sources.fhir.client import FhirClient, Results
from sources.fhir.history import Version
from sources.fhir.identity import Untold
from sources.fhir.keys import by_id, by_identifier, by_patient, owners, references
from sources.fhir.reading import Reading
from sources.fhir.settings import FhirServer
from sources.fhir.strategies import Question, Strategies
from sources.model import Consent, PatientId, Resource
from sources.naming import Practice
from sources.ports import Checked, Found, Listed, Page

R = TypeVar("R", bound=Resource)

_UNASKED = "most rows are not what was asked for"
_STRAY = "a row names none of the patients who were asked for"
_UNTOLD = "a row that cannot be read does not tell whose it is"
_CUT = "there are more rows than the server gives of one search; narrow the search"


class Resources:
    """The resources of one server. *elements* names, parted by commas, those that are asked for and read."""

    def __init__(
        self, server: FhirServer, upstream: Upstream, practices: tuple[Practice, ...] | None = None
    ) -> None:
        self.client = FhirClient(server, upstream)
        self.strategies = Strategies(server, self.client)
        self._server = server
        self._base_url = server.base_url.rstrip("/")
        self._upstream = upstream
        self._practices = practices

    async def check(self, searches: Searches) -> Checked:
        """What the server is, and how it is asked for *searches*."""
        return await checked(self._server, self.client, self.strategies, searches)

    @asynccontextmanager
    async def acquainted(self) -> AsyncIterator[None]:
        """Asks beforehand what the server can do, so that the first question need not wait for that."""
        if self._server.strategy == "auto":
            await self.client.capability()
        yield

    async def read(self, kind: type[R], ids: Sequence[str], elements: str) -> Found[str, R]:
        """The resources with those logical ids; one that does not exist, or is gone, is absent."""

        def told(chunk: Sequence[str], answer: Results[R]) -> Found[str, R]:
            try:
                found = by_id(self._server.name, answer.rows, answer.unread, chunk, self._dropped(kind))
            except (Unasked, Untold) as fault:
                raise self._distrusted(kind, fault) from None
            return found if answer.complete else self._with_the_rest(kind, chunk, found)

        keys = list(dict.fromkeys(possible_ids(ids)))
        form = self._form(elements, len(keys))
        return await self.strategies.ask(Question(self._reader(kind, elements), "_id", form), keys, told)

    async def identified(self, kind: type[R], identifiers: Sequence[str], elements: str) -> Found[str, R]:
        """The resource that bears each identifier, `system|value`; `identifier` is one of *elements*."""

        def told(chunk: Sequence[str], answer: Results[R]) -> Found[str, R]:
            try:
                found = by_identifier(
                    self._server.name, answer.rows, answer.unread, chunk, self._dropped(kind)
                )
            except (Unasked, Untold) as fault:
                raise self._distrusted(kind, fault) from None
            return found if answer.complete else self._with_the_rest(kind, chunk, found)

        question = Question(self._reader(kind, elements), "identifier", self._form(elements))
        return await self.strategies.ask(question, list(identifiers), told)

    async def of_patients(
        self,
        kind: type[R],
        patients: Sequence[PatientId],
        filters: Parameters,
        elements: str | None,
        strategies: Strategies | None = None,
    ) -> Found[PatientId, Listed[R]]:
        """Each patient's resources, narrowed by *filters*; a patient without any is absent.

        They are asked for by *strategies* in place of the server's own; None for *elements* are all.
        """

        def told(chunk: Sequence[PatientId], answer: Results[R]) -> Found[PatientId, Listed[R]]:
            return self.parted(kind, chunk, answer)

        question = Question(self._reader(kind, elements), "patient", [*filters, *self._form(elements)])
        keys = [PatientId(id_) for id_ in possible_ids(patients)]
        return await (strategies or self.strategies).ask(question, keys, told)

    def parted(
        self, kind: type[R], patients: Sequence[PatientId], answer: Results[R], *, others: bool = False
    ) -> Found[PatientId, Listed[R]]:
        """The rows of *answer* under the *patients* it was asked for; *others* may have rows in it, too."""
        known = owners(self._base_url, patients)
        rows = answer.rows
        if others:
            rows = [row for row in rows if any(reference in known for reference in references(row))]
        try:
            lists = by_patient(self._server.name, rows, answer.unread, known, self._dropped(kind))
        except (Unasked, Untold) as fault:
            raise self._distrusted(kind, fault) from None
        found: dict[PatientId, Listed[R] | SourceError] = {
            patient: mine if isinstance(mine, SourceError) else Listed(tuple(mine), answer.complete)
            for patient, mine in lists.items()
        }
        if not answer.complete:
            # Whose rows are on the pages that were not read is not known.
            found = dict.fromkeys(patients, Listed[R](complete=False)) | found
        return found

    async def every(self, kind: type[R], filters: Parameters, elements: str) -> Results[R]:
        """All rows of a search."""
        return await self.client.search(self._reader(kind, elements), [*filters, *self._form(elements)])

    async def page(
        self, kind: type[R], filters: Parameters, count: int, bookmark: str | None, elements: str
    ) -> Page[R]:
        """One page of a search, at most *count* rows, and the bookmark of the page after it; `missing` tells
        of rows that cannot be read, or that the server has and does not give.

        Raises:
            SourceError: no row of the whole search can be read, or the bookmark is not one of this search's.
        """
        reader, search = self._reader(kind, elements), [*filters, *self._form(elements, count)]
        if bookmark is None:
            page = await self.client.first(reader, search)
        else:
            page = await self.client.follow(reader, self._link(bookmark, search))
        missing: list[SourceError] = [SourceMisread(self._server.name, row.why) for row in page.unread]
        if missing and not page.rows and bookmark is None and page.next is None:
            raise missing[0]
        if not page.complete and page.next is None:
            missing.append(SourceRejected(self._server.name, _CUT))
        return Page(
            tuple(page.rows),
            None if page.next is None else bookmark_of(page.next, search),
            tuple(missing),
        )

    async def history(self, path: str, parameters: Parameters) -> list[Version]:
        """The versions of a type's resources, or of one resource, newest first; some pages of them."""
        return await self.client.history(path, parameters)

    def told_by(self, kind: type[R], elements: str, body: bytes) -> R | None:
        """The resource in *body*; None if it cannot be read."""
        try:
            rows = self._reader(kind, elements).read_one(body).rows
        except Nonconforming:
            return None
        return rows[0] if rows else None

    def misread(self, kind: type[Resource], why: str) -> SourceError:
        """The error for resources of that type that do not conform, or were not asked for."""
        return self.client.misread(f"{kind.__name__}: {why}")

    def _distrusted(self, kind: type[Resource], fault: Exception) -> SourceError:
        """The error for an answer of which nothing can be trusted."""
        if isinstance(fault, Untold):
            return self.misread(kind, _UNTOLD)
        return self.misread(kind, _STRAY if kind is Consent else _UNASKED)

    def _link(self, bookmark: str, search: Parameters) -> str:
        try:
            return link_of(bookmark, self._base_url, search)
        except BadBookmark:
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self._server.name, why) from None

    def _reader(self, kind: type[R], elements: str | None) -> PageReader[R]:
        reading = Reading(self._server.strict, self._upstream.allowed.fields)
        return page_reader(kind, elements, self._practices, reading)

    def _form(self, elements: str | None, count: int | None = None) -> Parameters:
        most = self.client.facts.page_size if count is None else min(count, self.client.facts.page_size)
        asked = [("_elements", elements)] if elements is not None else []
        return [("_count", str(most)), *asked]

    def _with_the_rest(self, kind: type[R], keys: Sequence[str], found: Found[str, R]) -> Found[str, R]:
        """Keys not found on the pages that were read may be on the others."""
        error = self.misread(kind, "there are more rows than the server gave, or than are read of it")
        return dict.fromkeys(keys, error) | dict(found)

    def _dropped(self, kind: type[Resource]) -> Dropped:
        foreign = partial(self._upstream.foreign, kind.__name__)
        if kind is not Consent:
            return foreign

        def distrusted(rows: int) -> None:
            """A consent that names nobody we asked for may be about one of them: it is not passed over."""
            foreign(rows)
            raise Unasked

        return distrusted
