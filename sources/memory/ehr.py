"""Owns the EHR port over FHIR records in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sources.errors import SourceRejected
from sources.memory.narrowing import UnknownParameter, passes
from sources.memory.standing import AlwaysUp
from sources.model import Identifier, Mrn, Patient, PatientId, Resource
from sources.naming import Practice, alone, of_practice
from sources.ports import Found, Listed, Narrowing, Page, PatientQuery, Wanted

R = TypeVar("R", bound=Resource)

HOME = alone("pms", "urn:mrn", "urn:visit")


class MemoryRecords(AlwaysUp):
    """FHIR records by type and id, as `sources.ports.ClinicalRecords`."""

    def __init__(
        self,
        resources: Iterable[Resource],
        practices: tuple[Practice, ...] = HOME,
        name: str = "ehr",
    ) -> None:
        super().__init__(name, "ehr")
        self._practices = practices
        self._resources = list(resources)

    def put(self, resource: Resource) -> None:
        """Add *resource*, in place of one of its type and id."""
        others = [row for row in self._resources if type(row) is not type(resource) or row.id != resource.id]
        self._resources = [*others, resource]

    def mrn_identifier(self, mrn: Mrn) -> str:
        practice, number = of_practice(self._practices, mrn)
        return f"{practice.mrn_system}|{number}"

    def visit_identifier(self, visit_number: str) -> str:
        practice, number = of_practice(self._practices, visit_number)
        return f"{practice.visit_system}|{number}"

    async def read(self, kind: type[R], ids: Sequence[str], wanted: Wanted) -> Found[str, R]:
        by_id = {row.id: row for row in self._of(kind)}
        return {id_: by_id[id_] for id_ in ids if id_ in by_id}

    async def of_patients(
        self, kind: type[R], patients: Sequence[PatientId], narrowing: Narrowing, wanted: Wanted
    ) -> Found[PatientId, Listed[R]]:
        try:
            rows = [row for row in self._of(kind) if passes(row, narrowing)]
        except UnknownParameter as unknown:
            raise SourceRejected(self.name, f"it knows no search parameter `{unknown}`") from None
        lists = {
            patient: tuple(row for row in rows if getattr(row, "patient_id", None) == patient)
            for patient in patients
        }
        return {patient: Listed(mine) for patient, mine in lists.items() if mine}

    async def identified(self, kind: type[R], identifiers: Sequence[str], wanted: Wanted) -> Found[str, R]:
        borne = {_key(identifier): row for row in self._of(kind) for identifier in _identifiers(row)}
        return {key: borne[key] for key in identifiers if key in borne}

    async def search_patients(
        self, query: PatientQuery, count: int, bookmark: str | None, wanted: Wanted
    ) -> Page[Patient]:
        if bookmark is not None and not bookmark.isdigit():
            raise SourceRejected(
                self.name, "the bookmark does not belong to this search; start again without it"
            )
        matching = [patient for patient in self._of(Patient) if _matches(patient, query)]
        start = int(bookmark or 0)
        end = start + count
        return Page(tuple(matching[start:end]), str(end) if end < len(matching) else None)

    def _of(self, kind: type[R]) -> list[R]:
        return [row for row in self._resources if isinstance(row, kind)]


def _identifiers(row: Resource) -> tuple[Identifier, ...]:
    identifiers: tuple[Identifier, ...] = getattr(row, "identifier", ())
    return identifiers


def _key(identifier: Identifier) -> str:
    return f"{identifier.system or ''}|{identifier.value or ''}"


def _matches(patient: Patient, query: PatientQuery) -> bool:
    """Whether names begin as asked, in any case, and all else is equal."""
    families = [name.family for name in patient.name if name.family]
    givens = [given for name in patient.name for given in name.given]
    tests = (
        query.id is None or patient.id == query.id,
        query.name is None or _begins(query.name, [*families, *givens]),
        query.family is None or _begins(query.family, families),
        query.given is None or _begins(query.given, givens),
        query.birth_date is None or patient.birth_date == query.birth_date.removeprefix("eq"),
        query.gender is None or patient.gender == query.gender,
        query.identifier is None or query.identifier in map(_key, patient.identifier),
    )
    return all(tests)


def _begins(start: str, names: Iterable[str]) -> bool:
    return any(name.casefold().startswith(start.casefold()) for name in names)
