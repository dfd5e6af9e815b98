"""The roads to rows, built for one request of one actor.

Each asks a source for what the plan reads and no more, and drops the rows the actor may not know of before
anything else sees them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol, TypeVar, cast

import msgspec

from policies import Actor, Coordinate, Decision, RowRule
from resolvers.access import Explains
from resolvers.admitting import (
    admits_nothing,
    admitted,
    admitted_keys,
    admitted_rows,
    confined_to,
    narrowed,
    nothing,
    of_encounter,
)
from resolvers.batching import Loader, Tasks
from resolvers.charts import merged, owed_in_all, starts
from resolvers.connection import Rows, size
from resolvers.cursors import Place, Seal
from sources.errors import SourceError
from sources.model import (
    NPI,
    Appointment,
    Balance,
    CareKey,
    Charts,
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

READ, SEARCH = "r", "s"
"""The SMART permissions for the two ways rows come: by id, and by search."""


class Grants(Protocol):
    """The part of a grant that rows depend on."""

    @property
    def key(self) -> str: ...
    @property
    def actor(self) -> Actor: ...
    def decide(self, coordinate: Coordinate) -> Decision: ...
    def rows(self, resource: str, letters: str) -> RowRule: ...
    def missing(self, coordinates: Iterable[Coordinate]) -> tuple[str, ...]: ...


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
    explain: Explains


class Touched:
    """Whose rows a request was given: patients by id, and by MRN where their id was not learnt."""

    def __init__(self) -> None:
        self.patients: set[PatientId] = set()
        self.charts: set[Mrn] = set()

    def rows(self, rows: Iterable[Any]) -> None:
        """Notes the owners of rows that have one."""
        for row in rows:
            owner = getattr(row, "patient_id", None)
            if owner is not None:
                self.patients.add(owner)


class Loaders:
    """The loaders of one request. `wanted` names the attributes of each type that the request reads.

    `missing` holds, of several sources of one role, the failures beside which rows were given all the same.
    """

    def __init__(self, house: House, grant: Grants, wanted: Mapping[str, Wanted]) -> None:
        self.house = house
        self.grant = grant
        self.tasks = Tasks()
        self.touched = Touched()
        self.missing: dict[tuple[str, type[SourceError]], SourceError] = {}
        self._wanted = wanted
        self._loaders: dict[Hashable, Loader[Any, Any]] = {}
        self._rules: dict[tuple[str, str], tuple[RowRule, Wanted]] = {}

    def close(self) -> None:
        """Ends what still runs for the request, and lets go of its rows: loaders and fetches are a cycle."""
        self.tasks.cancel()
        self._loaders.clear()

    # -- the EHR -------------------------------------------------------------------------

    def read(self, kind: type[R]) -> Loader[str, R]:
        """Resources of a type by their logical ids."""

        async def fetch(ids: Sequence[str]) -> Found[str, R]:
            rule, wanted = self._rule(kind.__name__, READ)
            if admits_nothing(rule):
                return {}
            found = await self.house.sources.ehr.read(kind, ids, wanted)
            kept = admitted(rule, found, lambda row: getattr(row, "patient_id", None))
            self.touched.rows(kept.values())
            return kept

        return self._loader(("read", kind), fetch)

    def of_patients(self, kind: type[R], narrowing: Narrowing) -> Loader[PatientId, Listed[R]]:
        """Patients' resources of a type, narrowed."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Listed[R]]:
            rule, wanted = self._rule(kind.__name__, SEARCH)
            if admits_nothing(rule):
                return dict.fromkeys(patients, NONE)
            self.touched.patients.update(patients)
            narrow = narrowed(narrowing, rule)
            found = await self.house.sources.ehr.of_patients(kind, patients, narrow, wanted)
            return {patient: admitted_rows(rule, found.get(patient, NONE), patient) for patient in patients}

        return self._loader(("of_patients", kind, narrowing), fetch)

    def of_encounters(self, kind: type[Observation] | type[DocumentReference]) -> Loader[Visit, Listed[Any]]:
        """What belongs to encounters, by resource type."""
        by = "context" if kind is DocumentReference else "encounter"

        async def fetch(visits: Sequence[Visit]) -> Found[Visit, Listed[Any]]:
            rule, wanted = self._rule(kind.__name__, SEARCH)
            if admits_nothing(rule):
                return dict.fromkeys(visits, NONE)
            patients = list(dict.fromkeys(visit.patient_id for visit in visits))
            self.touched.patients.update(patients)
            narrowing = Narrowing((("encounter", tuple(visit.encounter_id for visit in visits)),))
            ehr = self.house.sources.ehr
            found = await ehr.of_patients(kind, patients, narrowed(narrowing, rule), wanted | {by})
            return {
                visit: of_encounter(
                    admitted_rows(rule, found.get(visit.patient_id, NONE), visit.patient_id), visit
                )
                for visit in visits
            }

        return self._loader(("of_encounters", kind), fetch)

    def identified(self, kind: type[R], identifier: Callable[[str], str]) -> Loader[str, R]:
        """Resources of a type by a business identifier, which *identifier* writes as `system|value`."""

        async def fetch(values: Sequence[str]) -> Found[str, R]:
            rule, wanted = self._rule(kind.__name__, SEARCH)
            if admits_nothing(rule):
                return {}
            asked = {value: identifier(value) for value in values}
            found = await self.house.sources.ehr.identified(kind, list(dict.fromkeys(asked.values())), wanted)
            by_value = {value: found[token] for value, token in asked.items() if token in found}
            kept = admitted(rule, by_value, lambda row: getattr(row, "patient_id", None))
            self.touched.rows(kept.values())
            return kept

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
        rule, wanted = self._rule("Patient", SEARCH)
        confined = confined_to(rule)
        if confined is not None:
            query = query.only(confined)
        elif admits_nothing(rule):
            return nothing()

        async def page(count: int, bookmark: str | None) -> Page[Patient]:
            return await self.house.sources.ehr.search_patients(query, count, bookmark, wanted)

        async def admit(rows: Sequence[Patient]) -> Sequence[bool]:
            admits = [rule.admits(row, row.patient_id) for row in rows]
            self.touched.rows(row for row, is_admitted in zip(rows, admits, strict=True) if is_admitted)
            return admits

        return await self._search(f"patients:{query!r}", size(first), after, page, admit)

    # -- the PMS -------------------------------------------------------------------------

    def appointments(self) -> Loader[str, Appointment]:
        """Appointments by the PMS's ids."""
        book = self.house.sources.book
        return self._loader(("appointments",), lambda ids: self._booked(READ, book.appointments, ids))

    def appointments_by_visit(self) -> Loader[str, Appointment]:
        """Appointments by visit number."""
        book = self.house.sources.book
        return self._loader(
            ("visits",), lambda visits: self._booked(SEARCH, book.appointments_by_visit, visits)
        )

    def appointments_of(self, query: AppointmentQuery) -> Loader[Charts, Listed[Appointment]]:
        """Patients' appointments, narrowed. The key is the charts of one patient whom the actor may know."""

        async def ask(mrns: Sequence[Mrn], wanted: Wanted) -> Found[Mrn, Listed[Appointment]]:
            return await self.house.sources.book.appointments_of(mrns, query, wanted)

        return self._loader(
            ("appointments_of", query), lambda keys: self._charted("Appointment", ask, keys, starts)
        )

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
        rule, wanted = self._rule("Appointment", SEARCH)
        if admits_nothing(rule):
            return nothing()
        confined = confined_to(rule)
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

        async def fetch(ids: Sequence[str]) -> Found[str, Location]:
            rule, wanted = self._rule("Location", READ)
            if admits_nothing(rule):
                return {}
            return admitted(rule, await book.locations(ids, wanted), lambda _: None)

        return self._loader(("locations",), fetch)

    def coverages(self) -> Loader[Charts, Listed[Coverage]]:
        """What covers each patient."""
        ask = self.house.sources.billing.coverages_of
        return self._loader(("coverages",), lambda keys: self._charted("Coverage", ask, keys, None))

    def balances(self) -> Loader[Charts, Balance]:
        """What each patient owes, in all practices together."""

        async def fetch(keys: Sequence[Charts]) -> Found[Charts, Balance]:
            rule, wanted = self._rule("Account", READ, "Balance")
            if admits_nothing(rule):
                return {}
            found = await self.house.sources.billing.balances(self._mrns_of(keys), wanted)
            owed = {key: owed_in_all([found.get(chart.mrn) for chart in key]) for key in keys}
            known = {key: balance for key, balance in owed.items() if balance is not None}
            return admitted_keys(rule, known, lambda key: key[0].patient_id)

        return self._loader(("balances",), fetch)

    # -- the CRM -------------------------------------------------------------------------

    def engagements(self) -> Loader[PatientId, Engagement]:
        """Each patient's engagement. Only the opaque key goes to the CRM."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Engagement]:
            rule, wanted = self._rule("Engagement", READ)
            if admits_nothing(rule):
                return {}
            self.touched.patients.update(patients)
            keys = {self.house.care_key(patient): patient for patient in patients}
            found = await self.house.sources.crm.engagements(list(keys), wanted)
            return admitted_keys(
                rule, {keys[key]: row for key, row in found.items()}, lambda patient: patient
            )

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

    def _rule(self, resource: str, letter: str, shown_as: str | None = None) -> tuple[RowRule, Wanted]:
        """Which rows of a resource type the actor may know of, and the attributes the request reads of them.

        *letter* is how the rows come, READ or SEARCH; *shown_as* the graph's type, if it has another name.
        """
        found = self._rules.get((resource, letter))
        if found is None:
            rule = self.grant.rows(resource, letter)
            wanted = self._wanted.get(shown_as or resource, frozenset()) | rule.attributes
            found = self._rules[resource, letter] = (rule, wanted)
        return found

    async def _charted(
        self,
        resource: str,
        ask: Callable[[Sequence[Mrn], Wanted], Awaitable[Found[Mrn, Listed[V]]]],
        keys: Sequence[Charts],
        order: Callable[[V], Any] | None,
    ) -> Found[Charts, Listed[V]]:
        """The rows of patients' charts, merged in that order where a patient has several."""
        rule, wanted = self._rule(resource, SEARCH)
        if admits_nothing(rule):
            return dict.fromkeys(keys, NONE)
        found = await ask(self._mrns_of(keys), wanted)
        lists = {
            key: merged(
                [admitted_rows(rule, found.get(chart.mrn, NONE), chart.patient_id) for chart in key], order
            )
            for key in keys
        }
        for listed in lists.values():
            if isinstance(listed, Listed):
                self._miss(listed.missing)
        return lists

    def _miss(self, errors: Iterable[SourceError]) -> None:
        self.missing.update({(error.source, type(error)): error for error in errors})

    def _mrns_of(self, keys: Sequence[Charts]) -> list[Mrn]:
        self.touched.patients.update(key[0].patient_id for key in keys)
        return list(dict.fromkeys(chart.mrn for key in keys for chart in key))

    async def _booked(
        self,
        letter: str,
        ask: Callable[[Sequence[K], Wanted], Awaitable[Found[K, Appointment]]],
        keys: Sequence[K],
    ) -> Found[K, Appointment]:
        rule, wanted = self._rule("Appointment", letter)
        if admits_nothing(rule):
            return {}
        return await self._admitted_bookings(rule, await ask(keys, wanted))

    async def _admitted_bookings(self, rule: RowRule, found: Found[K, Appointment]) -> Found[K, Appointment]:
        """Those the actor may know of. A booking names its patient by MRN: whose it is, the EHR tells."""
        mrns = {row.patient_mrn for row in found.values() if not isinstance(row, SourceError)}
        if rule.always:
            self.touched.charts |= mrns
            return found
        owners = await self._owners(mrns)
        kept = admitted(rule, found, lambda row: owners.get(row.patient_mrn))
        self.touched.charts.update(
            row.patient_mrn for row in kept.values() if not isinstance(row, SourceError)
        )
        return kept

    async def _owners(self, mrns: set[Mrn]) -> Mapping[Mrn, PatientId]:
        ehr = self.house.sources.ehr
        asked = {mrn: ehr.mrn_identifier(mrn) for mrn in mrns}
        tokens = list(dict.fromkeys(asked.values()))
        found = await ehr.identified(Patient, tokens, frozenset({"mrn"})) if asked else {}
        rows = {mrn: found.get(token) for mrn, token in asked.items()}
        return {mrn: row.patient_id for mrn, row in rows.items() if isinstance(row, Patient)}

    async def _mrns(self, patient: PatientId) -> tuple[Mrn, ...]:
        """The MRNs of a patient whom the actor may know of; none if they may not, or there is none."""
        rule = self.grant.rows("Patient", READ)
        wanted = frozenset({"mrns"}) | rule.attributes
        row = (await self.house.sources.ehr.read(Patient, [patient], wanted)).get(patient)
        if isinstance(row, SourceError):
            raise row
        if row is None or not rule.admits(row, row.patient_id):
            return ()
        return row.mrns

    async def _npis(self, practitioner: str) -> tuple[str, ...]:
        rule = self.grant.rows("Practitioner", READ)
        wanted = frozenset({"npi"}) | rule.attributes
        row = (await self.house.sources.ehr.read(Practitioner, [practitioner], wanted)).get(practitioner)
        if isinstance(row, SourceError):
            raise row
        if row is None or row.npi is None or not rule.admits(row, None):
            return ()
        return (row.npi,)

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
        self._miss(got.missing)
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
            complete=not got.missing,
        )
