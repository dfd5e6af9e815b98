"""The roads that begin at the root of the graph."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import strawberry
from strawberry.scalars import JSON

from policies import Actor
from resolvers.access import Access
from resolvers.batching import At, Once
from resolvers.cohort import Outcome, quarter_of
from resolvers.connection import FIRST, Rows
from resolvers.declare import Loads
from resolvers.faults import BadInput
from resolvers.loaders import Loaders
from resolvers.node import logical_id
from resolvers.roads import Nodes, day, instant, statuses
from resolvers.searches import AppointmentFilter, PatientSearch
from sources.model import Appointment, Encounter, Patient, PatientId, Practitioner
from sources.ports import AppointmentQuery, Health, PatientQuery


@dataclass(frozen=True)
class MeRow:
    """The row behind `me`."""

    actor: Actor

    @property
    def audience(self) -> str:
        return self.actor.audience.value

    @property
    def purpose(self) -> str:
        return self.actor.purpose.value

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(str(scope) for scope in (*self.actor.scopes.resources, *self.actor.scopes.private))

    @property
    def ignored_scopes(self) -> tuple[str, ...]:
        return self.actor.scopes.ignored

    @property
    def client_id(self) -> str:
        return self.actor.client_id

    @property
    def expires_at(self) -> str:
        return datetime.fromtimestamp(self.actor.expires_at, UTC).isoformat()

    @property
    def patient_id(self) -> PatientId | None:
        return self.actor.patient

    @property
    def encounter_id(self) -> str | None:
        return self.actor.encounter


def me(loaders: Loaders) -> Loads[None, MeRow]:
    async def call() -> MeRow:
        return MeRow(loaders.grant.actor)

    return Once(call)


def explain_access(
    loaders: Loaders, document: str, variables: JSON | None = None, operation_name: str | None = None
) -> Loads[None, Access]:
    async def call() -> Access:
        return loaders.house.explain(loaders.grant, document, variables, operation_name)

    return Once(call)


def sources(loaders: Loaders) -> Loads[None, tuple[Health, ...]]:
    async def call() -> tuple[Health, ...]:
        return tuple(source.health() for source in loaders.house.sources.every)

    return Once(call)


def outcomes(loaders: Loaders, quarter: str) -> Loads[None, Outcome]:
    return At(loaders.counting.outcomes(), quarter_of(quarter, datetime.now(UTC).date()))


def node(loaders: Loaders, id: strawberry.ID) -> Loads[None, object]:
    return Keyed(Nodes(loaders), (id,), alone=True)


def nodes(loaders: Loaders, ids: list[strawberry.ID]) -> Loads[None, object]:
    return Keyed(Nodes(loaders), tuple(ids), alone=False)


class Keyed:
    """The values at keys that the arguments give, as one value or as a list."""

    def __init__(self, loader: Nodes, keys: tuple[str, ...], *, alone: bool) -> None:
        if len(keys) > MOST_IDS:
            raise BadInput(f"`ids` may hold at most {MOST_IDS} ids")
        self._loader = loader
        self._keys = keys
        self._alone = alone

    async def load(self, keys: Sequence[object]) -> list[object]:
        values = await self._loader.load(self._keys)
        return [values[0] if self._alone else values] * len(keys)


MOST_IDS = 500


def patient_by_id(loaders: Loaders, id: strawberry.ID) -> Loads[None, Patient]:
    return At(loaders.records.read(Patient), logical_id(id, "Patient"))


def encounter_by_id(loaders: Loaders, id: strawberry.ID) -> Loads[None, Encounter]:
    return At(loaders.records.read(Encounter), logical_id(id, "Encounter"))


def practitioner_by_id(loaders: Loaders, id: strawberry.ID) -> Loads[None, Practitioner]:
    return At(loaders.records.read(Practitioner), logical_id(id, "Practitioner"))


def appointment_by_id(loaders: Loaders, id: strawberry.ID) -> Loads[None, Appointment]:
    return At(loaders.bookings.appointments(), logical_id(id, "Appointment"))


def patients(
    loaders: Loaders, search: PatientSearch | None = None, first: int = FIRST, after: str | None = None
) -> Loads[None, Rows[Patient]]:
    query = PatientQuery()
    if search is not None:
        query = PatientQuery(
            name=_text("name", search.name),
            family=_text("family", search.family),
            given=_text("given", search.given),
            birth_date=None if search.birth_date is None else day("birthDate", search.birth_date),
            gender=_text("gender", search.gender),
            identifier=_text("identifier", search.identifier, without=",$\\"),
        )
    return Once(lambda: loaders.records.search_patients(query, first, after))


def _text(name: str, value: str | None, without: str = "") -> str | None:
    """What to search for, or None.

    Raises:
        BadInput: it is empty, or holds a character of *without*, which would make several values of it.
    """
    if value is not None and (not value.strip() or set(value) & set(without)):
        raise BadInput(f"`{name}` must be one value to search for; leave it out to find all")
    return value


def appointments(
    loaders: Loaders, filter: AppointmentFilter | None = None, first: int = FIRST, after: str | None = None
) -> Loads[None, Rows[Appointment]]:
    given = filter or AppointmentFilter()
    query = AppointmentQuery(
        start=instant("from", given.from_), end=instant("to", given.to), statuses=statuses(given.status)
    )
    practitioner = patient = None
    if given.practitioner is not None:
        practitioner = logical_id(given.practitioner, "Practitioner", "practitioner")
    if given.patient is not None:
        patient = logical_id(given.patient, "Patient", "patient")
    return Once(lambda: loaders.bookings.search_appointments(query, first, after, practitioner, patient))
