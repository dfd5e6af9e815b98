"""A change in a source, by ids alone: what changed is read live, under the rights of whoever is told."""

from __future__ import annotations

from enum import Enum

from sources.model.datatypes import PatientId, Record


class ChangeKind(Enum):
    """What happened to the record."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class ChangeType(Enum):
    """The types of record whose changes are told."""

    APPOINTMENT = "Appointment"
    CONSENT = "Consent"
    ENCOUNTER = "Encounter"
    PATIENT = "Patient"


class Change(Record, frozen=True, kw_only=True):
    """One change. `key` (source, type, id, version) makes it idempotent; the times are instants."""

    kind: ChangeKind
    type: ChangeType
    source: str
    id: str
    patient_id: PatientId
    version: str
    occurred: str
    received: str

    @property
    def key(self) -> str:
        return f"{self.source}:{self.type.value}:{self.id}:{self.version}"

    @property
    def record_id(self) -> str:
        """The record's global id, such as `Appointment/5001`."""
        return f"{self.type.value}/{self.id}"


class Told(Change, frozen=True, kw_only=True):
    """A change as the log tells it: with its place in the log."""

    cursor: str
