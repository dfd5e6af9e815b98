"""The EHR port over the rig's FHIR server: `FhirRecords`, over a transport that knows what is served."""

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

from benchmarks.peer.crosswalk import Crosswalk
from sources.calling import Reply, Request, Transport, Upstream
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.errors import SourceError
from sources.model import Patient, Resource
from sources.ports import Found, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)

_BY_ID = "?_id="
_ONE = re.compile(r"[A-Za-z0-9\-.]+")
_NOTHING = b'{"resourceType":"Bundle","type":"searchset"}'
_BEFORE, _AFTER = b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":', b"}]}"


class RigRecords(FhirRecords):
    """`FhirRecords`, which notes under what keys it will be asked for the patients it reads."""

    def __init__(self, settings: FhirSettings, upstream: Upstream, crosswalk: Crosswalk) -> None:
        super().__init__(settings, upstream)
        self._crosswalk = crosswalk

    async def read(self, kind: type[R], ids: Sequence[str], wanted: Wanted) -> Found[str, R]:
        found = await super().read(kind, ids, wanted)
        if kind is Patient:
            self._crosswalk.note(cast("Iterable[Patient | SourceError]", found.values()))
        return found

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        page = await super().search_patients(query, count, bookmark, wanted)
        self._crosswalk.note(page.rows)
        return page


class ById:
    """A transport that reads one resource by its own address where a search for its id was meant.

    The rig's server answers every search for patients with all of them, which the adapter rightly refuses.
    What comes is put into the searchset that was asked for; the adapter reads it as it reads every other.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    async def send(self, request: Request, timeout_s: float) -> Reply:
        address, is_by_id, rest = request.url.partition(_BY_ID)
        ids = rest.partition("&")[0]
        if not is_by_id or not _ONE.fullmatch(ids):
            return await self._inner.send(request, timeout_s)
        reply = await self._inner.send(request._replace(url=f"{address}/{ids}"), timeout_s)
        if reply.status == 404:
            return reply._replace(status=200, body=_NOTHING)
        return reply._replace(body=_BEFORE + reply.body + _AFTER) if reply.status == 200 else reply

    async def close(self) -> None:
        await self._inner.close()
