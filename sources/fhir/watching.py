"""Owns the looks at what changed on a server: resources updated lately, and those deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sources.errors import SourceError
from sources.fhir.asking import elements
from sources.fhir.bundles import Unread
from sources.fhir.capability import Capability
from sources.fhir.client import Results
from sources.fhir.history import Version
from sources.fhir.identity import Identity, Untold
from sources.fhir.keys import references
from sources.fhir.resources import Resources
from sources.looks import Bookmark, moment_of, written
from sources.model import Change, ChangeKind, ChangeType, PatientId, Reference, Resource

_UPDATED = "_lastUpdated"


class Watched(NamedTuple):
    """A type whose resources are looked at. `elements` are what tells whose they are, and when updated."""

    told_as: ChangeType
    kind: type[Resource]
    elements: str

    @classmethod
    def of(cls, type_: ChangeType, kind: type[Resource]) -> Watched:
        """A type of the model."""
        return cls(type_, kind, elements(kind, frozenset({"last_updated"})))

    @property
    def name(self) -> str:
        """The type's FHIR name."""
        return self.kind.__name__


class Update(NamedTuple):
    """A resource was stored or deleted, at the instant `at`; `patient` is None where it is not said whose."""

    type: ChangeType
    kind: ChangeKind
    id: str
    version: str
    at: str
    patient: PatientId | None

    def change(self, source: str, received: datetime, patient: PatientId | None) -> Change:
        """The change that is told of it: *patient* is whose it is in the house, if that is known."""
        return Change(
            kind=self.kind,
            type=self.type,
            source=source,
            id=self.id,
            patient_id=patient or PatientId(""),
            version=self.version,
            occurred=self.at,
            received=written(received),
        )


class _Look(NamedTuple):
    """What was seen of one type, and, if there was more, how far that is all."""

    updates: list[Update]
    cut_at: str | None = None


class Watch:
    """Looks at one server's *watched* types, each look from *overlap_s* before what the last one saw.

    *as_said*: only at those that the server's CapabilityStatement says can be searched by `_lastUpdated`.
    """

    def __init__(
        self, name: str, resources: Resources, watched: Sequence[Watched], overlap_s: int, *, as_said: bool
    ) -> None:
        self._name = name
        self._resources = resources
        self._watched = tuple(watched)
        self._overlap = timedelta(seconds=overlap_s)
        self._as_said = as_said

    async def types(self) -> tuple[Watched, ...] | None:
        """The types that are looked at; None: the server does not say which can be."""
        if not self._as_said:
            return self._watched
        said = await self._resources.client.capability()
        if said is None:
            return None
        return tuple(each for each in self._watched if said.names(each.name, _UPDATED))

    async def look(self, bookmark: str | None) -> tuple[list[Update], str]:
        """What changed after *bookmark* (None: from now on), oldest first, and the bookmark after it.

        Raises:
            SourceError: one of the types could not be looked at; nothing was seen.
        """
        if bookmark is None:
            return [], str(Bookmark.at(datetime.now(UTC)))
        here = Bookmark.parsed(bookmark, self._name)
        types = await self.types()
        if not types:
            return [], bookmark
        looks = await asyncio.gather(*(self._look(each, here) for each in types))
        updates = [update for look in looks for update in look.updates]
        updates.sort(key=lambda update: datetime.fromisoformat(update.at))
        return updates, str(self._after(here, updates, [look.cut_at for look in looks if look.cut_at]))

    def _after(self, here: Bookmark, updates: Sequence[Update], cut_at: Sequence[str]) -> Bookmark:
        if not cut_at:
            return here.after(update.at for update in updates)
        # What lies behind the first cut is seen again.
        return here.cut(min(cut_at, key=datetime.fromisoformat))

    async def _look(self, watched: Watched, here: Bookmark) -> _Look:
        since = written(here.since(self._overlap))
        search = [(_UPDATED, f"ge{since}"), ("_sort", _UPDATED)]
        results = await self._resources.every(watched.kind, search, watched.elements)
        updates = _stored(watched.told_as, results)
        cut_at = None if results.complete else self._cut_at(watched, updates, since)
        updates += await self._deleted(watched, since)
        return _Look([each for each in updates if here.is_before(each.at)], cut_at)

    def _cut_at(self, watched: Watched, updates: Sequence[Update], since: str) -> str:
        instants = [datetime.fromisoformat(update.at) for update in updates]
        if instants != sorted(instants):
            raise self._resources.misread(watched.kind, "rows are not sorted by `_lastUpdated` as asked")
        if not instants or instants[-1] <= datetime.fromisoformat(since):
            raise self._resources.misread(
                watched.kind, "more changed in one instant than is read of a search"
            )
        return updates[-1].at

    async def _deleted(self, watched: Watched, since: str) -> list[Update]:
        """What was deleted, where the server keeps a history of the type."""
        said = await self._resources.client.capability()
        if not _keeps_history(said, watched):
            return []
        versions = await self._resources.history(watched.name, [("_since", since)])
        gone = {each.id: each for each in versions if each.is_deleted and moment_of(each.at) is not None}
        return [await self._lost(watched, each, versions) for each in gone.values()]

    async def _lost(self, watched: Watched, gone: Version, versions: Sequence[Version]) -> Update:
        at = gone.at or ""
        patient = await self._patient_before(watched, gone.id, versions)
        return Update(watched.told_as, ChangeKind.DELETED, gone.id, gone.version or f"-{at}", at, patient)

    async def _patient_before(
        self, watched: Watched, id_: str, versions: Sequence[Version]
    ) -> PatientId | None:
        """Whose it was, by its last version before it was deleted, as far as the server tells."""
        if watched.told_as is ChangeType.PATIENT:
            return PatientId(id_)
        body = _last_body(each for each in versions if each.id == id_)
        if body is None:
            try:
                body = _last_body(await self._resources.history(f"{watched.name}/{id_}", []))
            except SourceError as error:
                if error.retryable:
                    raise
        row = self._resources.told_by(watched.kind, watched.elements, body) if body is not None else None
        return _patient(references(row)) if row is not None else None


def _keeps_history(said: Capability | None, watched: Watched) -> bool:
    return said is not None and said.allows(watched.name, "history-type")


def _last_body(versions: Iterable[Version]) -> bytes | None:
    return next((each.body for each in versions if each.body is not None), None)


def _stored(type_: ChangeType, results: Results[Any]) -> list[Update]:
    """What was stored, in the order it came; a row that does not say when is no answer to what was asked."""
    stored = [
        _update(type_, row.id, row.meta.version_id, row.last_updated, _patient(references(row)))
        for row in results.rows
        if row.meta is not None and moment_of(row.last_updated) is not None
    ]
    return stored + [each for row in results.unread if (each := _unread(type_, row)) is not None]


def _unread(type_: ChangeType, row: Unread) -> Update | None:
    """What a row that does not conform tells all the same: that it changed, and whose it is."""
    try:
        id_, updated = row.identity.id, row.identity.updated
    except Untold:
        return None
    if updated is None or moment_of(updated.last_updated) is None:
        return None
    named = f"Patient/{id_}" if type_ is ChangeType.PATIENT else _owner(row.identity)
    return _update(type_, id_, updated.version_id, updated.last_updated, _patient([named]))


def _owner(identity: Identity) -> str | None:
    try:
        return identity.owner
    except Untold:
        return None


def _update(
    type_: ChangeType, id_: str, version: str | None, at: str | None, patient: PatientId | None
) -> Update:
    kind = ChangeKind.CREATED if version == "1" else ChangeKind.UPDATED
    # Without versions, the time of the update tells two changes apart.
    return Update(type_, kind, id_, version or at or "", at or "", patient)


def _patient(named: Iterable[str | None]) -> PatientId | None:
    """The first patient among those references."""
    literal = (Reference(reference=(each or "").partition("/_history/")[0]) for each in named)
    return next((PatientId(each.id) for each in literal if each.kind == "Patient" and each.id), None)
