"""Owns who is who on a practice's FHIR server: patients by MRN, practitioners by NPI. Nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from sources.errors import SourceError
from sources.fhir.asking import escaped
from sources.fhir.bundles import page_reader
from sources.fhir.client import Results
from sources.fhir.practice import Actor, Appointment, PractitionerRole
from sources.fhir.resources import Resources
from sources.fhir.strategies import Question
from sources.model import NPI, Mrn, Patient, PatientId, Practitioner, Reference
from sources.ports import Found

K = TypeVar("K")
V = TypeVar("V")

_IDENTIFIERS = "id,identifier"


class People:
    """The patients and practitioners of one server, who bear MRNs of *mrn_system*."""

    def __init__(self, resources: Resources, mrn_system: str) -> None:
        self._resources = resources
        self._mrn_system = mrn_system

    async def ids(self, mrns: Sequence[Mrn]) -> Found[Mrn, PatientId]:
        """The ids of the patients with those MRNs."""
        keys = {f"{escaped(self._mrn_system)}|{escaped(mrn)}": mrn for mrn in mrns if mrn}
        found = await self._resources.identified(Patient, list(keys), _IDENTIFIERS)
        return {
            keys[key]: row if isinstance(row, SourceError) else PatientId(row.id)
            for key, row in found.items()
        }

    async def mrns(self, ids: Iterable[PatientId]) -> Mapping[PatientId, Mrn | SourceError]:
        """The MRN of each of those patients; one without has an error."""
        asked = list(dict.fromkeys(ids))
        found = await self._resources.read(Patient, asked, _IDENTIFIERS)
        mrns: dict[PatientId, Mrn | SourceError] = {}
        for id_ in asked:
            row = found.get(id_)
            mrns[id_] = row if isinstance(row, SourceError) else self._mrn(row)
        return mrns

    def _mrn(self, patient: Patient | None) -> Mrn | SourceError:
        identifiers = patient.identifier if patient is not None else ()
        values = (each.value for each in identifiers if each.system == self._mrn_system and each.value)
        value = next(values, None)
        return (
            self._resources.misread(Patient, "no identifier of the MRN system")
            if value is None
            else Mrn(value)
        )

    async def npis(self, actors: Iterable[Actor]) -> Mapping[str, str]:
        """The NPI of each practitioner among *actors*, by their reference, as far as they have one."""
        named = {each.reference: each.identifier for each in actors if each.reference}
        given = {
            reference: identifier.value
            for reference, identifier in named.items()
            if identifier is not None and identifier.system == NPI and identifier.value
        }
        rest = [Reference(reference=reference) for reference in named if reference not in given]
        roles = {ref.reference or "": ref.id or "" for ref in rest if ref.kind == "PractitionerRole"}
        plain = {ref.reference or "": ref.id or "" for ref in rest if ref.kind == "Practitioner"}
        plain |= await self._practitioners(roles)
        if plain:
            found = await self._resources.read(Practitioner, list(plain.values()), _IDENTIFIERS)
            npis = {id_: row.npi for id_, row in found.items() if not isinstance(row, SourceError)}
            given |= {reference: npi for reference, id_ in plain.items() if (npi := npis.get(id_))}
        return given

    async def _practitioners(self, roles: Mapping[str, str]) -> dict[str, str]:
        """The id of the practitioner behind each of *roles*."""
        if not roles:
            return {}
        found = await self._resources.read(PractitionerRole, list(roles.values()), "id,practitioner")
        who = {
            id_: row.practitioner.id
            for id_, row in found.items()
            if not isinstance(row, SourceError) and row.practitioner is not None
        }
        return {reference: practitioner for reference, id_ in roles.items() if (practitioner := who.get(id_))}

    async def actors(self, npis: Sequence[str]) -> list[str]:
        """Every reference by which an appointment may name the practitioners with those NPIs."""
        keys = [f"{escaped(NPI)}|{escaped(npi)}" for npi in npis]
        found = await self._resources.identified(Practitioner, keys, _IDENTIFIERS)
        ids = [row.id for row in found.values() if not isinstance(row, SourceError)]
        return [*(f"Practitioner/{id_}" for id_ in ids), *await self._roles(ids)]

    async def _roles(self, practitioners: Sequence[str]) -> list[str]:
        said = await self._resources.client.capability()
        if not practitioners or (said is not None and "PractitionerRole" not in said.interactions):
            return []
        reader = page_reader(PractitionerRole, "id,practitioner")
        question = Question(reader, "practitioner", [("_elements", "id,practitioner")])
        found = await self._resources.strategies.ask(question, list(practitioners), _roles_of)
        return [
            f"PractitionerRole/{id_}"
            for ids in found.values()
            if not isinstance(ids, SourceError)
            for id_ in ids
        ]


def patients_of(rows: Iterable[Appointment]) -> list[PatientId]:
    """The ids of the patients who take part in *rows*, each once."""
    named = (Reference(reference=actor.reference) for row in rows for actor in row.actors)
    return list(dict.fromkeys(PatientId(each.id) for each in named if each.kind == "Patient" and each.id))


def _roles_of(
    practitioners: Sequence[str], answer: Results[PractitionerRole]
) -> Mapping[str, list[str] | SourceError]:
    roles: dict[str, list[str] | SourceError] = {}
    for practitioner in practitioners:
        roles[practitioner] = [
            row.id
            for row in answer.rows
            if row.practitioner is not None and row.practitioner.id == practitioner
        ]
    return roles
