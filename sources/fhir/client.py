"""Owns the exchanges with a FHIR server: how a search is sent, its pages followed, its remarks understood."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from sources.calling import Nonconforming, Reply, Upstream
from sources.calling.failures import error_of
from sources.errors import SourceError
from sources.fhir.asking import Parameters
from sources.fhir.batches import batch_of, replies_in
from sources.fhir.bundles import Page, PageReader, Unread
from sources.fhir.capability import Capability, capability
from sources.fhir.extent import Extent
from sources.fhir.history import Version, history
from sources.fhir.outcomes import Expired, Refused, final, meanings, outcome_of
from sources.fhir.settings import FhirServer
from sources.fhir.vendors import Meaning
from sources.model import Resource

R = TypeVar("R", bound=Resource)

_TELLING = frozenset({400, 403, 404, 405, 410, 413, 414, 422})
"""Refusals whose OperationOutcome is read."""
_AS_PUT = frozenset({400, 405, 413, 414, 422})
"""Refusals of a question as it was put; of another one they say nothing."""
_GONE = frozenset({404, 410})

_NO_FILTERS = frozenset({"_count", "_elements", "_sort", "_summary", "_total", "_include", "_format"})
_SUBSETTED = re.compile(rb'"code"\s*:\s*"SUBSETTED"')
_SAYS_NOTHING = "no self link says which filters were used; set self_link to false if none ever does"
_FHIR_JSON = {"Content-Type": "application/fhir+json"}

_KNOWN_FOR_S = 3600.0
_UNKNOWN_FOR_S = 600.0


class Results(NamedTuple, Generic[R]):
    """All rows of a search. Not `complete`: there are more than were read, or than the server gave."""

    rows: list[R]
    unread: list[Unread]
    complete: bool = True


class FhirClient:
    """Asks one server; every answer is read strictly. It belongs to one event loop."""

    def __init__(self, server: FhirServer, upstream: Upstream) -> None:
        self.name = server.name
        self.facts = server.facts()
        self._base_url = server.base_url.rstrip("/")
        self._extent = Extent(server.page_limit, self.facts.page_size)
        self._upstream = upstream
        self._honours_elements: dict[str, bool] = {}
        self._finding_out = asyncio.Lock()
        self._found_out: Capability | None = None
        self._ask_again_at = 0.0

    def misread(self, why: str, record: str | None = None) -> SourceError:
        """The error for an answer, or the *record* of that id, that does not conform."""
        return self._upstream.misread(why, record)

    async def search(
        self, reader: PageReader[R], parameters: Parameters, deadline: float | None = None
    ) -> Results[R]:
        """Every row of the search, following its pages to the end or the limit, by one deadline.

        Raises:
            Refused: the server does not take the search as it is put.
            SourceError: a page could not be had, or is no such page.
        """
        until = self._upstream.deadline() if deadline is None else deadline
        try:
            return await self._rest(reader, await self.first(reader, parameters, until), until)
        except Expired:
            return await self._rest(reader, await self.first(reader, parameters, until), until)

    async def first(
        self, reader: PageReader[R], parameters: Parameters, deadline: float | None = None
    ) -> Page[R]:
        """The first page of a search."""
        until = self._upstream.deadline() if deadline is None else deadline
        sent = self.sent(reader.name, parameters)
        try:
            page = await self._first(reader, sent, until)
        except Refused as refusal:
            plain = [pair for pair in sent if pair[0] != "_elements"]
            if refusal.lists or len(plain) == len(sent) or self._honours_elements.get(reader.name):
                raise
            page = await self._first(reader, plain, until)
            self._honours_elements[reader.name] = False
            return page
        if any(name == "_elements" for name, _ in sent):
            self._honours_elements[reader.name] = True
        return page

    def sent(self, type_: str, parameters: Parameters) -> Parameters:
        """Those of *parameters* that are sent: without `_elements`, if the server refused it before."""
        if self.facts.elements and self._honours_elements.get(type_, True):
            return parameters
        return [pair for pair in parameters if pair[0] != "_elements"]

    async def follow(self, reader: PageReader[R], link: str, deadline: float | None = None) -> Page[R]:
        """The page behind *link*, a URL of this server.

        Raises:
            Expired: it can no longer be had.
        """
        if self.facts.offset is not None:
            # The link is one of ours, and holds the whole search: it is sent as a search is.
            until = self._upstream.deadline() if deadline is None else deadline
            return await self._first(reader, parse_qsl(urlsplit(link).query), until)
        reply = await self._upstream.send("GET", link, deadline=deadline, answers=_TELLING)
        if reply.status == 410:
            raise self._expired()
        return self._page(reader, reply)

    async def instance(self, reader: PageReader[R], id_: str, parameters: Parameters) -> Results[R]:
        """The resource with that id, if there is one, by a read."""
        query = [pair for pair in self.sent(reader.name, parameters) if pair[0] == "_elements"]
        reply = await self._upstream.send("GET", f"{reader.name}/{id_}", query=query, answers=_TELLING)
        return self._one(reader, reply)

    async def batch(
        self, reader: PageReader[R], parameter: str, keys: Sequence[str], rest: Parameters
    ) -> list[Results[R] | SourceError]:
        """What each of *keys* gives, in their order, all asked for in one batch Bundle; ids are read.

        Raises:
            Refused: the server takes no batch, or none of its questions.
            SourceError: the batch was not answered, or not as one.
        """
        until = self._upstream.deadline()
        by_id = parameter == "_id"
        rest = self.sent(reader.name, rest)
        urls = [_read_url(reader.name, key, rest) for key in keys] if by_id else []
        searches = [] if by_id else [[(parameter, key), *rest] for key in keys]
        urls += [f"{reader.name}?{urlencode(search, safe=',')}" for search in searches]
        reply = await self._upstream.send(
            "POST", "", json=batch_of(urls), headers=_FHIR_JSON, deadline=until, answers=_TELLING
        )
        if reply.status >= 400:
            raise self._refusal(reply, as_put=True)
        try:
            replies = replies_in(reply.body, len(keys))
        except Nonconforming as fault:
            raise self.misread(str(fault)) from None
        if by_id:
            return [self._caught(reader, each) for each in replies]
        return await self._all(reader, searches, replies, until)

    async def history(self, path: str, parameters: Parameters) -> list[Version]:
        """The versions of the resources at *path*, a type or `Type/id`, newest first; of many, the newest.

        Raises:
            SourceError: a page could not be had.
        """
        until = self._upstream.deadline()
        type_ = path.partition("/")[0]
        versions: list[Version] = []
        query = [*parameters, ("_count", str(self.facts.page_size))]
        reply = await self._upstream.send("GET", f"{path}/_history", query=query, deadline=until)
        pages = 1
        while True:
            try:
                page = history(type_, reply.body)
            except Nonconforming as fault:
                raise self.misread(str(fault)) from None
            versions += page.versions
            if page.next is None:
                return versions
            if not self._extent.has_room(pages, len(versions)):
                self._upstream.cut()
                return versions
            reply = await self._upstream.send("GET", self._own(page.next), deadline=until)
            pages += 1

    async def capability(self) -> Capability | None:
        """What the server says it can do, asked for once in a while; None: it does not say."""
        async with self._finding_out:
            if time.monotonic() >= self._ask_again_at:
                try:
                    await self.metadata()
                except SourceError:
                    self._ask_again_at = time.monotonic() + _UNKNOWN_FOR_S
            return self._found_out

    async def metadata(self) -> Capability:
        """The server's CapabilityStatement as it is now.

        Raises:
            SourceError: it does not answer, or with something else.
        """
        reply = await self._upstream.send("GET", "metadata")
        try:
            self._found_out = capability(reply.body)
        except Nonconforming as fault:
            raise self.misread(str(fault)) from None
        self._ask_again_at = time.monotonic() + _KNOWN_FOR_S
        return self._found_out

    async def _first(self, reader: PageReader[R], sent: Parameters, until: float) -> Page[R]:
        name = reader.name
        if self.facts.search == "get":
            reply = await self._upstream.send("GET", name, query=sent, deadline=until, answers=_TELLING)
        else:
            reply = await self._upstream.send(
                "POST", f"{name}/_search", form=sent, deadline=until, answers=_TELLING
            )
        return self._understood(reader, self._page(reader, reply), sent, reply)

    async def _rest(self, reader: PageReader[R], page: Page[R], until: float) -> Results[R]:
        rows, unread, complete = page.rows, page.unread, page.complete
        followed: set[str] = set()
        while page.next is not None and self._extent.has_room(len(followed) + 1, len(rows) + len(unread)):
            if page.next in followed:
                raise self.misread("Bundle.link: the pages go round in a circle")
            followed.add(page.next)
            page = await self.follow(reader, page.next, until)
            rows += page.rows
            unread += page.unread
            complete = complete and page.complete
        if followed:
            # A row that moved between pages while they were read comes twice.
            rows = list({row.id: row for row in rows}.values())
        complete = complete and page.next is None
        if not complete:
            self._upstream.cut()
        return Results(rows, unread, complete)

    async def _all(
        self, reader: PageReader[R], searches: Sequence[Parameters], replies: Sequence[Reply], until: float
    ) -> list[Results[R] | SourceError]:
        """What each of the *searches* of a batch gives, with the pages after the first."""

        async def one(search: Parameters, reply: Reply) -> Results[R] | SourceError:
            try:
                page = self._understood(reader, self._page(reader, reply), search, reply)
                return await self._rest(reader, page, until)
            except SourceError as error:
                return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*pair)) for pair in zip(searches, replies, strict=True)]
        return [task.result() for task in tasks]

    def _caught(self, reader: PageReader[R], reply: Reply) -> Results[R] | SourceError:
        try:
            return self._one(reader, reply)
        except SourceError as error:
            return error

    def _one(self, reader: PageReader[R], reply: Reply) -> Results[R]:
        if reply.status in _GONE and self._meaning(reply) is None:
            return Results([], [])
        if reply.status >= 300:
            raise self._refusal(reply)
        try:
            page = reader.read_one(reply.body)
        except Nonconforming as fault:
            raise self.misread(str(fault)) from None
        self._count(page)
        return Results(page.rows, page.unread)

    def _page(self, reader: PageReader[R], reply: Reply) -> Page[R]:
        if reply.status >= 300:
            raise self._refusal(reply)
        try:
            page = reader.read(reply.body)
        except Nonconforming as fault:
            raise self.misread(str(fault)) from None
        self._count(page)
        if page.outcomes:
            page = self._remarked(page)
        return page if page.next is None else page._replace(next=self._own(page.next))

    def _count(self, page: Page[R]) -> None:
        self._upstream.took(len(page.rows))
        for row in page.unread:
            self.misread(row.why, row.identity.record)

    def _remarked(self, page: Page[R]) -> Page[R]:
        """*page* as its own remarks say it is to be taken."""
        said = meanings(page.outcomes, self.facts.codes)
        is_error = any(outcome.is_error for outcome in page.outcomes)
        if (is_error and set(said) != {Meaning.NOTHING}) or Meaning.WITHHELD in said:
            raise self._meant(said) or Refused(self.name, "it reports an error instead of rows")
        if Meaning.LISTS_REFUSED in said or Meaning.EXPIRED in said:
            raise self._meant(said) or self._expired()
        if Meaning.IGNORED in said:
            raise self.misread(f"a parameter of ours was ignored (code {said[Meaning.IGNORED]})")
        is_cut = Meaning.INCOMPLETE in said or Meaning.FORBIDDEN in said
        return page._replace(complete=False) if is_cut else page

    def _refusal(self, reply: Reply, as_put: bool = False) -> SourceError:
        """The error for a *reply* that is none; its OperationOutcome may say more than its status."""
        meant = self._meaning(reply)
        if meant is not None:
            return meant
        error = error_of(self.name, reply)
        return Refused(self.name, error.why) if as_put or reply.status in _AS_PUT else error

    def _meaning(self, reply: Reply) -> SourceError | None:
        return self._meant(meanings([outcome_of(reply.body)], self.facts.codes))

    def _meant(self, said: dict[Meaning, str]) -> SourceError | None:
        refusal = final(self.name, said)
        if refusal is not None:
            return refusal
        if (code := said.get(Meaning.LISTS_REFUSED)) is not None:
            return Refused(self.name, f"{Meaning.LISTS_REFUSED.value} (code {code})", lists=True)
        if Meaning.EXPIRED in said:
            return self._expired()
        return None

    def _expired(self) -> Expired:
        return Expired(self.name, "the search's pages have expired; start again without the bookmark")

    def _understood(self, reader: PageReader[R], page: Page[R], sent: Parameters, reply: Reply) -> Page[R]:
        """*page*, if it is what the search asked for and no more.

        Raises:
            SourceMisread: its self link lacks a filter, or its rows are cut though all of them was asked for.
        """
        why = _unapplied(page.self, sent, self.facts.self_link)
        if why is not None:
            raise self.misread(f"{reader.name}: {why}")
        if page.self is None and page.next is None and _is_full(page, sent):
            page = self._unlinked(reader.name, page, sent)
        if "_elements" not in dict(sent) and _SUBSETTED.search(reply.body) is not None:
            raise self.misread(f"{reader.name}: rows are cut (SUBSETTED), though all of them was asked for")
        return page._replace(complete=False) if _lacks_rows(page, self._before(sent)) else page

    def _unlinked(self, type_: str, page: Page[R], sent: Parameters) -> Page[R]:
        """A full page of a server without links: there may be more, which only an offset leads to."""
        if self.facts.offset is None:
            return page._replace(complete=False)
        before = self._before(sent)
        rest = [pair for pair in sent if pair[0] != self.facts.offset]
        further = [*rest, (self.facts.offset, str(before + len(page.rows) + len(page.unread)))]
        return page._replace(next=f"{self._base_url}/{type_}?{urlencode(further)}")

    def _before(self, sent: Parameters) -> int:
        """How many rows come before those that are asked for."""
        return 0 if self.facts.offset is None else int(dict(sent).get(self.facts.offset, "0"))

    def _own(self, link: str) -> str:
        """*link* as an absolute URL; our credentials go to no other origin."""
        url = urljoin(f"{self._base_url}/", link)
        if not self._upstream.owns(url):
            raise self.misread("Bundle.link: the next page is at another origin")
        return url


def _read_url(type_: str, id_: str, rest: Parameters) -> str:
    query = urlencode([pair for pair in rest if pair[0] == "_elements"], safe=",")
    return f"{type_}/{id_}?{query}" if query else f"{type_}/{id_}"


def _lacks_rows(page: Page[R], before: int) -> bool:
    """Whether the server found more than it gives, and does not say where the rest is."""
    given = before + len(page.rows) + len(page.unread)
    return page.next is None and page.total is not None and page.total > given


def _is_full(page: Page[R], sent: Parameters) -> bool:
    """Whether it has as many rows as a page was to hold, which is the only sign of another page."""
    asked, count = dict(sent), len(page.rows) + len(page.unread)
    has_all_ids = "_id" in asked and count >= len(asked["_id"].split(","))
    return "_count" in asked and not has_all_ids and count >= int(asked["_count"])


def _unapplied(link: str | None, sent: Parameters, must_say: bool | None) -> str | None:
    """Why a filter of *sent* was not used, going by the self *link*; None if it was, as far as that tells.

    Many servers give a search by POST a link without parameters: it says nothing, which will not do where it
    *must_say*.
    """
    asked = Counter(name.partition(":")[0] for name, _ in sent if name not in _NO_FILTERS)
    if not asked or must_say is False:
        return None
    query = urlsplit(link).query if link is not None else ""
    if not query:
        return _SAYS_NOTHING if must_say else None
    pairs = (pair.partition("=")[0] for pair in query.split("&"))
    used = Counter(name.partition(":")[0].partition("%3A")[0] for name in pairs)
    missing = sorted((asked - used).keys())
    return f"the filter `{missing[0]}` was not used" if missing else None
