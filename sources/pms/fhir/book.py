"""Owns how appointments are found on a practice's FHIR server: by patient, or round about where it can't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sources.errors import SourceError
from sources.fhir.asking import Parameters
from sources.fhir.practice import Appointment
from sources.fhir.resources import Resources
from sources.model import Encounter, PatientId
from sources.pms.fhir.people import People
from sources.pms.fhir.settings import FhirPmsSettings, Route
from sources.ports import AppointmentQuery, Found, Listed

_SORTED = [("_sort", "date")]


class Book:
    """The appointments of one server, as FHIR has them."""

    def __init__(self, settings: FhirPmsSettings, resources: Resources, people: People) -> None:
        self._settings = settings
        self._resources = resources
        self._people = people

    async def route(self) -> Route:
        """How a patient's appointments are found: as configured, or in the first way the server knows."""
        if self._settings.appointments_by != "auto":
            return self._settings.appointments_by
        said = await self._resources.client.capability()
        if said is None or not said.lacks("Appointment", "patient"):
            return "patient"
        return "encounter" if said.lacks("Appointment", "date") else "date"

    async def filters(self, query: AppointmentQuery) -> Parameters | None:
        """The search parameters of *query*, without its patients; None: nothing can match it."""
        filters: Parameters = []
        if query.start is not None:
            filters.append(("date", f"ge{query.start}"))
        if query.end is not None:
            filters.append(("date", f"lt{query.end}"))
        if query.statuses:
            filters.append(("status", ",".join(query.statuses)))
        if query.npis:
            actors = await self._people.actors(query.npis)
            if not actors:
                return None
            filters.append(("actor", ",".join(actors)))
        return filters

    async def of_patients(
        self, patients: Sequence[PatientId], query: AppointmentQuery, elements: str
    ) -> Found[PatientId, Listed[Appointment]]:
        """The appointments of each of *patients*, in no order, those that match *query* among them."""
        route = await self.route()
        if route == "encounter":
            return await self._by_encounter(patients, elements)
        filters = await self.filters(query)
        if filters is None:
            return {}
        if route == "patient":
            return await self._resources.of_patients(Appointment, patients, filters, elements)
        return await self._by_date(patients, query, elements)

    async def _by_date(
        self, patients: Sequence[PatientId], query: AppointmentQuery, elements: str
    ) -> Found[PatientId, Listed[Appointment]]:
        """All appointments of the days in question, less those of others; never of days beyond the bound."""
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        bound = AppointmentQuery(
            start=query.start or (today - timedelta(days=self._settings.days_back)).isoformat(),
            end=query.end or (today + timedelta(days=self._settings.days_ahead)).isoformat(),
            statuses=query.statuses,
            npis=query.npis,
        )
        filters = await self.filters(bound)
        if filters is None:
            return {}
        results = await self._resources.every(Appointment, [*filters, *_SORTED], elements)
        is_whole = results.complete and query.start is not None and query.end is not None
        return self._resources.parted(Appointment, patients, results._replace(complete=is_whole), others=True)

    async def _by_encounter(
        self, patients: Sequence[PatientId], elements: str
    ) -> Found[PatientId, Listed[Appointment]]:
        """The appointments that led to an encounter, by their ids; that there are others cannot be known."""
        visits = await self._resources.of_patients(Encounter, patients, [], "id,subject,appointment")
        ids = {
            patient: [id_ for visit in mine.rows for each in visit.appointment if (id_ := each.id)]
            for patient, mine in visits.items()
            if not isinstance(mine, SourceError)
        }
        every = [id_ for mine in ids.values() for id_ in mine]
        found = await self._resources.read(Appointment, every, elements) if every else {}
        lists: dict[PatientId, Listed[Appointment] | SourceError] = {
            patient: mine for patient, mine in visits.items() if isinstance(mine, SourceError)
        }
        for patient in patients:
            if patient not in lists:
                lists[patient] = _listed(ids.get(patient, ()), found)
        return lists


def _listed(
    ids: Sequence[str], found: Mapping[str, Appointment | SourceError]
) -> Listed[Appointment] | SourceError:
    rows = []
    for id_ in dict.fromkeys(ids):
        row = found.get(id_)
        if isinstance(row, SourceError):
            return row
        if row is not None:
            rows.append(row)
    return Listed(tuple(rows), complete=False)
