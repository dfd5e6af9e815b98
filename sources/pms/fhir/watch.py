"""Owns what a practice's FHIR server tells of its appointments' changes: by the MRN of whom they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sources.errors import SourceError
from sources.fhir.practice import Appointment
from sources.fhir.resources import Resources
from sources.fhir.watching import Update, Watch, Watched
from sources.model import ChangeType, Mrn, PatientId
from sources.pms.fhir.people import People
from sources.pms.fhir.settings import FhirPmsSettings
from sources.ports import Noticed

APPOINTMENTS = Watched(ChangeType.APPOINTMENT, Appointment, "id,meta,participant")


class BookWatch:
    """Looks at one practice's book."""

    def __init__(self, settings: FhirPmsSettings, resources: Resources, people: People) -> None:
        self._name = settings.name
        self._people = people
        self._watch = Watch(settings.name, resources, [APPOINTMENTS], settings.overlap_s, as_said=False)

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        """What changed after *bookmark*, oldest first, and the bookmark after it."""
        now = datetime.now(UTC)
        updates, after = await self._watch.look(bookmark)
        patients = [update.patient for update in updates if update.patient is not None]
        mrn_of = await self._people.mrns(patients) if patients else {}
        return [
            Noticed(update.change(self._name, now, None), _mrn(update, mrn_of)) for update in updates
        ], after


def _mrn(update: Update, mrn_of: Mapping[PatientId, Mrn | SourceError]) -> Mrn | None:
    """The MRN of the appointment's patient; None where the practice has none.

    Raises:
        SourceError: it could not be had, and may be had later.
    """
    mrn = mrn_of.get(update.patient) if update.patient is not None else None
    if isinstance(mrn, SourceError):
        if mrn.retryable:
            raise mrn
        return None
    return mrn
