"""The roads to rows, built for one request of one actor.

Each asks a source for what the plan reads and no more, and drops the rows the actor may not know of before
anything else sees them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import msgspec

from policies import Actor, Coordinate, Decision, RowConditions, RowRule
from resolvers.access import Explains
from resolvers.admitting import confined_to, narrowed, nothing, of_encounter
from resolvers.batching import Loader, Tasks
from resolvers.charts import merged, owed_in_all, starts
from resolvers.connection import Rows, size
from resolvers.consents import Consented, Consents
from resolvers.cursors import Seal
from resolvers.gate import Asked, Gate, Owner, Touched
from resolvers.searching import Searching
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
    def conditions(self, resource: str, letters: str, *, consents: bool) -> RowConditions: ...
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
    consents: Consents


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
        self._gates: dict[tuple[str, str], Gate] = {}
        self._seen: list[Patient] = []

    def close(self) -> None:
        """Ends what still runs for the request, and lets go of its rows: loaders and fetches are a cycle."""
        self.tasks.cancel()
        self._loaders.clear()

    # -- the EHR -------------------------------------------------------------------------

    def read(self, kind: type[R]) -> Loader[str, R]:
        """Resources of a type by their logical ids."""

        async def fetch(ids: Sequence[str]) -> Found[str, R]:
            gate = self._gate(kind.__name__, READ)
            if gate.admits_nothing:
                return {}
            if kind is Patient:
                return await self._patients(gate, ids)

            async def read(chosen: Sequence[str], wanted: Wanted) -> Found[str, R]:
                return await self.house.sources.ehr.read(kind, chosen, wanted)

            kept = await gate.found(await read(ids, gate.wanted), _owner, read)
            self.touched.rows(kept.values())
            return kept

        return self._loader(("read", kind), fetch)

    def of_patients(self, kind: type[R], narrowing: Narrowing) -> Loader[PatientId, Listed[R]]:
        """Patients' resources of a type, narrowed."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Listed[R]]:
            gate = self._gate(kind.__name__, SEARCH)
            if gate.admits_nothing:
                return dict.fromkeys(patients, NONE)
            return await self._of_patients(kind, patients, narrowing, gate)

        return self._loader(("of_patients", kind, narrowing), fetch)

    def of_encounters(self, kind: type[Observation] | type[DocumentReference]) -> Loader[Visit, Listed[Any]]:
        """What belongs to encounters, by resource type."""
        by = "context" if kind is DocumentReference else "encounter"

        async def fetch(visits: Sequence[Visit]) -> Found[Visit, Listed[Any]]:
            gate = self._gate(kind.__name__, SEARCH)
            if gate.admits_nothing:
                return dict.fromkeys(visits, NONE)
            patients = list(dict.fromkeys(visit.patient_id for visit in visits))
            narrowing = Narrowing((("encounter", tuple(visit.encounter_id for visit in visits)),))
            found = await self._of_patients(kind, patients, narrowing, gate, frozenset({by}))
            return {visit: of_encounter(found[visit.patient_id], visit) for visit in visits}

        return self._loader(("of_encounters", kind), fetch)

    def identified(self, kind: type[R], identifier: Callable[[str], str]) -> Loader[str, R]:
        """Resources of a type by a business identifier, which *identifier* writes as `system|value`."""

        async def fetch(values: Sequence[str]) -> Found[str, R]:
            gate = self._gate(kind.__name__, SEARCH)
            if gate.admits_nothing:
                return {}

            async def read(chosen: Sequence[str], wanted: Wanted) -> Found[str, R]:
                asked = {value: identifier(value) for value in chosen}
                tokens = list(dict.fromkeys(asked.values()))
                found = await self.house.sources.ehr.identified(kind, tokens, wanted)
                return {value: found[token] for value, token in asked.items() if token in found}

            kept = await gate.found(await read(values, gate.wanted), _owner, read)
            self._note(kept.values())
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
        gate = self._gate("Patient", SEARCH)
        confined = confined_to(gate.rule)
        if confined is not None:
            query = query.only(confined)
        elif gate.admits_nothing:
            return nothing()

        async def page(count: int, bookmark: str | None) -> Page[Patient]:
            return await self.house.sources.ehr.search_patients(query, count, bookmark, gate.wanted)

        async def admit(rows: Sequence[Patient]) -> Sequence[bool]:
            kept = await gate.found(dict(enumerate(rows)), _owner)
            _had(kept)
            return [index in kept for index in range(len(rows))]

        found = await self._search(f"patients:{query!r}", gate, page, admit).rows(size(first), after)
        self._note(found.nodes)
        return found

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
        gate = self._gate("Appointment", SEARCH)
        if gate.admits_nothing:
            return nothing()
        confined = confined_to(gate.rule)
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
            return await self.house.sources.book.search_appointments(query, count, bookmark, gate.wanted)

        async def admit(rows: Sequence[Appointment]) -> Sequence[bool]:
            kept = await self._admitted_bookings(gate, dict(enumerate(rows)))
            _had(kept)
            return [index in kept for index in range(len(rows))]

        found = await self._search(f"appointments:{query!r}", gate, page, admit).rows(size(first), after)
        self.touched.charts.update(row.patient_mrn for row in found.nodes)
        return found

    def locations(self) -> Loader[str, Location]:
        """The PMS's locations by their ids."""
        book = self.house.sources.book

        async def fetch(ids: Sequence[str]) -> Found[str, Location]:
            gate = self._gate("Location", READ)
            if gate.admits_nothing:
                return {}
            return await gate.found(await book.locations(ids, gate.wanted), _nobody)

        return self._loader(("locations",), fetch)

    def coverages(self) -> Loader[Charts, Listed[Coverage]]:
        """What covers each patient."""
        ask = self.house.sources.billing.coverages_of
        return self._loader(("coverages",), lambda keys: self._charted("Coverage", ask, keys, None))

    def balances(self) -> Loader[Charts, Balance]:
        """What each patient owes, in all practices together."""

        async def fetch(keys: Sequence[Charts]) -> Found[Charts, Balance]:
            gate = self._gate("Account", READ, "Balance")
            if gate.admits_nothing:
                return {}
            mrns, asked = await self._charts_asked(gate, keys)
            found = await self.house.sources.billing.balances(mrns, asked.wanted) if mrns else {}
            owed = {key: owed_in_all([found.get(chart.mrn) for chart in key]) for key in keys}
            known = {key: balance for key, balance in owed.items() if balance is not None}
            errors = asked.errors
            return {key: errors[key[0].patient_id] for key in keys if key[0].patient_id in errors} | (
                await gate.found(known, lambda key, _: key[0].patient_id)
            )

        return self._loader(("balances",), fetch)

    # -- the CRM -------------------------------------------------------------------------

    def engagements(self) -> Loader[PatientId, Engagement]:
        """Each patient's engagement. Only the opaque key goes to the CRM."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Engagement]:
            gate = self._gate("Engagement", READ)
            if gate.admits_nothing:
                return {}
            chosen, asked = await self._asked(gate, patients)
            keys = {self.house.care_key(patient): patient for patient in chosen}
            found = await self.house.sources.crm.engagements(list(keys), asked.wanted) if keys else {}
            owned = {keys[key]: row for key, row in found.items()}
            return asked.errors | await gate.found(owned, lambda patient, _: patient)

        return self._loader(("engagements",), fetch)

    async def knows_of(self, resource: str, patient: PatientId) -> bool | None:
        """Whether the actor may know of a patient's rows of a type, all or none; None: that takes the row.

        Raises:
            SourceError: the patient's consents could not be read.
        """
        gate = self._gate(resource, READ + SEARCH)
        asked = await gate.ask([patient])
        for error in asked.errors.values():
            raise error
        if gate.admits_nothing or not asked.may([patient]):
            return False
        if asked.by_patient or not gate.conditions.labels.always:
            return None
        return gate.rule.reaches_all_of(patient)

    # -- what they share -----------------------------------------------------------------

    def _loader(
        self, key: Hashable, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V | SourceError]]]
    ) -> Loader[K, V]:
        """The one loader of this request for *key*: two edges that ask the same share it."""
        loader = self._loaders.get(key)
        if loader is None:
            loader = self._loaders[key] = Loader(fetch, self.tasks)
        return loader

    def _gate(self, resource: str, letter: str, shown_as: str | None = None) -> Gate:
        """The conditions on a type's rows, and the attributes the request reads of them.

        *letter* is how the rows come, READ or SEARCH; *shown_as* the graph's type, if it has another name.
        """
        gate = self._gates.get((resource, letter))
        if gate is None:
            conditions = self.grant.conditions(resource, letter, consents=self.house.consents.are_kept)
            wanted = self._wanted.get(shown_as or resource, frozenset())
            gate = Gate(conditions, wanted, self._consents().load, self.touched)
            self._gates[resource, letter] = gate
        return gate

    def _consents(self) -> Loader[PatientId, Consented]:
        """The consents of patients: those of all who are asked for in one turn, in one call."""
        return self._loader(("consents",), self.house.consents.of)

    def _note(self, rows: Iterable[Any]) -> None:
        """Notes whose rows were given; and, of patients, the rows: they tell whose the bookings are."""
        rows = list(rows)
        self.touched.rows(rows)
        self._seen += (row for row in rows if isinstance(row, Patient))

    async def _asked(self, gate: Gate, patients: Sequence[PatientId]) -> tuple[list[PatientId], Asked]:
        """Those patients whose rows may be asked for, and what is known of the others."""
        asked = await gate.ask(patients)
        may = asked.may(patients)
        self.touched.patients.update(may)
        return may, asked

    async def _patients(self, gate: Gate, ids: Sequence[str]) -> Found[str, Any]:
        """Patients by id: whose consents deny it is not even read."""
        patients, asked = await self._asked(gate, [PatientId(id_) for id_ in ids])
        ehr = self.house.sources.ehr
        found = await ehr.read(Patient, patients, asked.wanted) if patients else {}
        kept = await gate.found(found, _owner)
        self._note(kept.values())
        return asked.errors | kept

    async def _of_patients(
        self,
        kind: type[R],
        patients: Sequence[PatientId],
        narrowing: Narrowing,
        gate: Gate,
        more: Wanted = frozenset(),
    ) -> dict[PatientId, Listed[R] | SourceError]:
        chosen, asked = await self._asked(gate, patients)
        narrow, ehr = narrowed(narrowing, gate.rule), self.house.sources.ehr
        found = await ehr.of_patients(kind, chosen, narrow, asked.wanted | more) if chosen else {}
        return {patient: gate.listed(found.get(patient), patient, asked) for patient in patients}

    async def _charted(
        self,
        resource: str,
        ask: Callable[[Sequence[Mrn], Wanted], Awaitable[Found[Mrn, Listed[V]]]],
        keys: Sequence[Charts],
        order: Callable[[V], Any] | None,
    ) -> Found[Charts, Listed[V]]:
        """The rows of patients' charts, merged in that order where a patient has several."""
        gate = self._gate(resource, SEARCH)
        if gate.admits_nothing:
            return dict.fromkeys(keys, NONE)
        mrns, asked = await self._charts_asked(gate, keys)
        found = await ask(mrns, asked.wanted) if mrns else {}
        lists = {
            key: merged([gate.listed(found.get(chart.mrn), chart.patient_id, asked) for chart in key], order)
            for key in keys
        }
        for listed in lists.values():
            if isinstance(listed, Listed):
                self._miss(listed.missing)
        return lists

    def _miss(self, errors: Iterable[SourceError]) -> None:
        self.missing.update({(error.source, type(error)): error for error in errors})

    async def _charts_asked(self, gate: Gate, keys: Sequence[Charts]) -> tuple[list[Mrn], Asked]:
        """The MRNs of those patients whose rows may be asked for, and what is known of the others."""
        patients, asked = await self._asked(gate, [key[0].patient_id for key in keys])
        may = set(patients)
        mrns = [chart.mrn for key in keys if key[0].patient_id in may for chart in key]
        return list(dict.fromkeys(mrns)), asked

    async def _booked(
        self,
        letter: str,
        ask: Callable[[Sequence[K], Wanted], Awaitable[Found[K, Appointment]]],
        keys: Sequence[K],
    ) -> Found[K, Appointment]:
        gate = self._gate("Appointment", letter)
        if gate.admits_nothing:
            return {}
        kept = await self._admitted_bookings(gate, await ask(keys, gate.wanted))
        self.touched.charts.update(
            row.patient_mrn for row in kept.values() if not isinstance(row, SourceError)
        )
        return kept

    async def _admitted_bookings(self, gate: Gate, found: Found[K, Appointment]) -> Found[K, Appointment]:
        """Those the actor may know of. A booking names its patient by MRN: whose it is, the EHR tells."""
        mrns = {row.patient_mrn for row in found.values() if not isinstance(row, SourceError)}
        owners = await self._owners(mrns) if gate.needs_owner else {}
        return await gate.found(found, lambda _, row: owners.get(row.patient_mrn))

    async def _owners(self, mrns: set[Mrn]) -> Mapping[Mrn, PatientId | SourceError]:
        known = {mrn: row.patient_id for row in self._seen for mrn in row.mrns if mrn in mrns}
        ehr = self.house.sources.ehr
        asked = {mrn: ehr.mrn_identifier(mrn) for mrn in mrns - known.keys()}
        tokens = list(dict.fromkeys(asked.values()))
        found = await ehr.identified(Patient, tokens, frozenset({"mrn"})) if asked else {}
        rows = {mrn: found[token] for mrn, token in asked.items() if token in found}
        return known | {
            mrn: row if isinstance(row, SourceError) else row.patient_id for mrn, row in rows.items()
        }

    async def _mrns(self, patient: PatientId) -> tuple[Mrn, ...]:
        """The MRNs of a patient whom the actor may know of; none if they may not, or there is none."""
        found = (await self._read_apart(Patient, patient, "mrns")).get(patient)
        return found.mrns if found is not None else ()

    async def _npis(self, practitioner: str) -> tuple[str, ...]:
        found = (await self._read_apart(Practitioner, practitioner, "npi")).get(practitioner)
        return (found.npi,) if found is not None and found.npi is not None else ()

    async def _read_apart(self, kind: type[R], id_: str, attribute: str) -> Mapping[str, R]:
        """One record with that one attribute, if the actor may know of it. Raises what is there instead."""
        gate = self._gate(kind.__name__, READ)
        wanted = gate.conditions.attributes | {attribute}
        kept = await gate.found(await self.house.sources.ehr.read(kind, [id_], wanted), _owner)
        _had(kept)
        return {key: row for key, row in kept.items() if not isinstance(row, SourceError)}

    def _search(
        self,
        search: str,
        gate: Gate,
        page: Callable[[int, str | None], Awaitable[Page[V]]],
        admit: Callable[[Sequence[V]], Awaitable[Sequence[bool]]],
    ) -> Searching[V]:
        async def seen(count: int, bookmark: str | None) -> Page[V]:
            got = await page(count, bookmark)
            self._miss(got.missing)
            return got

        return Searching(
            self.house.seal,
            f"{self.grant.key}:{search}",
            seen,
            admit,
            looks_ahead=gate.conditions.labels.each,
        )


def _owner(_: object, row: object) -> Owner:
    return getattr(row, "patient_id", None)


def _nobody(_: object, row: object) -> Owner:
    return None


def _had(found: Mapping[Any, V | SourceError]) -> list[V]:
    """The rows, all of which could be had.

    Raises:
        SourceError: one could not: a search has no place for it, and must not be silent about it.
    """
    for row in found.values():
        if isinstance(row, SourceError):
            raise row
    return [row for row in found.values() if not isinstance(row, SourceError)]
