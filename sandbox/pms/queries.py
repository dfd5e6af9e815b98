"""Owns what may be asked of the PMS, as types: an unknown key or a value of another type is refused."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Status = Literal[
    "scheduled",
    "confirmed",
    "arrived",
    "checked_in",
    "in_session",
    "completed",
    "cancelled",
    "no_show",
]
Order = Literal["starts_at", "-starts_at", "updated_at"]
Local = Annotated[datetime, Meta(tz=False)]
Limit = Annotated[int, Meta(ge=1, le=5000)]


class AppointmentSearch(Struct, frozen=True, forbid_unknown_fields=True):
    """Which appointments; every key narrows, an absent one does not. Times are naive local ones."""

    ids: list[int] | None = None
    patient_mrns: list[str] | None = None
    visit_numbers: list[str] | None = None
    practitioner_npis: list[str] | None = None
    statuses: list[Status] | None = None
    starts_from: Local | None = field(default=None, name="from")
    starts_before: Local | None = field(default=None, name="to")
    updated_since: Local | None = None
    order: Order = "starts_at"
    limit: Limit = 500
    cursor: str | None = None


class Changes(Struct, frozen=True, forbid_unknown_fields=True):
    """The query parameters of the appointment feed."""

    updated_since: Local | None = None
    limit: Limit = 500
    cursor: str | None = None


class AppointmentChange(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a PATCH may change; a key that is absent stays as it is."""

    status: Status | UnsetType = UNSET
    starts_at: Local | UnsetType = UNSET
    duration_minutes: Annotated[int, Meta(ge=1, le=1440)] | UnsetType = UNSET
    reason: str | UnsetType | None = UNSET


class ByPatients(Struct, frozen=True, forbid_unknown_fields=True):
    """A list of patients, by medical record number."""

    patient_mrns: list[str]


class ByIds(Struct, frozen=True, forbid_unknown_fields=True):
    """A list of the PMS's own ids."""

    ids: list[int]
