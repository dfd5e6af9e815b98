"""Owns the EHR port over several EHRs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from sources.errors import SourceError, SourceRejected
from sources.fhir.asking import escaped
from sources.model import Mrn, Patient, PatientId, Resource
from sources.naming import Naming, Practice, of_practice
from sources.ports import (
    Checked,
    ClinicalRecords,
    Found,
    Health,
    Listed,
    Narrowing,
    Page,
    PatientQuery,
    Wanted,
)
from sources.several.fanning import by_source, each, first_found
from sources.several.renaming import resource

R = TypeVar("R", bound=Resource)

_BEGIN = ""


class SeveralRecords:
    """Several EHRs as one `sources.ports.ClinicalRecords`.

    *practices* are those of each EHR: the MRNs and visit numbers of a practice are looked up in its EHR only.
    Other identifiers, such as NPIs, are looked up in all; the first EHR that knows one wins, in their order.
    """

    kind = "ehr"

    def __init__(
        self,
        records: Mapping[str, ClinicalRecords],
        naming: Naming,
        practices: Mapping[str, Sequence[Practice]],
    ) -> None:
        self.name = "+".join(records)
        self._records = dict(records)
        self._naming = naming
        self._practices = {practice: ehr for ehr, mine in practices.items() for practice in mine}
        self._routes = {
            f"{escaped(system)}|": ehr
            for practice, ehr in self._practices.items()
            for system in (practice.mrn_system, practice.visit_system)
        }

    def health(self) -> Health:
        """Up while one of them is; each has a health of its own."""
        every = [one.health() for one in self._records.values()]
        since = max((health.since for health in every), default="")
        return Health(self.name, self.kind, any(health.up for health in every), since)

    async def check(self) -> Checked:
        found = [await one.check() for one in self._records.values()]
        return Checked(all(one.ok for one in found), tuple(line for one in found for line in one.said))

    def mrn_identifier(self, mrn: Mrn) -> str:
        return self._ehr_of(mrn).mrn_identifier(mrn)

    def visit_identifier(self, visit_number: str) -> str:
        return self._ehr_of(visit_number).visit_identifier(visit_number)

    async def read(self, kind: type[R], ids: Sequence[str], wanted: Wanted) -> Found[str, R]:
        return await by_source(
            self._naming,
            ids,
            lambda ehr, mine: self._records[ehr].read(kind, mine, wanted),
            lambda ehr, row: resource(row, self._naming, ehr),
        )

    async def of_patients(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> Found[PatientId, Listed[R]]:
        async def ask(ehr: str, mine: Sequence[str]) -> Found[str, Listed[R]]:
            known = self._known_to(ehr, narrowing)
            if known is None:
                return {}
            asked = [PatientId(id_) for id_ in mine]
            found = await self._records[ehr].of_patients(kind, asked, known, wanted)
            return {str(patient): listed for patient, listed in found.items()}

        return await by_source(self._naming, patients, ask, self._listed)

    async def identified(self, kind: type[R], identifiers: Sequence[str], wanted: Wanted) -> Found[str, R]:
        groups = {
            ehr: [token for token in identifiers if self._route(token) in (None, ehr)]
            for ehr in self._records
        }
        answers = await each(
            {ehr: self._records[ehr].identified(kind, mine, wanted) for ehr, mine in groups.items() if mine}
        )
        named = [
            answer if isinstance(answer, SourceError) else self._all_named(ehr, answer)
            for ehr, answer in answers.items()
        ]
        return first_found(identifiers, named)

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        """The EHRs' patients one EHR after the other, in the order of the settings."""
        order = list(self._records)
        if query.id is not None:
            local = self._naming.local(query.id)
            if local is None:
                return Page()
            order, query = [local[0]], query.only(PatientId(local[1]))
        at, inner = self._place(order, bookmark)
        missing: list[SourceError] = []
        for ehr in order[at:]:
            after = f"{order[order.index(ehr) + 1]} " if ehr != order[-1] else None
            try:
                page = await self._records[ehr].search_patients(query, count, inner or None, wanted)
            except SourceError as error:
                missing.append(error)
                if after is None and len(missing) == len(order):
                    raise
            else:
                following = f"{ehr} {page.next}" if page.next is not None else after
                if page.rows or following is None or page.next is not None:
                    rows = tuple(resource(row, self._naming, ehr) for row in page.rows)
                    return Page(rows, following, (*missing, *page.missing))
            inner = _BEGIN
        return Page(missing=tuple(missing))

    def _place(self, order: Sequence[str], bookmark: str | None) -> tuple[int, str]:
        """Where in the order of EHRs a search goes on, and with which bookmark of that EHR."""
        if bookmark is None:
            return 0, _BEGIN
        ehr, _, inner = bookmark.partition(" ")
        if ehr not in order:
            why = "the bookmark does not belong to this search; start again without it"
            raise SourceRejected(self.name, why)
        return order.index(ehr), inner

    def _ehr_of(self, number: str) -> ClinicalRecords:
        practice, _ = of_practice(self._practices, number)
        return self._records[self._practices[practice]]

    def _route(self, identifier: str) -> str | None:
        """The EHR that alone knows an identifier; None where any may."""
        return next((ehr for start, ehr in self._routes.items() if identifier.startswith(start)), None)

    def _known_to(self, ehr: str, narrowing: Narrowing) -> Narrowing | None:
        """The narrowing with the encounters of that EHR by its own ids; None where none of them is its."""
        parameters = []
        for name, values in narrowing.parameters:
            if name == "encounter":
                local = [self._naming.local(value) for value in values]
                values = tuple(one[1] for one in local if one is not None and one[0] == ehr)
                if not values:
                    return None
            parameters.append((name, values))
        return Narrowing(tuple(parameters))

    def _all_named(self, ehr: str, found: Found[str, R]) -> Found[str, R]:
        return {
            key: row if isinstance(row, SourceError) else resource(row, self._naming, ehr)
            for key, row in found.items()
        }

    def _listed(self, ehr: str, listed: Listed[R]) -> Listed[R]:
        rows = tuple(resource(row, self._naming, ehr) for row in listed.rows)
        return Listed(rows, listed.complete, listed.missing)
