"""The EHR port over the rig's FHIR server: `FhirRecords`, over calls that know what is served."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

from benchmarks.peer.crosswalk import Crosswalk
from sources.calling import Reply, Upstream
from sources.ehr.fhir import FhirRecords, FhirSettings
from sources.errors import SourceError
from sources.model import Patient, Resource
from sources.ports import Found, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)

_ONE = re.compile(r"[A-Za-z0-9\-.]+")
_NOTHING = b'{"resourceType":"Bundle","type":"searchset"}'
_BEFORE, _AFTER = b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":', b"}]}"


class RigRecords(FhirRecords):
    """`FhirRecords`, which notes under what keys it will be asked for the patients it reads."""

    def __init__(self, settings: FhirSettings, upstream: Upstream, crosswalk: Crosswalk) -> None:
        # The rig keeps no Consent: nothing is there to be heard.
        super().__init__(settings, upstream, keeps_consents=False)
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


class ById(Upstream):
    """Reads one resource by its own address where a search for its id was meant.

    The rig's server answers every search for patients with all of them, which the adapter rightly refuses.
    What comes is put into the searchset that was asked for; the adapter reads it as it reads every other.
    """

    async def send(
        self, method: str, path: str, *, query: Sequence[tuple[str, str]] | None = None, **rest: Any
    ) -> Reply:
        name, ids = query[0] if query else ("", "")
        if name != "_id" or not _ONE.fullmatch(ids):
            return await super().send(method, path, query=query, **rest)
        reply = await super().send(method, f"{path}/{ids}", **rest)
        if reply.status == 404:
            return Reply(200, {}, _NOTHING)
        return reply._replace(body=_BEFORE + reply.body + _AFTER)
