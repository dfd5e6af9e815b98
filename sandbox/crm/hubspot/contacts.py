"""Owns the CRM's contacts: unique properties, batch reads, search and changes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sandbox.bodies import Unreadable
from sandbox.crm.hubspot.filters import check, comparable, passes
from sandbox.crm.hubspot.queries import Search, Sort
from sandbox.records import Contact

Shown: TypeAlias = dict[str, Any]

OBJECT_ID = "hs_object_id"
UNIQUE = (OBJECT_ID, "care_key", "email")


class Contacts:
    """Contacts by each of their unique properties. Holds copies, so that a data set serves twice."""

    def __init__(self, contacts: Iterable[Contact]) -> None:
        self._rows: list[Contact] = [
            {**row, "properties": {**row["properties"], OBJECT_ID: row["id"]}} for row in contacts
        ]
        self._names = {OBJECT_ID, *UNIQUE, *(name for row in self._rows for name in row["properties"])}
        self._index()

    def _index(self) -> None:
        self._by = {
            name: {value: row for row in self._rows if (value := row["properties"].get(name))}
            for name in UNIQUE
        }

    def find(self, id: str, by: str = OBJECT_ID) -> Contact | None:
        """The contact whose unique property *by* is *id*.

        Raises:
            Unreadable: the property is not unique.
        """
        if by not in self._by:
            raise Unreadable("`idProperty` is not a unique property of contacts", "idProperty")
        return self._by[by].get(id)

    def read(self, ids: Sequence[str], by: str) -> tuple[list[Contact], list[str]]:
        """The contacts there are, never in the order of *ids*, and the ids that have none."""
        rows = {id: self.find(id, by) for id in dict.fromkeys(ids)}
        asked = [row for row in rows.values() if row is not None]
        found = sorted(asked, key=lambda row: row["id"])
        if found == asked:
            found.reverse()  # an adapter that trusts positions must fail every time, not now and then
        return found, [id for id, row in rows.items() if row is None]

    def search(self, asked: Search) -> tuple[list[Contact], int, str | None]:
        """One page, how many contacts match in all, and where the next page begins."""
        check(asked.groups)
        matching = [row for row in self._rows if passes(row["properties"], asked.groups)]
        for sort in asked.sorts:
            matching = _sorted(matching, sort)
        start = int(asked.after or 0)
        end = start + asked.limit
        return matching[start:end], len(matching), str(end) if end < len(matching) else None

    def change(self, contact: Contact, properties: dict[str, str | None]) -> None:
        """Set some properties of *contact*.

        Raises:
            Unreadable: an unknown property, the object id, or a unique value that another contact has.
        """
        for name, value in properties.items():
            if name not in self._names or name == OBJECT_ID:
                raise Unreadable(f"property `{name}` does not exist or is read-only", name)
            if name in UNIQUE and value and self._by[name].get(value, contact) is not contact:
                raise Unreadable(f"another contact has this value of `{name}`", name)
        contact["properties"].update(properties)
        contact["updatedAt"] = now()
        self._index()

    def shown(self, contact: Contact, properties: Iterable[str], by: str = OBJECT_ID) -> Shown:
        """*contact* with only the *properties* asked for, its object id and the property it was found by.

        A property that contacts have and this one lacks is null; one that no contact has is left out.
        """
        names = dict.fromkeys((*properties, OBJECT_ID, by))
        mine = contact["properties"]
        return {**contact, "properties": {name: mine.get(name) for name in names if name in self._names}}


def _sorted(contacts: list[Contact], sort: Sort) -> list[Contact]:
    """By one property, ties in the order they had; contacts without it come last."""
    having = [row for row in contacts if row["properties"].get(sort.name)]
    lacking = [row for row in contacts if not row["properties"].get(sort.name)]
    having.sort(
        key=lambda row: comparable(row["properties"][sort.name] or ""),
        reverse=sort.direction == "DESCENDING",
    )
    return having + lacking


def now() -> str:
    """The instant, in HubSpot's form."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
