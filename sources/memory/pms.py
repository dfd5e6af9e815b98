"""Owns the PMS ports over records in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sources.errors import BookmarkLost, SourceRejected
from sources.memory.standing import AlwaysUp
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
from sources.ports import AppointmentQuery, Found, Listed, Noticed, Page, Wanted


class MemoryPractice(AlwaysUp):
    """A practice's records, as `sources.ports.Appointments`, `Billing` and `Changes`."""

    def __init__(
        self,
        appointments: Iterable[Appointment] = (),
        locations: Iterable[Location] = (),
        coverages: Iterable[Coverage] = (),
        balances: Iterable[Balance] = (),
        name: str = "pms",
    ) -> None:
        super().__init__(name, "pms")
        self._appointments = {row.id: row for row in appointments}
        self._locations = {row.id: row for row in locations}
        self._coverages = list(coverages)
        self._balances = {row.patient_mrn: row for row in balances}
        self._noticed: list[Noticed] = []

    def put(self, appointment: Appointment) -> None:
        """Add or replace *appointment*, and notice the change."""
        is_known = appointment.id in self._appointments
        self._appointments[appointment.id] = appointment
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        change = Change(
            kind=ChangeKind.UPDATED if is_known else ChangeKind.CREATED,
            type=ChangeType.APPOINTMENT,
            source=self.name,
            id=appointment.id,
            patient_id=PatientId(""),
            version=appointment.version or "",
            occurred=appointment.last_updated or now,
            received=now,
        )
        self._noticed.append(Noticed(change, appointment.patient_mrn))

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Appointment]:
        return {id_: self._appointments[id_] for id_ in ids if id_ in self._appointments}

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Appointment]]:
        matching = self._matching(query)
        lists = {mrn: tuple(row for row in matching if row.patient_mrn == mrn) for mrn in mrns}
        return {mrn: Listed(rows) for mrn, rows in lists.items() if rows}

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Appointment]:
        by_visit = {row.visit_number: row for row in self._appointments.values()}
        return {number: by_visit[number] for number in visit_numbers if number in by_visit}

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Appointment]:
        if bookmark is not None and not bookmark.isdigit():
            raise SourceRejected(
                self.name, "the bookmark does not belong to this search; start again without it"
            )
        matching = [row for row in self._matching(query) if not query.mrns or row.patient_mrn in query.mrns]
        start = int(bookmark or 0)
        end = start + count
        return Page(tuple(matching[start:end]), str(end) if end < len(matching) else None)

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        return {id_: self._locations[id_] for id_ in ids if id_ in self._locations}

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Coverage]]:
        lists = {mrn: tuple(row for row in self._coverages if row.patient_mrn == mrn) for mrn in mrns}
        return {mrn: Listed(rows) for mrn, rows in lists.items() if rows}

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        return {mrn: self._balances[mrn] for mrn in mrns if mrn in self._balances}

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        end = str(len(self._noticed))
        if bookmark is None:
            return (), end
        if not bookmark.isdigit():
            raise BookmarkLost(self.name)
        return tuple(self._noticed[int(bookmark) :]), end

    def _matching(self, query: AppointmentQuery) -> list[Appointment]:
        """The appointments that match, whoever's they are, ordered by start."""
        rows = [row for row in self._appointments.values() if query.matches(row)]
        return sorted(rows, key=lambda row: _moment(row.start or "9999-12-31T00:00:00Z"))


def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)
