"""Owns how what one of several sources tells of changes comes to bear the house's ids."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sources.errors import SourceMisread
from sources.model import Mrn, PatientId
from sources.naming import Ambiguous, Naming
from sources.ports import Changes, Checked, Health, Noticed


class NamedChanges:
    """A source's changes under the house's ids: those of its role, and an EHR's of the patient."""

    def __init__(self, changes: Changes, naming: Naming) -> None:
        self.name = changes.name
        self.kind = changes.kind
        self._changes = changes
        self._naming = naming

    def health(self) -> Health:
        return self._changes.health()

    async def check(self) -> Checked:
        return await self._changes.check()

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        noticed, after = await self._changes.changes(bookmark)
        return [self._named(one) for one in noticed], after

    def _named(self, noticed: Noticed) -> Noticed:
        change, patient = noticed.change, noticed.change.patient_id
        change = msgspec.structs.replace(
            change,
            id=self._given(change.id) if change.id else change.id,
            patient_id=PatientId(self._given(patient)) if patient else patient,
        )
        return Noticed(change, Mrn(self._given(noticed.mrn)) if noticed.mrn else noticed.mrn)

    def _given(self, local: str) -> str:
        try:
            return self._naming.given(self.name, local)
        except Ambiguous:
            raise SourceMisread(self.name, "an id begins with the name of another source") from None
