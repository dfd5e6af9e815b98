"""Owns the searches a FHIR server is asked: how they are sent, and how their pages are followed."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urljoin

import msgspec

from sources.calling import Nonconforming, Reader, Reply, Upstream
from sources.fhir.asking import Parameters
from sources.fhir.bundles import Page, PageReader, Unread
from sources.fhir.settings import FhirSettings
from sources.model import Resource
from sources.ports import Checked

R = TypeVar("R", bound=Resource)


class Results(NamedTuple, Generic[R]):
    """All rows of a search. Not `complete`: there are more pages than are read."""

    rows: list[R]
    unread: list[Unread]
    complete: bool


class _Capability(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a CapabilityStatement."""

    fhir_version: str


_CAPABILITY = Reader[_Capability](_Capability, "CapabilityStatement")


class FhirClient:
    """Searches one server; every answer is read strictly."""

    def __init__(self, settings: FhirSettings, upstream: Upstream) -> None:
        self._settings = settings
        self._upstream = upstream

    async def search(self, reader: PageReader[R], parameters: Parameters) -> Results[R]:
        """Every row of the search, following its pages to the end or the limit, by one deadline.

        Raises:
            SourceError: a page could not be had, or is no such page.
        """
        deadline = self._upstream.deadline()
        page = await self.first(reader, parameters, deadline)
        rows, unread = page.rows, page.unread
        followed: set[str] = set()
        while page.next is not None and len(followed) < self._settings.page_limit - 1:
            if page.next in followed:
                raise self._upstream.misread("Bundle.link: the pages go round in a circle")
            followed.add(page.next)
            page = await self.follow(reader, page.next, deadline)
            rows += page.rows
            unread += page.unread
        if followed:
            # A row that moved between pages while they were read comes twice.
            rows = list({row.id: row for row in rows}.values())
        return Results(rows, unread, page.next is None)

    async def first(
        self, reader: PageReader[R], parameters: Parameters, deadline: float | None = None
    ) -> Page[R]:
        """The first page of a search."""
        name = reader.name
        if self._settings.search == "get":
            reply = await self._upstream.send("GET", name, query=parameters, deadline=deadline)
        else:
            reply = await self._upstream.send("POST", f"{name}/_search", form=parameters, deadline=deadline)
        return self._page(reader, reply)

    async def follow(self, reader: PageReader[R], link: str, deadline: float | None = None) -> Page[R]:
        """The page behind *link*, a URL of this server."""
        return self._page(reader, await self._upstream.send("GET", link, deadline=deadline))

    async def check(self) -> Checked:
        """Ask for the server's version of FHIR.

        Raises:
            SourceError: it does not answer, or is not R4.
        """
        reply = await self._upstream.send("GET", "metadata", query=[("_elements", "fhirVersion")])
        try:
            version = _CAPABILITY.read(reply.body).fhir_version
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        if not version.startswith("4."):
            raise self._upstream.misread(
                "CapabilityStatement.fhirVersion: not R4; set the base URL to an R4 one"
            )
        return Checked(True, ("FHIR R4",))

    def _page(self, reader: PageReader[R], reply: Reply) -> Page[R]:
        try:
            page = reader.read(reply.body)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        for row in page.unread:
            self._upstream.misread(row.why)
        return page if page.next is None else page._replace(next=self._own(page.next))

    def _own(self, link: str) -> str:
        """*link* as an absolute URL; our credentials go to no other origin."""
        url = urljoin(f"{self._settings.base_url}/", link)
        if not self._upstream.owns(url):
            raise self._upstream.misread("Bundle.link: the next page is at another origin")
        return url
