"""Owns the CRM port over Salesforce: one query a batch of opaque keys, for the wanted fields alone.

Records by id could be read 2,000 at once (`composite/sobjects`), but the house knows no Salesforce ids: the
ids would cost a query of their own, which can as well give the fields.
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sources.calling import Nonconforming, Upstream, in_chunks
from sources.crm.records import Record, Records
from sources.crm.salesforce.settings import SalesforceSettings
from sources.crm.salesforce.soql import by_key
from sources.crm.salesforce.wire import QUERY_PAGE, QueryPage, plain
from sources.model import CareKey, Engagement
from sources.ports import Checked, Found, Health, Wanted

_BATCH = {"Sforce-Query-Options": "batchSize=2000"}
_NEXT = re.compile(r"/services/data/v[0-9]{2,3}\.0/query/[A-Za-z0-9]{1,40}(?:-[0-9]{1,9})?")
_PAGES = 20
"""No query of ours has as many pages: the keys asked at once fit on one, unless the org makes pages small."""

_EVERYTHING = frozenset(Engagement.__struct_fields__)


class SalesforceEngagements:
    """The records of a Salesforce org as `sources.ports.Engagements`."""

    def __init__(self, settings: SalesforceSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "crm"
        self._settings = settings
        self._upstream = upstream
        self._records = Records(settings.layout, plain, upstream)

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        """Ask for a record that cannot be there, with every field: one that may not be read is refused."""
        settings = self._settings
        names = settings.fields.behind(_EVERYTHING)
        await self._asked(["0" * 40], names)
        return Checked(True, (f"{len(names)} fields of `{settings.object}` can be read",))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        names = self._settings.fields.behind(wanted)

        async def ask(chunk: Sequence[CareKey]) -> Found[CareKey, Engagement]:
            return self._records.found(await self._asked(chunk, names), chunk, names)

        return await in_chunks(keys, self._settings.keys_per_call, ask)

    async def _asked(self, keys: Sequence[str], names: Sequence[str]) -> list[Record]:
        """The records that bear *keys*, from as many pages as there are."""
        settings = self._settings
        soql = by_key(settings.object, settings.key_field, names, keys)
        deadline = self._upstream.deadline()
        page = await self._page(f"{settings.path}/query", [("q", soql)], deadline)
        records: list[Record] = [*page.records]
        pages = 1
        while not page.done:
            if pages == _PAGES:
                raise self._upstream.misread("query: pages without end")
            page = await self._page(self._next(page), None, deadline)
            records += page.records
            pages += 1
        if len(records) != page.total_size:
            raise self._upstream.misread("query.totalSize: not the number of its records")
        return records

    async def _page(self, path: str, query: list[tuple[str, str]] | None, deadline: float) -> QueryPage:
        reply = await self._upstream.send("GET", path, query=query, headers=_BATCH, deadline=deadline)
        try:
            return QUERY_PAGE.read(reply.body, self._upstream.allowed.fields)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None

    def _next(self, page: QueryPage) -> str:
        """The path of the next page: under the org's own URL, whatever the answer says."""
        if page.next_records_url is None or _NEXT.fullmatch(page.next_records_url) is None:
            raise self._upstream.misread("query.nextRecordsUrl: no path of a query")
        return page.next_records_url.removeprefix("/")
