"""The EHR's resources, their versions, and the indexes that make a search over many patients quick."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import msgspec

from sandbox.ehr.parameters import Kind, elements, parameters_of
from sandbox.ehr.references import target
from sandbox.ehr.tokens import pairs
from sandbox.records import Resource

Index = dict[str, list[str]]
"""From a `Type/id` that is referred to, or a `system|value`, to the ids of resources that hold it."""


@dataclass(frozen=True)
class Updates:
    """A type's resources in the order of their last update: `instants[n]` is that of `ids[n]`."""

    instants: list[datetime]
    ids: list[str]
    by_id: dict[str, datetime]

    def between(self, start: datetime, end: datetime) -> list[str]:
        """The ids of those last updated in [start, end)."""
        return self.ids[bisect_left(self.instants, start) : bisect_left(self.instants, end)]


class Store:
    """Every resource by type and id.

    What it was given is served as it is: a resource without `meta.versionId` or `meta.lastUpdated`
    has version 1 and counts as last updated when the store was made, but its JSON is not touched.
    Indexes are made when first asked for and dropped whole when their type is written to.
    """

    def __init__(
        self,
        resources: dict[str, dict[str, Resource]],
        base: str,
        zone: tzinfo = UTC,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.base = base
        self.zone = zone
        self._resources = resources
        self._now = now
        self._loaded_at = now()
        self._deleted: set[tuple[str, str]] = set()
        self._past: dict[tuple[str, str], list[Resource]] = {}
        self._indexes: dict[tuple[str, str], Index] = {}
        self._updates: dict[str, Updates] = {}
        self._encoded: dict[tuple[str, str], bytes] = {}

    def types(self) -> list[str]:
        """The types there are resources of, in alphabetical order."""
        return sorted(self._resources)

    def ids(self, type_: str) -> Iterable[str]:
        """The ids of every resource of *type_*, in the order they came in."""
        return self._resources.get(type_, {}).keys()

    def get(self, type_: str, id_: str) -> Resource | None:
        """The resource, or None where there is none (any more)."""
        return self._resources.get(type_, {}).get(id_)

    def is_deleted(self, type_: str, id_: str) -> bool:
        """Whether there was such a resource until it was deleted."""
        return (type_, id_) in self._deleted

    def version(self, resource: Resource) -> str:
        """Its `meta.versionId`, or `1`."""
        return str(resource.get("meta", {}).get("versionId", "1"))

    def encoded(self, type_: str, id_: str) -> bytes:
        """The resource as JSON; the bytes are kept, for the resource changes only by `put`."""
        key = (type_, id_)
        found = self._encoded.get(key)
        if found is None:
            found = self._encoded[key] = msgspec.json.encode(self._resources[type_][id_])
        return found

    def put(self, resource: Resource) -> Resource:
        """Stores a copy with the next version and the present time, and returns it."""
        type_, id_ = resource["resourceType"], resource["id"]
        before = self.get(type_, id_)
        version = _number(self.version(before)) + 1 if before else 1
        stored = {
            **resource,
            "meta": {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": self._stamp()},
        }
        self._past.setdefault((type_, id_), [before] if before else []).append(stored)
        self._resources.setdefault(type_, {})[id_] = stored
        self._deleted.discard((type_, id_))
        self._forget(type_, id_)
        return stored

    def delete(self, type_: str, id_: str) -> None:
        """Takes the resource away; from then on it is known to be gone."""
        before = self._resources.get(type_, {}).pop(id_, None)
        if before is not None:
            past = self._past.setdefault((type_, id_), [before])
            version = str(_number(self.version(past[-1])) + 1)
            past.append({"id": id_, "meta": {"versionId": version, "lastUpdated": self._stamp()}})
            self._deleted.add((type_, id_))
            self._forget(type_, id_)

    def history(self, type_: str, id_: str | None = None) -> list[Resource]:
        """What was stored since the start, newest first; a deletion is a resource without `resourceType`.

        Of one resource its first version, too.
        """
        past = [
            it
            for (kind, one), its in self._past.items()
            if kind == type_ and id_ in (None, one)
            for it in its
        ]
        if id_ is not None and not past and (here := self.get(type_, id_)):
            past = [here]
        return sorted(past, key=self._updated, reverse=True)

    def _stamp(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def updates(self, type_: str) -> "Updates":
        """When the resources of *type_* were last updated, in that order."""
        found = self._updates.get(type_)
        if found is None:
            every = self._resources.get(type_, {})
            by_id = {id_: self._updated(resource) for id_, resource in every.items()}
            ids = sorted(by_id, key=by_id.__getitem__)
            found = self._updates[type_] = Updates([by_id[id_] for id_ in ids], ids, by_id)
        return found

    def index(self, type_: str, name: str) -> Index:
        """The index of *type_* by the reference parameter or the identifiers called *name*."""
        key = (type_, name)
        found = self._indexes.get(key)
        if found is None:
            found = self._indexes[key] = self._build(type_, name)
        return found

    def identified(self, type_: str, identifier: str) -> list[str]:
        """The ids of the resources of *type_* with *identifier*: `system|value`, or a value alone."""
        return self.index(type_, "identifier").get(identifier, [])

    def target(self, reference: Any) -> str | None:
        """The `Type/id` that a Reference element points to; see `references.target`."""
        return target(reference, self.base, self.identified)

    def _updated(self, resource: Resource) -> datetime:
        stamp = resource.get("meta", {}).get("lastUpdated")
        try:
            found = datetime.fromisoformat(stamp)
        except (TypeError, ValueError):
            return self._loaded_at
        return found if found.tzinfo else found.replace(tzinfo=self.zone)

    def _build(self, type_: str, name: str) -> Index:
        parameter = parameters_of(type_)[name]
        keys = self._targets if parameter.kind is Kind.REFERENCE else _identifiers
        index: Index = {}
        for id_, resource in self._resources.get(type_, {}).items():
            for key in dict.fromkeys(keys(elements(resource, parameter))):
                index.setdefault(key, []).append(id_)
        return index

    def _targets(self, found: list[Any]) -> Iterable[str]:
        return [key for reference in found if (key := self.target(reference))]

    def _forget(self, type_: str, id_: str) -> None:
        self._encoded.pop((type_, id_), None)
        self._updates.pop(type_, None)
        for key in [key for key in self._indexes if key[0] == type_]:
            del self._indexes[key]


def _number(version: str) -> int:
    return int(version) if version.isdecimal() else 1


def _identifiers(found: list[Any]) -> Iterable[str]:
    return [
        key for element in found for system, value in pairs(element) for key in (f"{system}|{value}", value)
    ]
