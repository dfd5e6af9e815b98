"""What all roads of one request share: their loaders and gates, and what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from policies import Audience
from policies.reasons import OUT_OF_REACH
from resolvers.batching import Loader, Tasks
from resolvers.consents import Consented
from resolvers.gate import Asked, Gate, Owner, Touched
from resolvers.house import Grants, House
from resolvers.searching import Searching
from sources.errors import SourceError
from sources.model import Patient, PatientId
from sources.ports import Found, Listed, Page, Wanted

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

NONE: Listed[Any] = Listed()

READ, SEARCH = "r", "s"
"""The SMART permissions for the two ways rows come: by id, and by search."""


class Request:
    """One request of one actor. `wanted` names the attributes of each type that it reads.

    `missing` holds, of several sources of one role, the failures beside which rows were given all the same;
    `seen` the patients whose rows were given, who tell whose the bookings are.
    """

    def __init__(self, house: House, grant: Grants, wanted: Mapping[str, Wanted]) -> None:
        self.house = house
        self.grant = grant
        self.tasks = Tasks()
        self.touched = Touched()
        self.missing: dict[tuple[str, type[SourceError]], SourceError] = {}
        self.seen: list[Patient] = []
        self._wanted = wanted
        self._loaders: dict[Hashable, Loader[Any, Any]] = {}
        self._gates: dict[tuple[str, str], Gate] = {}

    def close(self) -> None:
        """Ends what still runs for the request, and lets go of its rows: loaders and fetches are a cycle."""
        self.tasks.cancel()
        self._loaders.clear()

    def loader(
        self, key: Hashable, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V | SourceError]]]
    ) -> Loader[K, V]:
        """The one loader of this request for *key*: two edges that ask the same share it."""
        loader = self._loaders.get(key)
        if loader is None:
            loader = self._loaders[key] = Loader(fetch, self.tasks)
        return loader

    def gate(self, resource: str, letter: str, shown_as: str | None = None) -> Gate:
        """The conditions on a type's rows, and the attributes the request reads of them.

        *letter* is how the rows come, READ or SEARCH; *shown_as* the graph's type, if it has another name.
        """
        gate = self._gates.get((resource, letter))
        if gate is None:
            conditions = self.grant.conditions(resource, letter, consents=self.house.consents.are_kept)
            wanted = self._wanted.get(shown_as or resource, frozenset())
            gate = Gate(conditions, wanted, self.consents().load, self.touched)
            self._gates[resource, letter] = gate
        return gate

    def consents(self) -> Loader[PatientId, Consented]:
        """The consents of patients: those of all who are asked for in one turn, in one call."""
        return self.loader(("consents",), self.house.consents.of)

    def note(self, rows: Iterable[Any]) -> None:
        """Notes whose rows were given; and, of patients, the rows: they tell whose the bookings are."""
        rows = list(rows)
        self.touched.rows(rows)
        self.seen += (row for row in rows if isinstance(row, Patient))

    async def asked(self, gate: Gate, patients: Sequence[PatientId]) -> tuple[list[PatientId], Asked]:
        """Those patients whose rows may be asked for, and what is known of the others.

        Who is out of the actor's reach altogether is not asked about; that they tried is on record.
        """
        near = [patient for patient in patients if gate.rule.reaches_all_of(patient) is not False]
        if len(near) < len(patients):
            self.touched.patients.update(patients)
            self.touched.withheld[OUT_OF_REACH] += len(patients) - len(near)
        asked = await gate.ask(near)
        may = asked.may(near)
        self.touched.patients.update(may)
        return may, asked

    def miss(self, errors: Iterable[SourceError]) -> None:
        self.missing.update({(error.source, type(error)): error for error in errors})

    def search(
        self,
        search: str,
        gate: Gate,
        page: Callable[[int, str | None], Awaitable[Page[V]]],
        admit: Callable[[Sequence[V]], Awaitable[Sequence[bool]]],
        *,
        of_someone: bool,
    ) -> Searching[V]:
        """A search. *of_someone*: it is for one person, so that more which nobody is then shown would tell of
        them; of everybody, it tells that somebody's row is withheld, and of whom nobody knows.
        """

        async def seen(count: int, bookmark: str | None) -> Page[V]:
            got = await page(count, bookmark)
            self.miss(got.missing)
            return got

        return Searching(
            self.house.seal,
            f"{self.grant.key}:{search}",
            seen,
            admit,
            looks_ahead=gate.conditions.labels.each
            or (of_someone and self.grant.actor.audience is not Audience.PATIENT),
        )


def owner(_: object, row: object) -> Owner:
    return getattr(row, "patient_id", None)


def had(found: Found[K, V]) -> dict[K, V]:
    """The rows, all of which could be had.

    Raises:
        SourceError: one could not: a search has no place for it, and must not be silent about it.
    """
    rows: dict[K, V] = {}
    for key, row in found.items():
        if isinstance(row, SourceError):
            raise row
        rows[key] = row
    return rows
