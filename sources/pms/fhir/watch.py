"""Owns the looks at what changed in a practice: appointments updated lately, and those deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sources.errors import SourceError, SourceRejected
from sources.fhir.history import Version
from sources.fhir.practice import Appointment
from sources.fhir.resources import Resources
from sources.model import ChangeKind, Mrn, PatientId
from sources.pms.fhir.changes import BadBookmark, Bookmark, change
from sources.pms.fhir.people import People, patients_of
from sources.pms.fhir.settings import FhirPmsSettings
from sources.ports import Noticed


class Watch:
    """Looks at one server, by `_lastUpdated` and, where it keeps one, by its history."""

    def __init__(self, settings: FhirPmsSettings, resources: Resources, people: People) -> None:
        self._settings = settings
        self._resources = resources
        self._people = people

    async def changes(self, bookmark: str | None) -> tuple[Sequence[Noticed], str]:
        """What changed after *bookmark*, oldest first, and the bookmark after it."""
        now = datetime.now(UTC)
        if bookmark is None:
            return (), str(Bookmark.at(now))
        try:
            here = Bookmark.parsed(bookmark)
        except BadBookmark:
            raise SourceRejected(
                self._settings.name, "the bookmark is not one of ours; begin again without it"
            ) from None
        since = here.since(self._settings.overlap_s)
        search = [("_lastUpdated", f"ge{since}"), ("_sort", "_lastUpdated")]
        results = await self._resources.every(Appointment, search, "id,meta,participant")
        updated = [row for row in results.rows if row.last_updated and here.is_before(row.last_updated)]
        gone = await self._deleted(since, here)
        mrn_of = await self._people.mrns(
            patients_of([*updated, *(row for _, row in gone if row is not None)])
        )
        noticed = [self._noticed(row, mrn_of, now) for row in updated]
        noticed += [self._lost(version, row, mrn_of, now) for version, row in gone]
        seen = [row.last_updated for row in updated if row.last_updated]
        seen += [version.at for version, _ in gone if version.at]
        after = here.after(seen)
        return sorted(noticed, key=lambda it: datetime.fromisoformat(it.change.occurred)), str(after)

    async def _deleted(self, since: str, here: Bookmark) -> list[tuple[Version, Appointment | None]]:
        """What was deleted, and what it was before, where the server keeps a history."""
        said = await self._resources.client.capability()
        if said is None or not said.allows("Appointment", "history-type"):
            return []
        versions = await self._resources.history("Appointment", [("_since", since)])
        gone = {each.id: each for each in versions if each.is_deleted and each.at and here.is_before(each.at)}
        return [(each, await self._before(each)) for each in gone.values()]

    async def _before(self, deleted: Version) -> Appointment | None:
        """The last version before the deletion, as far as it tells whose it was."""
        versions = await self._resources.history(f"Appointment/{deleted.id}", [])
        body = next((each.body for each in versions if each.body is not None), None)
        if body is None:
            return None
        return self._resources.told_by(Appointment, "id,participant", body)

    def _noticed(
        self, row: Appointment, mrn_of: Mapping[PatientId, Mrn | SourceError], now: datetime
    ) -> Noticed:
        version = row.meta.version_id if row.meta is not None else None
        kind = ChangeKind.CREATED if version == "1" else ChangeKind.UPDATED
        occurred = row.last_updated or now.isoformat()
        # Without versions, the time of the update tells two changes apart.
        told = change(self._settings.name, kind, row.id, version or occurred, occurred, now)
        return Noticed(told, _mrn_of(row, mrn_of))

    def _lost(
        self,
        version: Version,
        row: Appointment | None,
        mrn_of: Mapping[PatientId, Mrn | SourceError],
        now: datetime,
    ) -> Noticed:
        occurred = version.at or now.isoformat()
        told = change(
            self._settings.name,
            ChangeKind.DELETED,
            version.id,
            version.version or f"-{occurred}",
            occurred,
            now,
        )
        return Noticed(told, None if row is None else _mrn_of(row, mrn_of))


def _mrn_of(row: Appointment, mrn_of: Mapping[PatientId, Mrn | SourceError]) -> Mrn | None:
    """The MRN of the appointment's patient; None where the practice has none.

    Raises:
        SourceError: it could not be had, and may be had later.
    """
    mrn = next((mrn_of[patient] for patient in patients_of([row]) if patient in mrn_of), None)
    if isinstance(mrn, SourceError):
        if mrn.retryable:
            raise mrn
        return None
    return mrn
