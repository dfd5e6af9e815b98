"""The roads along the graph's edges: from the request's loaders and a field's arguments to a loader."""

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Annotated, TypeVar

import strawberry

from policies import Coordinate, Effect
from resolvers.batching import Loader, Mapped
from resolvers.connection import FIRST, Rows, paged
from resolvers.declare import Loads
from resolvers.faults import BadInput
from resolvers.loaders import Loaders
from resolvers.node import split
from sources.model import (
    AllergyIntolerance,
    Appointment,
    Balance,
    CarePlan,
    Charts,
    Condition,
    Coverage,
    DocumentReference,
    Encounter,
    Engagement,
    Immunization,
    Location,
    MedicationRequest,
    Mrn,
    Observation,
    Organization,
    Patient,
    PatientId,
    Practitioner,
    Procedure,
    Resource,
    Visit,
)
from sources.ports import AppointmentQuery, Narrowing

R = TypeVar("R", bound=Resource)

ANY = Narrowing()

APPOINTMENT_STATUS = frozenset(
    {
        "proposed",
        "pending",
        "booked",
        "arrived",
        "fulfilled",
        "cancelled",
        "noshow",
        "entered-in-error",
        "checked-in",
        "waitlist",
    }
)
"""FHIR AppointmentStatus (https://hl7.org/fhir/R4/valueset-appointmentstatus.html)."""


def patients_by_id(loaders: Loaders) -> Loader[str, Patient]:
    return loaders.records.read(Patient)


def patients_by_mrn(loaders: Loaders) -> Loader[Mrn, Patient]:
    return loaders.records.patients_by_mrn()


def encounters_by_id(loaders: Loaders) -> Loader[str, Encounter]:
    return loaders.records.read(Encounter)


def encounters_by_visit(loaders: Loaders) -> Loader[str, Encounter]:
    return loaders.records.identified(Encounter, loaders.house.sources.ehr.visit_identifier)


def conditions_by_id(loaders: Loaders) -> Loader[str, Condition]:
    return loaders.records.read(Condition)


def practitioners_by_id(loaders: Loaders) -> Loader[str, Practitioner]:
    return loaders.records.read(Practitioner)


def practitioners_by_npi(loaders: Loaders) -> Loader[str, Practitioner]:
    return loaders.records.practitioners_by_npi()


def organizations_by_id(loaders: Loaders) -> Loader[str, Organization]:
    return loaders.records.read(Organization)


def ehr_locations_by_id(loaders: Loaders) -> Loader[str, Location]:
    return loaders.records.read(Location)


def pms_locations_by_id(loaders: Loaders) -> Loader[str, Location]:
    return loaders.bookings.locations()


def appointments_by_visit(loaders: Loaders) -> Loader[str, Appointment]:
    return loaders.bookings.appointments_by_visit()


def nodes_by_id(loaders: Loaders) -> Loads[str, object]:
    return Nodes(loaders)


class Nodes:
    """Anything by its global id. A type the actor may not see at all is not even asked for."""

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    async def load(self, keys: Sequence[str]) -> list[object]:
        found: dict[str, object] = {}
        by_type: dict[str, dict[str, str]] = {}
        for key in keys:
            try:
                type_name, logical = split(key)
            except BadInput as fault:
                found[key] = fault
                continue
            by_type.setdefault(type_name, {})[logical] = key
        groups = [(self._loader(name), ids) for name, ids in by_type.items()]
        asked = [(loader, ids) for loader, ids in groups if loader is not None]
        values = await asyncio.gather(*(loader.load(list(ids)) for loader, ids in asked))
        for (_, ids), rows in zip(asked, values, strict=True):
            found |= dict(zip(ids.values(), rows, strict=True))
        return [found.get(key) for key in keys]

    def _loader(self, type_name: str) -> Loads[str, object] | None:
        road = BY_ID.get(type_name)
        if road is None:
            return None
        decision = self._loaders.grant.decide(Coordinate(type_name, "id"))
        return None if decision.effect is Effect.DENY else road(self._loaders)


def appointments_by_id(loaders: Loaders) -> Loader[str, Appointment]:
    return loaders.bookings.appointments()


def _reading(kind: type[Resource]) -> Callable[[Loaders], Loads[str, object]]:
    return lambda loaders: loaders.records.read(kind)


BY_ID: dict[str, Callable[[Loaders], Loads[str, object]]] = {
    "Appointment": appointments_by_id,
    **{
        kind.__name__: _reading(kind)
        for kind in (
            AllergyIntolerance,
            CarePlan,
            Condition,
            DocumentReference,
            Encounter,
            Immunization,
            MedicationRequest,
            Observation,
            Organization,
            Patient,
            Practitioner,
            Procedure,
        )
    },
}
"""How each type that has a global id is read by its logical id."""


def listing(kind: type[R]) -> Callable[..., Loads[PatientId, Rows[R]]]:
    """The road from a patient to their resources of one type, in pages."""

    def road(loaders: Loaders, first: int = FIRST, after: str | None = None) -> Loads[PatientId, Rows[R]]:
        return Mapped(loaders.records.of_patients(kind, ANY), paged(first, after))

    road.__name__ = f"{kind.__name__}_of_patient"
    return road


def observations_of_patient(
    loaders: Loaders,
    category: str | None = None,
    code: str | None = None,
    from_: Annotated[str | None, strawberry.argument(name="from")] = None,
    first: int = FIRST,
    after: str | None = None,
) -> Loads[PatientId, Rows[Observation]]:
    narrowing = Narrowing((*token("category", category), *token("code", code), *since("from", from_)))
    return Mapped(loaders.records.of_patients(Observation, narrowing), paged(first, after))


def documents_of_encounter(
    loaders: Loaders, first: int = FIRST, after: str | None = None
) -> Loads[Visit, Rows[DocumentReference]]:
    return Mapped(loaders.records.of_encounters(DocumentReference), paged(first, after))


def observations_of_encounter(
    loaders: Loaders, first: int = FIRST, after: str | None = None
) -> Loads[Visit, Rows[Observation]]:
    return Mapped(loaders.records.of_encounters(Observation), paged(first, after))


def appointments_of_patient(
    loaders: Loaders,
    from_: Annotated[str | None, strawberry.argument(name="from")] = None,
    to: str | None = None,
    status: list[str] | None = None,
    first: int = FIRST,
    after: str | None = None,
) -> Loads[Charts, Rows[Appointment]]:
    query = AppointmentQuery(start=instant("from", from_), end=instant("to", to), statuses=statuses(status))
    return Mapped(loaders.bookings.appointments_of(query), paged(first, after))


def coverages_of_patient(loaders: Loaders) -> Loads[Charts, tuple[Coverage, ...]]:
    return Mapped(loaders.accounts.coverages(), lambda listed: listed.rows)


def balance_of_patient(loaders: Loaders) -> Loads[Charts, Balance]:
    return loaders.accounts.balances()


def engagement_of_patient(loaders: Loaders) -> Loads[PatientId, Engagement]:
    return loaders.engagements()


Parameters = tuple[tuple[str, tuple[str, ...]], ...]


def token(name: str, value: str | None) -> Parameters:
    """One FHIR token parameter, `code` or `system|code`; none where it is not given."""
    if value is None:
        return ()
    if not value or "," in value or "$" in value or "\\" in value:
        raise BadInput(f"`{name}` must be one code, or `system|code`")
    return ((name, (value,)),)


def since(name: str, value: str | None) -> Parameters:
    """The FHIR date parameter that starts at a date or an instant."""
    if value is None:
        return ()
    moment(name, value)
    return (("date", (f"ge{value}",)),)


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?")


def moment(name: str, value: str) -> datetime:
    """A date, or a date and time.

    Raises:
        BadInput: it is neither.
    """
    at = _read(_MOMENT, value)
    if at is None:
        raise BadInput(f"`{name}` must be a date or a date and time, such as `2026-01-31`")
    return at


def day(name: str, value: str) -> str:
    """A date, as it was given.

    Raises:
        BadInput: it is none.
    """
    if _read(_DAY, value) is None:
        raise BadInput(f"`{name}` must be a date, such as `2026-01-31`")
    return value


def _read(form: re.Pattern[str], value: str) -> datetime | None:
    """Python reads more forms than sources do; and in another zone, its first and last year may not exist."""
    try:
        at = datetime.fromisoformat(value) if form.fullmatch(value) else None
    except ValueError:
        return None
    return at if at is not None and MINYEAR < at.year < MAXYEAR else None


def instant(name: str, value: str | None) -> str | None:
    """An instant with an offset; a date or a time without one is taken as UTC.

    Raises:
        BadInput: it is neither a date nor a time.
    """
    if value is None:
        return None
    at = moment(name, value)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat()


def statuses(given: list[str] | None) -> tuple[str, ...]:
    """Appointment status codes.

    Raises:
        BadInput: one is no code of FHIR AppointmentStatus.
    """
    for code in given or ():
        if code not in APPOINTMENT_STATUS:
            known = ", ".join(sorted(APPOINTMENT_STATUS))
            raise BadInput(f"`status` must be codes of FHIR AppointmentStatus: {known}")
    return tuple(given or ())
