"""Owns the PMS ports over a practice's database: many keys in, one SELECT a chunk, strictly read rows out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec

from sources.calling import (
    Identified,
    Nonconforming,
    RowReader,
    Unasked,
    Unread,
    Upstream,
    in_chunks,
    many_each,
    one_each,
)
from sources.calling.rows import Rows
from sources.errors import SourceError, SourceMisread, SourceRejected
from sources.looks import Bookmark
from sources.model import (
    Appointment,
    Balance,
    Change,
    ChangeKind,
    ChangeType,
    Coverage,
    Location,
    Mrn,
    PatientId,
)
from sources.pms.database import checking, normalise
from sources.pms.database.mapping import APPOINTMENTS, BALANCES, COVERAGES, LOCATIONS
from sources.pms.database.questions import Condition, Question
from sources.pms.database.settings import DatabaseSettings
from sources.pms.database.wire import (
    AppointmentRow,
    BalanceRow,
    CoverageRow,
    Envelope,
    LocationRow,
    RightsRow,
    Whose,
)
from sources.ports import AppointmentQuery, Checked, Found, Health, Listed, Noticed, Page, Wanted

K = TypeVar("K", bound=str)
V = TypeVar("V")
R = TypeVar("R", bound=Identified)
W = TypeVar("W")

_BEHIND = {
    "end": ("end", "minutes"),
    "minutes_duration": ("minutes", "end"),
    "service_type": ("service_code", "service_name"),
    "reason_code": ("reason",),
    "booked": ("npi", "practitioner_name"),
    "npis": ("npi",),
    "location_id": ("location",),
    "location_name": ("location_name",),
    "is_telehealth": ("is_telehealth",),
    "video_url": ("video_url",),
    "visit_number": ("visit",),
    "last_updated": ("updated",),
    "version": ("version",),
}
"""The fields behind each attribute of an appointment; those in _ALWAYS are asked for in any case."""

_ALWAYS = ("id", "mrn", "status", "start")
_EVERY = tuple(dict.fromkeys(field for fields in _BEHIND.values() for field in fields))
_CHANGES_PER_CALL = 1_000
_RIGHTS = msgspec.json.Decoder(Envelope[RightsRow])
_PLACE = msgspec.json.Decoder(tuple[str, str | int])

_READERS: dict[str, RowReader[Any, Whose]] = {
    kind: RowReader(Envelope, "rows", row, Whose, kind, kind)
    for kind, row in (
        (APPOINTMENTS, AppointmentRow),
        (LOCATIONS, LocationRow),
        (COVERAGES, CoverageRow),
        (BALANCES, BalanceRow),
    )
}


class DatabasePractice:
    """A practice's database as `sources.ports.Appointments`, `Billing` and `Changes`.

    Of records for which there is no table, every question is refused.
    """

    def __init__(self, settings: DatabaseSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "pms"
        self._settings = settings
        self._upstream = upstream
        self._clock = normalise.Clock(settings.time_zone, settings.times)

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        return await checking.tried(list(self._settings.tables.values()), self._faults, self._may_write)

    async def _faults(self, kind: str, most: int) -> Sequence[str | None]:
        """Up to *most* rows of a table, in all mapped columns: what is wrong with each, if anything."""
        read = await self._read(Question(kind, tuple(self._table(kind)), limit=most, deleted=True))
        return [*(bad.why for bad in read.unread), *(self._fault(kind, row) for row in read.rows)]

    def _fault(self, kind: str, row: Any) -> str | None:
        ours: Mapping[str, Callable[[Any], object]] = {
            APPOINTMENTS: self._appointment,
            LOCATIONS: normalise.location,
            COVERAGES: normalise.coverage,
            BALANCES: self._balance,
        }
        try:
            ours[kind](row)
        except Nonconforming as fault:
            return str(fault)
        return None

    async def _may_write(self, kind: str) -> bool:
        reply = await self._upstream.send("SELECT", kind, json=Question(kind, (), rights=True))
        return _RIGHTS.decode(reply.body).rows[0].may_write

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]:
        return await self._one_each(
            APPOINTMENTS, "id", ids, _fields(wanted), self._appointment, lambda row: row.id, lambda it: it.id
        )

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]:
        if not self._settings.tables[APPOINTMENTS].has("visit"):
            raise SourceRejected(self.name, "no column holds visit numbers; map one to `visit`")
        fields = (*_fields(wanted), "visit")
        return await self._one_each(
            APPOINTMENTS,
            "visit",
            visit_numbers,
            fields,
            self._appointment,
            lambda row: row.visit_number or "",
            lambda it: it.visit,
        )

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]:
        narrowed = self._narrowed(query)
        if narrowed is None:
            return {}
        return await self._many_each(
            APPOINTMENTS, mrns, _fields_of(query, wanted), self._appointment, narrowed, query.matches
        )

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        """By start, then by id. What has no start has no place in a book, and is not found here."""
        narrowed = self._narrowed(query)
        if narrowed is None:
            return Page()
        if query.mrns:
            narrowed = (*narrowed, Condition("mrn", "in", query.mrns))
        if not any(condition.field == "start" for condition in narrowed):
            narrowed = (
                *narrowed,
                Condition("start", "from", (self._clock.not_after("0002-01-01T00:00:00Z"),)),
            )
        question = Question(
            APPOINTMENTS,
            _fields_of(query, wanted),
            narrowed,
            ("start", "id"),
            self._place(bookmark) if bookmark is not None else (),
            count + 1,
        )
        raw = await self._read(question)
        missing = [self._misread(bad) for bad in raw.unread]
        rows: list[tuple[AppointmentRow, Appointment]] = []
        for row in raw.rows:
            try:
                rows.append((row, self._readable(row)))
            except SourceMisread as error:
                missing.append(error)
        has_more = len(rows) + len(missing) > count
        if missing and not rows and (has_more or bookmark is None):
            raise missing[0]  # nothing to show, or no place to go on from
        shown = rows[:count]
        following = None
        if has_more:
            # What cannot be read has no place: if it is behind the last that can, it is met again there.
            last = shown[-1][0]
            following = msgspec.json.encode([last.start, last.id]).decode()
        return Page(tuple(row for _, row in shown if query.matches(row)), following, tuple(missing))

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        fields = tuple(self._table(LOCATIONS))
        return await self._one_each(
            LOCATIONS, "id", ids, fields, normalise.location, lambda row: row.id, lambda it: it.id
        )

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        return await self._many_each(COVERAGES, mrns, tuple(self._table(COVERAGES)), normalise.coverage)

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        fields = tuple(self._table(BALANCES))
        return await self._one_each(
            BALANCES, "mrn", mrns, fields, self._balance, lambda row: row.patient_mrn, lambda it: it.mrn
        )

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        if not self._settings.tables[APPOINTMENTS].has("updated"):
            raise SourceRejected(self.name, "no column tells what changed when; map one to `updated`")
        now = datetime.now(UTC)
        if bookmark is None:
            return (), str(Bookmark.at(now))
        here = Bookmark.parsed(bookmark, self.name)
        since = here.since(timedelta(seconds=self._settings.overlap_s))
        noticed = await self._changed(self._clock.since(since, now), now.isoformat(timespec="milliseconds"))
        return noticed, str(here.after(each.change.occurred for each in noticed))

    async def _changed(self, since: str, received: str) -> list[Noticed]:
        """Every appointment updated from then on, those deleted by now among them, page by page."""
        fields = (*_ALWAYS, "updated", "version", "is_deleted", "deleted_at")
        where = (Condition("updated", "from", (since,)),)
        after: tuple[str | int, ...] = ()
        noticed: list[Noticed] = []
        while True:
            page = await self._read(
                Question(
                    APPOINTMENTS, fields, where, ("updated", "id"), after, _CHANGES_PER_CALL, deleted=True
                )
            )
            noticed += [
                Noticed(self._change(row, self._readable(row), received), Mrn(str(row.mrn)))
                for row in page.rows
            ]
            if len(page.rows) < _CHANGES_PER_CALL:
                return noticed
            after = (page.rows[-1].updated, page.rows[-1].id)

    def _change(self, row: AppointmentRow, appointment: Appointment, received: str) -> Change:
        is_gone = bool(row.is_deleted) or row.deleted_at is not None
        return Change(
            kind=ChangeKind.DELETED if is_gone else ChangeKind.UPDATED,
            type=ChangeType.APPOINTMENT,
            source=self.name,
            id=appointment.id,
            patient_id=PatientId(""),
            version=appointment.version or appointment.last_updated or "",
            occurred=appointment.last_updated or received,
            received=received,
        )

    def _appointment(self, row: AppointmentRow) -> Appointment:
        return normalise.appointment(row, self._clock, self._settings.statuses)

    def _balance(self, row: BalanceRow) -> Balance:
        return normalise.balance(row, self._clock)

    def _readable(self, row: AppointmentRow) -> Appointment:
        try:
            return self._appointment(row)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault), str(row.id)) from None

    def _narrowed(self, query: AppointmentQuery) -> tuple[Condition, ...] | None:
        """The query's conditions but for its patients; None where nothing can meet them."""
        conditions: list[Condition] = []
        if query.statuses:
            theirs = tuple(code for code, ours in self._settings.statuses.items() if ours in query.statuses)
            if not theirs:
                return None
            conditions.append(Condition("status", "in", theirs))
        if query.npis:
            if not self._settings.tables[APPOINTMENTS].has("npi"):
                raise SourceRejected(self.name, "no column holds NPIs; map one to `npi`")
            conditions.append(Condition("npi", "in", query.npis))
        if query.start is not None:
            conditions.append(Condition("start", "from", (self._clock.not_after(query.start),)))
        if query.end is not None:
            conditions.append(Condition("start", "before", (self._clock.not_before(query.end),)))
        return tuple(conditions)

    async def _one_each(
        self,
        kind: str,
        field: str,
        keys: Sequence[K],
        fields: tuple[str, ...],
        ours: Callable[[Any], V],
        key: Callable[[V], str],
        bad_key: Callable[[Whose], str | int | None],
    ) -> Found[K, V]:
        async def ask(chunk: Sequence[K]) -> Found[K, V]:
            question = Question(kind, fields, (Condition(field, "in", tuple(chunk)),))
            rows, unread = await self._ours(question, ours)
            asked = {str(one): one for one in chunk}
            pairs = ((asked.get(key(row)), row) for row in rows)
            bad = ((asked.get(str(bad_key(one.identity))), one.why) for one in unread)
            try:
                return one_each(self.name, pairs, bad, frozenset(chunk), self._dropped(kind))
            except Unasked:
                raise self._upstream.misread(f"{kind}: most rows are not what was asked for") from None

        return await in_chunks([one for one in keys if one], self._settings.keys_per_call, ask)

    async def _many_each(
        self,
        kind: str,
        mrns: Sequence[Mrn],
        fields: tuple[str, ...],
        ours: Callable[[Any], R],
        where: tuple[Condition, ...] = (),
        is_asked: Callable[[Any], bool] = lambda row: True,
    ) -> Found[Mrn, Listed[R]]:
        most = self._settings.rows_per_call
        order = ("start", "id") if kind == APPOINTMENTS else ("id",)

        async def ask(chunk: Sequence[Mrn]) -> Found[Mrn, Listed[R]]:
            conditions = (*where, Condition("mrn", "in", tuple(chunk)))
            rows, unread = await self._ours(Question(kind, fields, conditions, order, limit=most), ours)
            pairs = ((getattr(row, "patient_mrn", None), row) for row in rows if is_asked(row))
            bad = ((Mrn(str(one.identity.mrn)), one.why) for one in unread)
            try:
                found = many_each(self.name, pairs, bad, frozenset(chunk), self._dropped(kind))
            except Unasked:
                raise self._upstream.misread(f"{kind}: most rows are not what was asked for") from None
            is_whole = len(rows) + len(unread) < most
            lists: dict[Mrn, Listed[R] | SourceError] = {
                mrn: mine if isinstance(mine, SourceError) else Listed(tuple(mine), is_whole)
                for mrn, mine in found.items()
            }
            return lists if is_whole else dict.fromkeys(chunk, Listed[R](complete=False)) | lists

        return await in_chunks([mrn for mrn in mrns if mrn], self._settings.keys_per_call, ask)

    async def _ours(
        self, question: Question, ours: Callable[[Any], V]
    ) -> tuple[list[V], list[Unread[Whose]]]:
        """The rows in our words, and those that could not be read."""
        read = await self._read(question)
        rows: list[V] = []
        unread = list(read.unread)
        for row in read.rows:
            try:
                rows.append(ours(row))
            except Nonconforming as fault:
                unread.append(Unread(str(fault), _whose(row)))
        for bad in unread:
            self._misread(bad)
        return rows, unread

    def _misread(self, bad: Unread[Whose]) -> SourceMisread:
        return self._upstream.misread(bad.why, str(bad.identity.id) or None)

    async def _read(self, question: Question) -> Rows[Any, Whose]:
        reply = await self._upstream.send("SELECT", question.of, json=question)
        try:
            return _READERS[question.of].read(reply.body)
        except Nonconforming as fault:
            raise self._upstream.misread(str(fault)) from None

    def _table(self, kind: str) -> Mapping[str, str]:
        table = self._settings.tables.get(kind)
        if table is None:
            raise SourceRejected(self.name, f"no table holds {kind}; map one, or leave those fields out")
        return table.columns

    def _dropped(self, kind: str) -> Callable[[int], None]:
        return partial(self._upstream.foreign, kind)

    def _place(self, bookmark: str) -> tuple[str | int, ...]:
        try:
            start, id_ = _PLACE.decode(bookmark)
            datetime.fromisoformat(start)
        except ValueError:
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self.name, why) from None
        return start, id_


def _fields(wanted: Wanted) -> tuple[str, ...]:
    """The fields behind the attributes wanted; without any, all."""
    if not wanted:
        return (*_ALWAYS, *_EVERY)
    return (*_ALWAYS, *(field for name in sorted(wanted) for field in _BEHIND.get(name, ())))


def _fields_of(query: AppointmentQuery, wanted: Wanted) -> tuple[str, ...]:
    """The same, with what it takes to tell whether a row is one of those asked for: wall times are only an
    approximation of instants, and databases compare texts in ways of their own."""
    return (*_fields(wanted), "npi") if query.npis else _fields(wanted)


def _whose(row: Any) -> Whose:
    return Whose(getattr(row, "id", ""), row.mrn if hasattr(row, "mrn") else "", getattr(row, "visit", None))
