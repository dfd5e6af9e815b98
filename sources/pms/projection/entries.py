"""Owns what a feed hands to the projection: records with the time of the event that tells of them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from sources.model import Appointment, Mrn, Patient
from sources.pms.projection.tables import UNSCHEDULED

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Booking(NamedTuple):
    """An appointment as an event at the instant *event* has it; None for *appointment*: it is deleted.

    `filler_id` and `placer_id` are the names the feed has for it, where they are not its id: who fills a
    request for an appointment gives it a number, and so does who places it. `updated` is when the record was
    last changed, if that is not when the event tells of it.
    """

    id: str
    event: str
    appointment: Appointment | None
    filler_id: str | None = None
    placer_id: str | None = None
    updated: str | None = None


class Charted(NamedTuple):
    """A patient's demographics as an event at the instant *event* has them."""

    mrn: Mrn
    event: str
    patient: Patient


class Merged(NamedTuple):
    """An event that made two charts one: `retired` is another number of `surviving` from then on."""

    surviving: Mrn
    retired: Mrn
    event: str


def micros(instant: str) -> int:
    """*instant* (ISO 8601, with an offset) as microseconds since 1970, which sort as it does.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(instant)
    if moment.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return (moment - _EPOCH) // _MICROSECOND


def starts_us(appointment: Appointment) -> int:
    """Where it sorts among all appointments."""
    return UNSCHEDULED if appointment.start is None else micros(appointment.start)


def digest(record: Appointment | Patient) -> bytes:
    """What is equal for equal records, whenever they were told."""
    if isinstance(record, Appointment):
        record = replace(record, version=None, last_updated=None)
    return sha256(msgspec.json.encode(record)).digest()
