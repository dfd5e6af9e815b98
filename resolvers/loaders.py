"""The roads to rows, built for one request of one actor.

Each asks a source for what the plan reads and no more, and drops the rows the actor may not know of before
anything else sees them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol, TypeVar, cast

import msgspec

from policies import Actor, Coordinate, Decision, RowRule
from resolvers.batching import Loader, Tasks
from resolvers.connection import Rows, size
from resolvers.cursors import Place, Seal
from sources.errors import SourceError
from sources.model import (
    NPI,
    Appointment,
    Balance,
    CareKey,
    Chart,
    Coverage,
    DocumentReference,
    Engagement,
    Location,
    Mrn,
    Observation,
    Patient,
    PatientId,
    Practitioner,
    Resource,
    Visit,
)
from sources.ports import (
    AppointmentQuery,
    Appointments,
    Billing,
    ClinicalRecords,
    Engagements,
    Found,
    Listed,
    Narrowing,
    Page,
    PatientQuery,
    Source,
    Wanted,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R", bound=Resource)


NONE: Listed[Any] = Listed()


class Grants(Protocol):
    """The part of a grant that rows depend on."""

    @property
    def key(self) -> str: ...
    @property
    def actor(self) -> Actor: ...
    def decide(self, coordinate: Coordinate) -> Decision: ...
    def rows(self, resource: str) -> RowRule: ...


@dataclass(frozen=True)
class Sources:
    """The sources the graph is resolved from, by what is asked of them."""

    ehr: ClinicalRecords
    book: Appointments
    billing: Billing
    crm: Engagements
    every: tuple[Source, ...]


@dataclass(frozen=True)
class House:
    """What lives as long as the gateway and every request's loaders share."""

    sources: Sources
    care_key: Callable[[PatientId], CareKey]
    seal: Seal


class Loaders:
    """The loaders of one request. `wanted` names the attributes of each type that the request reads."""

    def __init__(self, house: House, grant: Grants, wanted: Mapping[str, Wanted]) -> None:
        self.house = house
        self.grant = grant
        self.tasks = Tasks()
        self._wanted = wanted
        self._loaders: dict[Hashable, Loader[Any, Any]] = {}
        self._rules: dict[str, tuple[RowRule, Wanted]] = {}

    def close(self) -> None:
        """Ends what still runs for the request, and lets go of its rows: loaders and fetches are a cycle."""
        self.tasks.cancel()
        self._loaders.clear()

    # -- the EHR -------------------------------------------------------------------------

    def read(self, kind: type[R]) -> Loader[str, R]:
        """Resources of a type by their logical ids."""

        async def fetch(ids: Sequence[str]) -> Found[str, R]:
            rule, wanted = self._rule(kind.__name__)
            found = await self.house.sources.ehr.read(kind, ids, wanted)
            return _admitted(rule, found, lambda row: getattr(row, "patient_id", None))

        return self._loader(("read", kind), fetch)

    def of_patients(self, kind: type[R], narrowing: Narrowing) -> Loader[PatientId, Listed[R]]:
        """Patients' resources of a type, narrowed."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Listed[R]]:
            rule, wanted = self._rule(kind.__name__)
            found = await self.house.sources.ehr.of_patients(kind, patients, narrowing, wanted)
            return {patient: _admitted_rows(rule, found.get(patient, NONE), patient) for patient in patients}

        return self._loader(("of_patients", kind, narrowing), fetch)

    def of_encounters(self, kind: type[Observation] | type[DocumentReference]) -> Loader[Visit, Listed[Any]]:
        """What belongs to encounters, by resource type."""
        by = "context" if kind is DocumentReference else "encounter"

        async def fetch(visits: Sequence[Visit]) -> Found[Visit, Listed[Any]]:
            rule, wanted = self._rule(kind.__name__)
            patients = list(dict.fromkeys(visit.patient_id for visit in visits))
            narrowing = Narrowing((("encounter", tuple(visit.encounter_id for visit in visits)),))
            ehr = self.house.sources.ehr
            found = await ehr.of_patients(kind, patients, narrowing, wanted | {by})
            return {
                visit: _of_encounter(
                    _admitted_rows(rule, found.get(visit.patient_id, NONE), visit.patient_id), visit
                )
                for visit in visits
            }

        return self._loader(("of_encounters", kind), fetch)

    def identified(self, kind: type[R], identifier: Callable[[str], str]) -> Loader[str, R]:
        """Resources of a type by a business identifier, which *identifier* writes as `system|value`."""

        async def fetch(values: Sequence[str]) -> Found[str, R]:
            rule, wanted = self._rule(kind.__name__)
            asked = {identifier(value): value for value in values}
            found = await self.house.sources.ehr.identified(kind, list(asked), wanted)
            by_value = {asked[token]: row for token, row in found.items() if token in asked}
            return _admitted(rule, by_value, lambda row: getattr(row, "patient_id", None))

        return self._loader(("identified", kind), fetch)

    def patients_by_mrn(self) -> Loader[Mrn, Patient]:
        ehr = self.house.sources.ehr
        return cast(
            "Loader[Mrn, Patient]", self.identified(Patient, cast("Callable[[str], str]", ehr.mrn_identifier))
        )

    def practitioners_by_npi(self) -> Loader[str, Practitioner]:
        return self.identified(Practitioner, lambda npi: f"{NPI}|{npi}")

    async def search_patients(self, query: PatientQuery, first: int, after: str | None) -> Rows[Patient]:
        """One page of the patients who match and whom the actor may know of."""
        rule, wanted = self._rule("Patient")
        confined = _confined_to(rule)
        if confined is not None:
            query = query.only(confined)
        elif not rule.always and not rule.clauses:
            return nothing()

        async def page(count: int, bookmark: str | None) -> Page[Patient]:
            return await self.house.sources.ehr.search_patients(query, count, bookmark, wanted)

        async def admit(rows: Sequence[Patient]) -> Sequence[bool]:
            return [rule.admits(row, row.patient_id) for row in rows]

        return await self._search(f"patients:{query!r}", size(first), after, page, admit)

    # -- the PMS -------------------------------------------------------------------------

    def appointments(self) -> Loader[str, Appointment]:
        """Appointments by the PMS's ids."""
        book = self.house.sources.book
        return self._loader(
            ("appointments",), lambda ids: self._booked(book.appointments(ids, self._of("Appointment")))
        )

    def appointments_by_visit(self) -> Loader[str, Appointment]:
        """Appointments by visit number."""
        book = self.house.sources.book
        return self._loader(
            ("visits",),
            lambda visits: self._booked(book.appointments_by_visit(visits, self._of("Appointment"))),
        )

    def appointments_of(self, query: AppointmentQuery) -> Loader[Chart, Listed[Appointment]]:
        """Patients' appointments, narrowed. The key is a chart the actor has been admitted to."""

        async def fetch(charts: Sequence[Chart]) -> Found[Chart, Listed[Appointment]]:
            rule, wanted = self._rule("Appointment")
            by_mrn = {chart.mrn: chart for chart in charts}
            found = await self.house.sources.book.appointments_of(list(by_mrn), query, wanted)
            return {
                chart: _admitted_rows(rule, found.get(mrn, NONE), chart.patient_id)
                for mrn, chart in by_mrn.items()
            }

        return self._loader(("appointments_of", query), fetch)

    async def search_appointments(
        self,
        query: AppointmentQuery,
        first: int,
        after: str | None,
        practitioner: str | None = None,
        patient: str | None = None,
    ) -> Rows[Appointment]:
        """One page of the appointments that match and that the actor may know of.

        *practitioner* and *patient* are ids of the EHR: the PMS is asked by what it knows them by.
        """
        rule, wanted = self._rule("Appointment")
        if not rule.always and not rule.clauses:
            return nothing()
        confined = _confined_to(rule)
        if confined is not None and patient not in (None, confined):
            return nothing()
        whose = confined if confined is not None else patient
        if whose is not None:
            query = msgspec.structs.replace(query, mrns=await self._mrns(PatientId(whose)))
        if practitioner is not None:
            query = msgspec.structs.replace(query, npis=await self._npis(practitioner))
        if (whose is not None and not query.mrns) or (practitioner is not None and not query.npis):
            return nothing()

        async def page(count: int, bookmark: str | None) -> Page[Appointment]:
            return await self.house.sources.book.search_appointments(query, count, bookmark, wanted)

        async def admit(rows: Sequence[Appointment]) -> Sequence[bool]:
            admitted = await self._admitted_bookings(rule, {row.id: row for row in rows})
            return [row.id in admitted for row in rows]

        return await self._search(f"appointments:{query!r}", size(first), after, page, admit)

    def locations(self) -> Loader[str, Location]:
        """The PMS's locations by their ids."""
        book = self.house.sources.book
        return self._loader(("locations",), lambda ids: book.locations(ids, self._of("Location")))

    def coverages(self) -> Loader[Chart, Listed[Coverage]]:
        """What covers each patient."""

        async def fetch(charts: Sequence[Chart]) -> Found[Chart, Listed[Coverage]]:
            rule, wanted = self._rule("Coverage")
            by_mrn = {chart.mrn: chart for chart in charts}
            found = await self.house.sources.billing.coverages_of(list(by_mrn), wanted)
            return {
                chart: _admitted_rows(rule, found.get(mrn, NONE), chart.patient_id)
                for mrn, chart in by_mrn.items()
            }

        return self._loader(("coverages",), fetch)

    def balances(self) -> Loader[Chart, Balance]:
        """What each patient owes."""

        async def fetch(charts: Sequence[Chart]) -> Found[Chart, Balance]:
            rule = self.grant.rows("Account")
            by_mrn = {chart.mrn: chart for chart in charts}
            wanted = self._of("Balance") | rule.attributes
            found = await self.house.sources.billing.balances(list(by_mrn), wanted)
            by_chart = {by_mrn[mrn]: balance for mrn, balance in found.items()}
            return {
                chart: balance
                for chart, balance in by_chart.items()
                if isinstance(balance, SourceError) or rule.admits(balance, chart.patient_id)
            }

        return self._loader(("balances",), fetch)

    # -- the CRM -------------------------------------------------------------------------

    def engagements(self) -> Loader[PatientId, Engagement]:
        """Each patient's engagement. Only the opaque key goes to the CRM."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Engagement]:
            rule = self.grant.rows("Engagement")
            keys = {self.house.care_key(patient): patient for patient in patients}
            wanted = self._of("Engagement") | rule.attributes
            found = await self.house.sources.crm.engagements(list(keys), wanted)
            return {
                keys[key]: row
                for key, row in found.items()
                if isinstance(row, SourceError) or rule.admits(row, keys[key])
            }

        return self._loader(("engagements",), fetch)

    # -- what they share -----------------------------------------------------------------

    def _loader(
        self, key: Hashable, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V | SourceError]]]
    ) -> Loader[K, V]:
        """The one loader of this request for *key*: two edges that ask the same share it."""
        loader = self._loaders.get(key)
        if loader is None:
            loader = self._loaders[key] = Loader(fetch, self.tasks)
        return loader

    def _rule(self, type_name: str) -> tuple[RowRule, Wanted]:
        """Which rows of a type the actor may know of, and which attributes the request reads of them."""
        found = self._rules.get(type_name)
        if found is None:
            rule = self.grant.rows(type_name)
            wanted = self._wanted.get(type_name, frozenset()) | rule.attributes
            found = self._rules[type_name] = (rule, wanted)
        return found

    def _of(self, type_name: str) -> Wanted:
        return self._rule(type_name)[1]

    async def _booked(self, asked: Awaitable[Found[K, Appointment]]) -> Found[K, Appointment]:
        return await self._admitted_bookings(self.grant.rows("Appointment"), await asked)

    async def _admitted_bookings(self, rule: RowRule, found: Found[K, Appointment]) -> Found[K, Appointment]:
        """Those the actor may know of. A booking names its patient by MRN: whose it is, the EHR tells."""
        if rule.always:
            return found
        rows = [row for row in found.values() if not isinstance(row, SourceError)]
        owners = await self._owners({row.patient_mrn for row in rows})
        return _admitted(rule, found, lambda row: owners.get(row.patient_mrn))

    async def _owners(self, mrns: set[Mrn]) -> Mapping[Mrn, PatientId]:
        ehr = self.house.sources.ehr
        asked = {ehr.mrn_identifier(mrn): mrn for mrn in mrns}
        found = await ehr.identified(Patient, list(asked), frozenset({"mrn"})) if asked else {}
        return {
            asked[token]: row.patient_id
            for token, row in found.items()
            if token in asked and not isinstance(row, SourceError)
        }

    async def _mrns(self, patient: PatientId) -> tuple[Mrn, ...]:
        """The MRN of a patient, if there is such a patient, with one, whom the actor may know of."""
        rule = self.grant.rows("Patient")
        wanted = frozenset({"mrn"}) | rule.attributes
        row = (await self.house.sources.ehr.read(Patient, [patient], wanted)).get(patient)
        if isinstance(row, SourceError):
            raise row
        if row is None or row.mrn is None or not rule.admits(row, row.patient_id):
            return ()
        return (row.mrn,)

    async def _npis(self, practitioner: str) -> tuple[str, ...]:
        wanted = frozenset({"npi"})
        row = (await self.house.sources.ehr.read(Practitioner, [practitioner], wanted)).get(practitioner)
        if isinstance(row, SourceError):
            raise row
        return (row.npi,) if row is not None and row.npi is not None else ()

    async def _search(
        self,
        search: str,
        first: int,
        after: str | None,
        page: Callable[[int, str | None], Awaitable[Page[V]]],
        admit: Callable[[Sequence[V]], Awaitable[Sequence[bool]]],
    ) -> Rows[V]:
        """One page of a source's search: the rows of its page from the cursor on.

        A cursor is the source's own bookmark of a page and how far into it the row is; it is bound to the
        search and to the grant.
        """
        seal = self.house.seal
        bound = sha256(f"{self.grant.key}:{search}:{first}".encode()).hexdigest()
        start = seal.open(bound, after) if after is not None else Place(None, 0)
        got = await page(max(first, 1), start.bookmark)
        stop = start.skip + first
        admitted = await admit(got.rows[start.skip : stop])
        kept = [start.skip + i for i, is_admitted in enumerate(admitted) if is_admitted]

        def cursor(index: int) -> str:
            after_row = kept[index] + 1
            if after_row == len(got.rows) and got.next is not None:
                return seal.close(bound, Place(got.next, 0))
            return seal.close(bound, Place(start.bookmark, after_row))

        return Rows(
            [got.rows[i] for i in kept],
            cursor,
            has_next_page=got.next is not None or stop < len(got.rows),
            has_previous_page=after is not None,
        )


def nothing() -> Rows[Any]:
    """A page of no rows."""
    return Rows((), str, has_next_page=False, has_previous_page=False)


def _of_encounter(listed: Listed[Any] | SourceError, visit: Visit) -> Listed[Any] | SourceError:
    if isinstance(listed, SourceError):
        return listed
    return Listed(
        tuple(row for row in listed.rows if visit.encounter_id in row.encounter_ids), listed.complete
    )


def _confined_to(rule: RowRule) -> PatientId | None:
    """The one patient whose rows alone the rule can admit; None where it may admit others'."""
    return rule.patient if rule.clauses and all(clause.bound for clause in rule.clauses) else None


def _admitted(rule: RowRule, found: Found[K, V], owner: Callable[[V], PatientId | None]) -> Found[K, V]:
    if rule.always:
        return found
    return {
        key: row for key, row in found.items() if isinstance(row, SourceError) or rule.admits(row, owner(row))
    }


def _admitted_rows(
    rule: RowRule, listed: Listed[V] | SourceError, owner: PatientId
) -> Listed[V] | SourceError:
    if rule.always or isinstance(listed, SourceError):
        return listed
    return Listed(tuple(row for row in listed.rows if rule.admits(row, owner)), listed.complete)
