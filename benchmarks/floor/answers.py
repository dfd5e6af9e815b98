"""The answer of both operations, as structs in the order of the query, made from the upstream's records."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from benchmarks.floor import records
from benchmarks.floor.records import Coding, Concept, Name, Period

_PRACTICE = ZoneInfo("America/Chicago")
_FHIR_STATUS = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}


class Edge(Struct, gc=False):
    """An edge of a connection."""

    node: Any


class Connection(Struct, gc=False):
    """A Relay connection, as far as it is asked for."""

    edges: list[Edge]


class Appointment(Struct, rename="camel", gc=False):
    """`Appointment` in the answer."""

    id: str
    status: str
    start: datetime
    end: datetime
    service_type: list[Concept]


class Encounter(Struct, rename={"class_": "class", "reason_code": "reasonCode"}, gc=False):
    """`Encounter` in the answer."""

    id: str
    status: str
    class_: Coding
    period: Period | None
    reason_code: list[Concept]


class Engagement(Struct, rename="camel", gc=False):
    """`Engagement` in the answer."""

    lifecycle_stage: str | None
    score: int | None
    attendance_rate: float | None


class Patient(Struct, rename="camel", gc=False):
    """`Patient` in the answer."""

    id: str
    name: list[Name]
    birth_date: str | None
    gender: str | None
    appointments: Connection
    encounters: Connection
    engagement: Engagement | None


def appointment(row: records.Appointment) -> Edge:
    """The edge of one appointment; a local time becomes an instant."""
    start = row.starts_at.replace(tzinfo=_PRACTICE).astimezone(UTC)
    return Edge(
        Appointment(
            f"Appointment/{row.id}",
            _FHIR_STATUS[row.status],
            start,
            start + timedelta(minutes=row.duration_minutes),
            [Concept(row.service_name)],
        )
    )


def encounter(row: records.Encounter) -> Edge:
    """The edge of one encounter."""
    ident = f"Encounter/{row.id}"
    return Edge(Encounter(ident, row.status, row.class_, row.period, row.reasonCode))


def engagement(row: records.Properties) -> Engagement:
    """The engagement of one contact."""
    return Engagement(row.lifecyclestage, row.engagement_score, row.attendance_rate)


def patient(
    row: records.Patient,
    appointments: list[Edge],
    encounters: list[Edge],
    contact: records.Properties | None,
) -> Patient:
    """One patient with what the three systems hold of them."""
    return Patient(
        f"Patient/{row.id}",
        row.name,
        row.birthDate,
        row.gender,
        Connection(appointments),
        Connection(encounters),
        engagement(contact) if contact else None,
    )
