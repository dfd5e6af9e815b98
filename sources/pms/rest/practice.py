"""Owns the PMS ports over a REST API: appointments, billing and changes, many keys in, one search a chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

from sources.calling import Identified, Unasked, Unread, Upstream, in_chunks, many_each, one_each, only_asked
from sources.errors import SourceError, SourceMisread
from sources.looks import Bookmark
from sources.model import Appointment, Balance, Coverage, Location, Mrn
from sources.pms.clock import PracticeClock
from sources.pms.rest.changes import noticed
from sources.pms.rest.client import PmsClient, Results
from sources.pms.rest.normalise import is_between, statuses_of
from sources.pms.rest.settings import PmsSettings
from sources.pms.rest.wire import AppointmentIdentity, OfPatientIdentity
from sources.ports import AppointmentQuery, Checked, Found, Health, Listed, Noticed, Page, Wanted

K = TypeVar("K")
I = TypeVar("I")  # noqa: E741 (an identity)
V = TypeVar("V")
R = TypeVar("R", bound=Identified)

_OF_PATIENT = attrgetter("patient_mrn")
_UNASKED = "most rows are not what was asked for"
_APPOINTMENT = "appointment"
_PAGES = "appointments: more pages than are read"


class RestPms:
    """A practice's REST API as `sources.ports.Appointments`, `Billing` and `Changes`.

    It cannot be asked for some fields only, so that `wanted` changes nothing.
    """

    def __init__(self, settings: PmsSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "pms"
        self._settings = settings
        self._upstream = upstream
        self._clock = PracticeClock(settings.time_zone)
        self._client = PmsClient(settings, upstream, self._clock)

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        practice = await self._client.practice()
        if practice.time_zone != self._settings.time_zone:
            return Checked(False, ("the practice has another time zone; set `time_zone` to the practice's",))
        return Checked(True, (f"a practice in the time zone {self._settings.time_zone}",))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]:
        async def ask(chunk: Sequence[str]) -> Found[str, Appointment]:
            results = await self._client.search({"ids": [int(id_) for id_ in chunk]})
            return self._one_each(
                _APPOINTMENT, results, chunk, lambda row: row.id, lambda identity: str(identity.id)
            )

        return await in_chunks(_numbers(ids), self._settings.keys_per_call, ask)

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]:
        async def ask(chunk: Sequence[Mrn]) -> Found[Mrn, Listed[Appointment]]:
            results = await self._client.search({**body, "patient_mrns": list(chunk)})
            rows = self._within(results.rows, query)
            lists = self._many_each(_APPOINTMENT, results._replace(rows=rows), chunk, _OF_PATIENT, _mrn)
            if results.next is None:
                return lists
            # Whose rows are on the pages that were not read is not known.
            rest = dict.fromkeys(chunk, Listed[Appointment](complete=False))
            return rest | {mrn: _cut(mine) for mrn, mine in lists.items()}

        if not _can_match(query):
            return {}
        body = self._body(query)
        return await in_chunks([mrn for mrn in mrns if mrn], self._settings.keys_per_call, ask)

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]:
        async def ask(chunk: Sequence[str]) -> Found[str, Appointment]:
            results = await self._client.search({"visit_numbers": list(chunk)})
            return self._one_each(
                _APPOINTMENT,
                results,
                chunk,
                lambda row: row.visit_number,
                lambda identity: identity.visit_number,
            )

        return await in_chunks([n for n in visit_numbers if n], self._settings.keys_per_call, ask)

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        if not _can_match(query):
            return Page()
        body = self._body(query)
        if query.mrns:
            body["patient_mrns"] = list(query.mrns)
        if bookmark is not None:
            body["cursor"] = bookmark
        results = await self._client.page({**body, "limit": min(count, self._settings.page_size)})
        missing = tuple(SourceMisread(self.name, row.why) for row in results.unread)
        if missing and not results.rows and bookmark is None and results.next is None:
            raise missing[0]
        rows = self._within(results.rows, query, query.mrns)
        return Page(tuple(rows), results.next, missing)

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        async def ask(chunk: Sequence[str]) -> Found[str, Location]:
            results = await self._client.locations([int(id_) for id_ in chunk])
            return self._one_each(
                "location", results, chunk, lambda row: row.id, lambda identity: str(identity.id)
            )

        return await in_chunks(_numbers(ids), self._settings.keys_per_call, ask)

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        async def ask(chunk: Sequence[Mrn]) -> Found[Mrn, Listed[Coverage]]:
            results = await self._client.coverages(chunk)
            return self._many_each("coverage", results, chunk, _OF_PATIENT, _patient_mrn)

        return await in_chunks([mrn for mrn in mrns if mrn], self._settings.keys_per_call, ask)

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        async def ask(chunk: Sequence[Mrn]) -> Found[Mrn, Balance]:
            results = await self._client.balances(chunk)
            return self._one_each("balance", results, chunk, _OF_PATIENT, _patient_mrn)

        return await in_chunks([mrn for mrn in mrns if mrn], self._settings.keys_per_call, ask)

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        now = datetime.now(UTC)
        if bookmark is None:
            return (), str(Bookmark.at(now))
        here = Bookmark.parsed(bookmark, self.name)
        from_ = here.since(timedelta(seconds=self._settings.overlap_s))
        since = self._clock.since(from_.isoformat(), now)
        results = await self._client.search({"updated_since": since, "order": "updated_at"})
        updates = [row.last_updated for row in results.rows if row.last_updated is not None]
        return noticed(self.name, results.rows, here, self._clock, now), str(here.after(updates))

    def _body(self, query: AppointmentQuery) -> dict[str, Any]:
        """What to ask for *query*, without its patients."""
        body: dict[str, Any] = {"order": "starts_at"}
        if query.statuses:
            body["statuses"] = statuses_of(query.statuses)
        if query.npis:
            body["practitioner_npis"] = list(query.npis)
        if query.start is not None:
            body["from"] = self._clock.not_after(query.start)
        if query.end is not None:
            body["to"] = self._clock.not_before(query.end)
        return body

    def _within(
        self, rows: list[Appointment], query: AppointmentQuery, mrns: Sequence[Mrn] = ()
    ) -> list[Appointment]:
        """The *rows* that were asked for, of *mrns* if any are given, between the query's instants, of which
        wall times are only an approximation.
        """

        def is_asked(row: Appointment) -> bool:
            return (
                (not query.statuses or row.status in query.statuses)
                and (not query.npis or bool(set(row.npis) & set(query.npis)))
                and (not mrns or row.patient_mrn in mrns)
            )

        if query.statuses or query.npis or mrns:
            try:
                rows = only_asked(rows, is_asked, partial(self._upstream.foreign, _APPOINTMENT))
            except Unasked:
                raise self._upstream.misread(f"{_APPOINTMENT}: {_UNASKED}") from None
        if query.start is None and query.end is None:
            return rows
        return [row for row in rows if is_between(row, query.start, query.end)]

    def _one_each(
        self,
        kind: str,
        results: Results[V, I],
        asked: Sequence[K],
        key: Callable[[V], K | None],
        bad_key: Callable[[I], K | None],
    ) -> dict[K, V | SourceError]:
        try:
            rows = ((key(row), row) for row in results.rows)
            bad = _bad(results.unread, bad_key)
            found = one_each(self.name, rows, bad, frozenset(asked), partial(self._upstream.foreign, kind))
        except Unasked:
            raise self._upstream.misread(f"{kind}: {_UNASKED}") from None
        if results.next is None:
            return found
        rest: dict[K, V | SourceError] = dict.fromkeys(asked, self._upstream.misread(_PAGES))
        return rest | found

    def _many_each(
        self,
        kind: str,
        results: Results[R, I],
        asked: Sequence[Mrn],
        key: Callable[[R], Mrn],
        bad_key: Callable[[I], Mrn | None],
    ) -> dict[Mrn, Listed[R] | SourceError]:
        try:
            rows = zip(map(key, results.rows), results.rows, strict=True)
            bad = _bad(results.unread, bad_key)
            found = many_each(self.name, rows, bad, frozenset(asked), partial(self._upstream.foreign, kind))
        except Unasked:
            raise self._upstream.misread(f"{kind}: {_UNASKED}") from None
        return {
            mrn: mine if isinstance(mine, SourceError) else Listed(tuple(mine)) for mrn, mine in found.items()
        }


def _can_match(query: AppointmentQuery) -> bool:
    """Whether the PMS knows any of the statuses; an empty list of them would not narrow."""
    return not query.statuses or bool(statuses_of(query.statuses))


def _numbers(ids: Iterable[str]) -> list[str]:
    """Those of *ids* that can be ids of the PMS, which are numbers; no record has any other."""
    return [id_ for id_ in ids if id_.isascii() and id_.isdigit() and len(id_) < 19 and str(int(id_)) == id_]


def _bad(unread: Iterable[Unread[I]], key: Callable[[I], K | None]) -> Iterable[tuple[K | None, str]]:
    return ((key(bad.identity), bad.why) for bad in unread)


def _mrn(identity: AppointmentIdentity) -> Mrn | None:
    return Mrn(identity.patient.mrn) if identity.patient.mrn else None


def _patient_mrn(identity: OfPatientIdentity) -> Mrn:
    return Mrn(identity.patient_mrn)


def _cut(mine: Listed[V] | SourceError) -> Listed[V] | SourceError:
    return mine if isinstance(mine, SourceError) else Listed(mine.rows, complete=False)
