"""Owns which patients of a server are one: those it merged, and whose consents it left where they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sources.errors import SourceError, SourceMisread
from sources.fhir.asking import elements
from sources.fhir.keys import patient_named
from sources.fhir.resources import Resources
from sources.fhir.settings import FhirServer
from sources.model import Patient, PatientId

Others = tuple[PatientId, ...]

_MERGED = frozenset({"replaces", "replaced-by"})
"""The types of a link that say so; `refer` and `seealso` tell of records that are both in use (link-type)."""

_WANTED = frozenset({"link"})
_ROUNDS = 4
"""How many merges one after the other are followed: a patient merged so often is a fault or a trap."""

_ELSEWHERE = "a patient is merged with one who is no patient of this server"
_TOO_LONG = "patients are merged with one another in a longer chain than is followed"


class Merging:
    """Asks one server whom it merged."""

    def __init__(self, server: FhirServer, resources: Resources) -> None:
        self._server = server
        self._base_url = server.base_url.rstrip("/")
        self._resources = resources

    async def others(self, patients: Sequence[PatientId]) -> Mapping[PatientId, Others | SourceError]:
        """For each patient all who are the same person, by links in either direction, one after the other.

        Raises:
            SourceError: none of them could be asked for.
        """
        links: dict[PatientId, Others | SourceError] = {}
        beyond = list(patients)
        for _ in range(_ROUNDS):
            links |= await self._links(beyond)
            named = {other for found in links.values() if isinstance(found, tuple) for other in found}
            beyond = sorted(named - links.keys())
            if not beyond:
                break
        links |= dict.fromkeys(beyond, SourceMisread(self._server.name, _TOO_LONG))
        return {patient: _joined(patient, links) for patient in patients}

    async def _links(self, patients: Sequence[PatientId]) -> dict[PatientId, Others | SourceError]:
        found = await self._resources.read(Patient, patients, elements(Patient, _WANTED))
        return {patient: self._named(found.get(patient)) for patient in patients}

    def _named(self, row: Patient | SourceError | None) -> Others | SourceError:
        if row is None or isinstance(row, SourceError):
            return row or ()
        merged = [link.other for link in row.link if link.type in _MERGED]
        named = [
            patient_named(self._base_url, other.reference if other is not None else None)
            for other in merged
            if other is None or other.kind != "RelatedPerson"
        ]
        known = tuple(other for other in named if other is not None)
        return known if len(known) == len(named) else SourceMisread(self._server.name, _ELSEWHERE)


def _joined(patient: PatientId, links: Mapping[PatientId, Others | SourceError]) -> Others | SourceError:
    """All whom a patient is linked with, at however many removes; an error among them is theirs, too."""
    seen, beyond = {patient}, [patient]
    while beyond:
        found = links[beyond.pop()]
        if isinstance(found, SourceError):
            return found
        beyond += [other for other in found if other not in seen]
        seen.update(found)
    return tuple(sorted(seen - {patient}))
