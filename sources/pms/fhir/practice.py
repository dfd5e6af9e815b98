"""Owns the PMS ports over a FHIR R4 server: appointments and bills of patients it knows by ids of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from sources.calling import Upstream
from sources.errors import SourceError, SourceRejected
from sources.fhir.asking import elements as elements_behind
from sources.fhir.asking import escaped
from sources.fhir.outcomes import Refused
from sources.fhir.practice import Appointment
from sources.fhir.resources import Resources
from sources.fhir.vendors import Way
from sources.model import Appointment as Booking
from sources.model import Balance, Location, Mrn, PatientId
from sources.model import Coverage as Cover
from sources.pms.fhir.bills import Bills
from sources.pms.fhir.book import Book
from sources.pms.fhir.normalise import booking, elements_of
from sources.pms.fhir.people import People, patients_of
from sources.pms.fhir.settings import FhirPmsSettings
from sources.pms.fhir.watch import BookWatch
from sources.ports import AppointmentQuery, Checked, Found, Health, Listed, Noticed, Page, Wanted

SEARCHES: dict[str, tuple[str, ...]] = {
    "Patient": ("_id", "identifier"),
    "Practitioner": ("_id", "identifier"),
    "PractitionerRole": ("_id", "practitioner"),
    "Location": ("_id",),
    "Appointment": ("_id", "patient", "identifier", "date", "status", "actor", "_lastUpdated"),
    "Coverage": ("patient",),
    "Account": ("patient",),
}
"""The searches a practice's server is asked for, by resource type."""

_BOUND = "it cannot be searched for all of a patient's appointments; give the days they may be on"
_LOCAL = "~"
"""Before the bookmarks of a list that was put together here."""


class FhirPractice:
    """A practice's FHIR server as `sources.ports.Appointments`, `Billing` and `Changes`."""

    def __init__(self, settings: FhirPmsSettings, upstream: Upstream) -> None:
        self.name = settings.name
        self.kind = "pms"
        self._settings = settings
        self._upstream = upstream
        self._resources = Resources(settings, upstream)
        self._people = People(self._resources, settings.mrn_system)
        self._book = Book(settings, self._resources, self._people)
        self._bills = Bills(settings, self._resources, self._people)
        self._watch = BookWatch(settings, self._resources, self._people)

    def health(self) -> Health:
        return self._upstream.health()

    async def check(self) -> Checked:
        found = await self._resources.check(SEARCHES)
        return Checked(found.ok, (*found.said, f"a patient's appointments by {await self._book.route()}"))

    def acquainted(self) -> AbstractAsyncContextManager[None]:
        """Asks beforehand what the server can do, so that the first question need not wait for that."""
        return self._resources.acquainted()

    async def close(self) -> None:
        """Let go of every connection."""
        await self._upstream.close()

    async def appointments(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Booking]:
        return await self._one_each(await self._resources.read(Appointment, ids, elements_of(wanted)), wanted)

    async def appointments_by_visit(
        self, visit_numbers: Sequence[str], wanted: Wanted
    ) -> Found[str, Booking]:
        system = escaped(self._settings.visit_system)
        keys = {f"{system}|{escaped(number)}": number for number in visit_numbers if number}
        elements = elements_of(wanted | {"visit_number"})
        found = await self._resources.identified(Appointment, list(keys), elements)
        return await self._one_each({keys[key]: row for key, row in found.items()}, wanted)

    async def appointments_of(
        self, mrns: Sequence[Mrn], query: AppointmentQuery, wanted: Wanted
    ) -> Found[Mrn, Listed[Booking]]:
        ids = await self._people.ids(mrns)
        mrn_of = {id_: mrn for mrn, id_ in ids.items() if not isinstance(id_, SourceError)}
        lists = await self._book.of_patients(list(mrn_of), query, elements_of(wanted)) if mrn_of else {}
        told: dict[Mrn, Listed[Booking] | SourceError] = {
            mrn: error for mrn, error in ids.items() if isinstance(error, SourceError)
        }
        rows = [row for mine in lists.values() if isinstance(mine, Listed) for row in mine.rows]
        npis = await self._npis(rows, wanted, query)
        for id_, mine in lists.items():
            mrn = mrn_of[id_]
            told[mrn] = mine if isinstance(mine, SourceError) else self._listed(mine, mrn, npis, query)
        return {mrn: mine for mrn, mine in told.items() if not _is_nothing(mine)}

    async def search_appointments(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Booking]:
        is_local = bookmark is not None and bookmark.startswith(_LOCAL)
        if query.mrns and (is_local or not await self._searches_patients_together(len(query.mrns))):
            return await self._gathered(query, count, bookmark, wanted)
        try:
            return await self._searched(query, count, bookmark, wanted)
        except Refused:
            if len(query.mrns) < 2 or bookmark is not None:
                raise
            return await self._gathered(query, count, bookmark, wanted)

    async def _searched(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Booking]:
        """A page of a search of the server's own."""
        filters = await self._book.filters(query)
        if filters is None:
            return Page()
        mrn_of: dict[PatientId, Mrn | SourceError] = {}
        if query.mrns:
            ids = await self._people.ids(query.mrns)
            for mrn, id_ in ids.items():
                if isinstance(id_, SourceError):
                    raise id_
                mrn_of[id_] = mrn
            if not mrn_of:
                return Page()
            value = self._resources.strategies.value
            patients = ",".join(value("patient", id_) for id_ in mrn_of)
            filters = [("patient", patients), *filters]
        search = [*filters, ("_sort", "date")]
        page = await self._resources.page(Appointment, search, count, bookmark, elements_of(wanted))
        bookings = await self._of_page(page.rows, mrn_of, query, wanted)
        return Page(tuple(bookings), page.next, page.missing)

    async def locations(self, ids: Sequence[str], wanted: Wanted) -> Found[str, Location]:
        return await self._resources.read(Location, ids, elements_behind(Location, wanted))

    async def coverages_of(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Cover]]:
        return await self._bills.coverages_of(mrns)

    async def balances(self, mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Balance]:
        return await self._bills.balances(mrns)

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        return await self._watch.changes(bookmark)

    async def _one_each(
        self, found: Found[str, Appointment], wanted: Wanted
    ) -> dict[str, Booking | SourceError]:
        rows = [row for row in found.values() if not isinstance(row, SourceError)]
        mrn_of = await self._people.mrns(patients_of(rows)) if rows else {}
        npis = await self._npis(rows, wanted, AppointmentQuery())
        told: dict[str, Booking | SourceError] = {}
        for key, row in found.items():
            if isinstance(row, SourceError):
                told[key] = row
            elif (patient := next(iter(patients_of([row])), None)) is not None:
                mrn = mrn_of[patient]
                told[key] = mrn if isinstance(mrn, SourceError) else self._booking(row, mrn, npis)
        return told

    async def _of_page(
        self,
        rows: Sequence[Appointment],
        mrn_of: Mapping[PatientId, Mrn | SourceError],
        query: AppointmentQuery,
        wanted: Wanted,
    ) -> list[Booking]:
        """The bookings of a page that are of a patient with an MRN: a time off is of nobody."""
        asked = mrn_of or await self._people.mrns(patients_of(rows))
        npis = await self._npis(rows, wanted, query)
        told = []
        for row in rows:
            mrn = next((asked[each] for each in patients_of([row]) if each in asked), None)
            if mrn is not None and not isinstance(mrn, SourceError):
                found = self._booking(row, mrn, npis)
                if isinstance(found, SourceError):
                    raise found
                told.append(found)
        return _by_start(each for each in told if query.matches(each))

    def _booking(self, row: Appointment, mrn: Mrn, npis: Mapping[str, str]) -> Booking | SourceError:
        found = booking(row, mrn, npis, self._settings)
        return self._resources.misread(Appointment, "`status` is missing") if found is None else found

    def _listed(
        self, mine: Listed[Appointment], mrn: Mrn, npis: Mapping[str, str], query: AppointmentQuery
    ) -> Listed[Booking] | SourceError:
        told = []
        for row in mine.rows:
            found = self._booking(row, mrn, npis)
            if isinstance(found, SourceError):
                return found
            told.append(found)
        return Listed(tuple(_by_start(each for each in told if query.matches(each))), mine.complete)

    async def _npis(
        self, rows: Iterable[Appointment], wanted: Wanted, query: AppointmentQuery
    ) -> Mapping[str, str]:
        """The NPIs of who the appointments are with, if anybody is to know them."""
        if not query.npis and not wanted & {"booked", "npis"}:
            return {}
        return await self._people.npis(actor for row in rows for actor in row.actors)

    async def _searches_patients_together(self, count: int) -> bool:
        if await self._book.route() != "patient":
            return False
        return count == 1 or await self._resources.strategies.way("Appointment", "patient") is Way.LIST

    async def _gathered(
        self, query: AppointmentQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Booking]:
        """A page of the patients' lists, for servers that search for one patient at a time, or for none."""
        offset = (bookmark or f"{_LOCAL}0").removeprefix(_LOCAL)
        if not (offset.isascii() and offset.isdigit()) or (bookmark or _LOCAL)[0] != _LOCAL:
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self.name, why)
        lists = await self.appointments_of(query.mrns, query, wanted)
        for mine in lists.values():
            if isinstance(mine, SourceError):
                raise mine
        rows = _by_start(row for mine in lists.values() if isinstance(mine, Listed) for row in mine.rows)
        start, end = int(offset[:9]), int(offset[:9]) + count
        is_cut = not all(mine.complete for mine in lists.values() if isinstance(mine, Listed))
        missing = (SourceRejected(self.name, _BOUND),) if is_cut else ()
        return Page(tuple(rows[start:end]), f"{_LOCAL}{end}" if end < len(rows) else None, missing)


def _by_start(rows: Iterable[Booking]) -> list[Booking]:
    """*rows* ordered by start; those without one come last."""
    return sorted(rows, key=lambda row: datetime.fromisoformat(row.start or "9999-12-31T00:00:00Z"))


def _is_nothing(mine: Listed[Booking] | SourceError) -> bool:
    return isinstance(mine, Listed) and mine.complete and not mine.rows
