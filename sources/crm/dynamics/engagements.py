"""Owns the CRM port over Dataverse: a filter by opaque keys, or a batch of one request a key.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/overview
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from sources.calling import Nonconforming, Reply, Upstream, in_chunks
from sources.calling.failures import error_of
from sources.crm.dynamics.asking import VERSIONS, by_key, one_by_key, preferences
from sources.crm.dynamics.multipart import BOUNDARY, Part, parts, written
from sources.crm.dynamics.settings import DynamicsSettings
from sources.crm.dynamics.wire import PAGE, RECORD, REFUSAL, Page, plain
from sources.crm.records import Record, Records
from sources.errors import SourceError, SourceRejected
from sources.model import CareKey, Engagement
from sources.ports import Checked, Found, Health, Wanted

_NO_RECORD = "0x80060891"
"""There is no record with that alternate key. Other 404s say that the key or the table is unknown."""

_PAGES = 20
_EVERYTHING = frozenset(Engagement.__struct_fields__)


class DynamicsEngagements:
    """The records of a Dataverse organisation as `sources.ports.Engagements`.

    An organisation that refuses the filter is asked by batches from then on.
    """

    def __init__(self, settings: DynamicsSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "crm"
        self._settings = settings
        self._upstream = upstream
        self._records = Records(settings.layout, partial(plain, id_column=settings.id_column), upstream)
        self._by_batch = settings.lookup == "batch"
        self._path = f"{settings.path}/{settings.table}"

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        """Ask for a record that cannot be there, with every column: one that may not be read is refused."""
        names = self._settings.columns.behind(_EVERYTHING)
        for answer in (await self._found([CareKey("0" * 40)], names)).values():
            if isinstance(answer, SourceError):
                raise answer
        how = "a batch of alternate keys" if self._by_batch else "a filter"
        return Checked(
            True, (f"{len(names)} columns of `{self._settings.table}` can be read", f"asks by {how}")
        )

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        names = self._settings.columns.behind(wanted)
        return await in_chunks(keys, self._settings.keys_per_call, lambda chunk: self._found(chunk, names))

    async def _found(self, keys: Sequence[CareKey], names: Sequence[str]) -> Found[CareKey, Engagement]:
        if self._by_batch:
            return await self._batched(keys, names)
        try:
            return self._records.found(await self._filtered(keys, names), keys, names)
        except SourceRejected:
            found = await self._batched(keys, names)
            if any(isinstance(each, SourceRejected) for each in found.values()):
                raise  # it is not the filter that is refused
            self._by_batch = True
            return found

    async def _filtered(self, keys: Sequence[str], names: Sequence[str]) -> list[Record]:
        """The records that bear *keys*, from as many pages as there are."""
        settings = self._settings
        headers = VERSIONS | preferences(names, f"odata.maxpagesize={settings.rows_per_page}")
        send = partial(self._upstream.send, "GET", headers=headers, deadline=self._upstream.deadline())
        page = self._page(await send(self._path, query=by_key(settings.key_column, names, keys)))
        records: list[Record] = [*page.value]
        pages = 1
        while page.next_link is not None:
            if pages == _PAGES:
                raise self._upstream.misread("page: pages without end")
            page = self._page(await send(self._next(page.next_link)))
            records += page.value
            pages += 1
        return records

    def _page(self, reply: Reply) -> Page:
        try:
            return PAGE.read(reply.body, self._upstream.allowed.fields)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None

    def _next(self, link: str) -> str:
        """The address of the next page, which is of the same table of the same organisation."""
        path = urlsplit(link).path if self._upstream.owns(link) else ""
        if not path.endswith(f"/{self._path}"):
            raise self._upstream.misread("page.@odata.nextLink: another address than the table's")
        return link

    async def _batched(
        self, keys: Sequence[CareKey], names: Sequence[str]
    ) -> dict[CareKey, Engagement | SourceError]:
        settings = self._settings
        targets = [one_by_key(self._path, settings.key_column, names, key) for key in keys]
        inner = {"Accept": "application/json"} | VERSIONS | preferences(names)
        headers = VERSIONS | {
            "Content-Type": f'multipart/mixed; boundary="{BOUNDARY}"',
            "Prefer": "odata.continue-on-error",
        }
        reply = await self._upstream.send(
            "POST", f"{settings.path}/$batch", body=written(targets, inner), headers=headers
        )
        try:
            answers = parts(reply.headers.get("content-type") or "", bytes(reply.body), len(keys))
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None
        records, failed = self._sorted(keys, answers)
        return self._records.found(records, keys, names) | failed

    def _sorted(
        self, keys: Sequence[CareKey], answers: Sequence[Part]
    ) -> tuple[list[Record], dict[CareKey, SourceError]]:
        """The records that came, and the keys whose request failed; those of no record are in neither."""
        records: list[Record] = []
        failed: dict[CareKey, SourceError] = {}
        for key, answer in zip(keys, answers, strict=True):
            try:
                if answer.status == 200:
                    records.append(self._of(key, RECORD.read(answer.body)))
                elif answer.status != 404 or REFUSAL.read(answer.body).error.code != _NO_RECORD:
                    failed[key] = error_of(self.name, Reply(answer.status, {}, b""))
            except Nonconforming as fault:
                failed[key] = self._upstream.misread(str(fault))
        return records, failed

    def _of(self, key: CareKey, record: Record) -> Record:
        """*record*, which a read of *key* gave. A stranger's says nothing of whether the key has one."""
        if record.get(self._settings.key_column) != key:
            self._upstream.foreign(self._settings.table, 1)
            raise Nonconforming(f"{self._settings.table}: another record than was asked for")
        return record
