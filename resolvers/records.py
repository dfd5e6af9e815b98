"""The roads to what the EHR holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from resolvers.admitting import confined_to, narrowed, nothing, of_encounter
from resolvers.batching import Loader
from resolvers.connection import Rows, size
from resolvers.gate import Gate
from resolvers.request import NONE, READ, SEARCH, Request, had, owner
from sources.errors import SourceError
from sources.model import (
    NPI,
    DocumentReference,
    Mrn,
    Observation,
    Patient,
    PatientId,
    Practitioner,
    Resource,
    Visit,
)
from sources.ports import Found, Listed, Narrowing, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)


class Records:
    """What patients' records hold, for one request."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ehr = request.house.sources.ehr

    def read(self, kind: type[R]) -> Loader[str, R]:
        """Resources of a type by their logical ids."""

        async def fetch(ids: Sequence[str]) -> Found[str, R]:
            gate = self._request.gate(kind.__name__, READ)
            if gate.admits_nothing:
                return {}
            if kind is Patient:
                return await self._patients(gate, ids)

            async def read(chosen: Sequence[str], wanted: Wanted) -> Found[str, R]:
                return await self._ehr.read(kind, chosen, wanted)

            kept = await gate.found(await read(ids, gate.wanted), owner, read)
            self._request.touched.rows(kept.values())
            return kept

        return self._request.loader(("read", kind), fetch)

    def of_patients(self, kind: type[R], narrowing: Narrowing) -> Loader[PatientId, Listed[R]]:
        """Patients' resources of a type, narrowed."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Listed[R]]:
            gate = self._request.gate(kind.__name__, SEARCH)
            if gate.admits_nothing:
                return dict.fromkeys(patients, NONE)
            return await self._of_patients(kind, patients, narrowing, gate)

        return self._request.loader(("of_patients", kind, narrowing), fetch)

    def of_encounters(self, kind: type[Observation] | type[DocumentReference]) -> Loader[Visit, Listed[Any]]:
        """What belongs to encounters, by resource type."""
        by = "context" if kind is DocumentReference else "encounter"

        async def fetch(visits: Sequence[Visit]) -> Found[Visit, Listed[Any]]:
            gate = self._request.gate(kind.__name__, SEARCH)
            if gate.admits_nothing:
                return dict.fromkeys(visits, NONE)
            patients = list(dict.fromkeys(visit.patient_id for visit in visits))
            narrowing = Narrowing((("encounter", tuple(visit.encounter_id for visit in visits)),))
            found = await self._of_patients(kind, patients, narrowing, gate, frozenset({by}))
            return {visit: of_encounter(found[visit.patient_id], visit) for visit in visits}

        return self._request.loader(("of_encounters", kind), fetch)

    def identified(self, kind: type[R], identifier: Callable[[str], str]) -> Loader[str, R]:
        """Resources of a type by a business identifier, which *identifier* writes as `system|value`."""

        async def fetch(values: Sequence[str]) -> Found[str, R]:
            gate = self._request.gate(kind.__name__, SEARCH)
            if gate.admits_nothing:
                return {}

            async def read(chosen: Sequence[str], wanted: Wanted) -> Found[str, R]:
                asked = {value: identifier(value) for value in chosen}
                tokens = list(dict.fromkeys(asked.values()))
                found = await self._ehr.identified(kind, tokens, wanted)
                return {value: found[token] for value, token in asked.items() if token in found}

            kept = await gate.found(await read(values, gate.wanted), owner, read)
            self._request.note(kept.values())
            return kept

        return self._request.loader(("identified", kind), fetch)

    def patients_by_mrn(self) -> Loader[Mrn, Patient]:
        ehr = self._ehr
        return cast(
            "Loader[Mrn, Patient]", self.identified(Patient, cast("Callable[[str], str]", ehr.mrn_identifier))
        )

    def practitioners_by_npi(self) -> Loader[str, Practitioner]:
        return self.identified(Practitioner, lambda npi: f"{NPI}|{npi}")

    async def search_patients(self, query: PatientQuery, first: int, after: str | None) -> Rows[Patient]:
        """One page of the patients who match and whom the actor may know of."""
        gate = self._request.gate("Patient", SEARCH)
        confined = confined_to(gate.rule)
        if confined is not None:
            query = query.only(confined)
        elif gate.admits_nothing:
            return nothing()

        async def page(count: int, bookmark: str | None) -> Page[Patient]:
            return await self._ehr.search_patients(query, count, bookmark, gate.wanted)

        async def admit(rows: Sequence[Patient]) -> Sequence[bool]:
            kept = had(await gate.found(dict(enumerate(rows)), owner))
            return [index in kept for index in range(len(rows))]

        searching = self._request.search(
            f"patients:{query!r}", gate, page, admit, of_someone=_is_of_someone(query)
        )
        found = await searching.rows(size(first), after)
        self._request.note(found.nodes)
        return found

    async def owners(self, mrns: set[Mrn]) -> Mapping[Mrn, PatientId | SourceError]:
        known = {mrn: row.patient_id for row in self._request.seen for mrn in row.mrns}
        ehr = self._ehr
        asked = {mrn: ehr.mrn_identifier(mrn) for mrn in mrns - known.keys()}
        tokens = list(dict.fromkeys(asked.values()))
        found = await ehr.identified(Patient, tokens, frozenset({"mrn"})) if asked else {}
        rows = {mrn: found[token] for mrn, token in asked.items() if token in found}
        return known | {
            mrn: row if isinstance(row, SourceError) else row.patient_id for mrn, row in rows.items()
        }

    async def mrns(self, patient: PatientId) -> tuple[Mrn, ...]:
        """The MRNs of a patient whom the actor may know of; none if they may not, or there is none."""
        found = (await self._read_apart(Patient, patient, "mrns")).get(patient)
        return found.mrns if found is not None else ()

    async def npis(self, practitioner: str) -> tuple[str, ...]:
        found = (await self._read_apart(Practitioner, practitioner, "npi")).get(practitioner)
        return (found.npi,) if found is not None and found.npi is not None else ()

    async def _read_apart(self, kind: type[R], id_: str, attribute: str) -> Mapping[str, R]:
        """One record with that one attribute, if the actor may know of it. Raises what is there instead."""
        gate = self._request.gate(kind.__name__, READ)
        wanted = gate.conditions.attributes | {attribute}
        return had(await gate.found(await self._ehr.read(kind, [id_], wanted), owner))

    async def _patients(self, gate: Gate, ids: Sequence[str]) -> Found[str, Any]:
        """Patients by id: whose consents deny it is not even read."""
        patients, asked = await self._request.asked(gate, [PatientId(id_) for id_ in ids])
        ehr = self._ehr
        found = await ehr.read(Patient, patients, asked.wanted) if patients else {}
        kept = await gate.found(found, owner)
        self._request.note(kept.values())
        return asked.errors | kept

    async def _of_patients(
        self,
        kind: type[R],
        patients: Sequence[PatientId],
        narrowing: Narrowing,
        gate: Gate,
        more: Wanted = frozenset(),
    ) -> dict[PatientId, Listed[R] | SourceError]:
        chosen, asked = await self._request.asked(gate, patients)
        narrow, ehr = narrowed(narrowing, gate.rule), self._ehr
        found = await ehr.of_patients(kind, chosen, narrow, asked.wanted | more) if chosen else {}
        return {patient: gate.listed(found.get(patient), patient, asked) for patient in patients}


def _is_of_someone(query: PatientQuery) -> bool:
    """Whether it is for people by what is known of them, and not for all there are, or all of a gender."""
    return query != PatientQuery(gender=query.gender)
