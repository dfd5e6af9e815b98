"""Owns the shapes of a database's rows: strict, a column that is not mapped is absent."""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

from msgspec import Struct

R = TypeVar("R")

Text: TypeAlias = str | int
"""A key or code; databases keep them as numbers, too."""

Flag: TypeAlias = bool | int
"""Yes or no; MySQL has numbers for it."""


class Row(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What all rows share."""


class AppointmentRow(Row, frozen=True, gc=False):
    """A row of the table of appointments."""

    id: Text
    mrn: Text
    status: Text
    start: str | None
    end: str | None = None
    minutes: int | None = None
    npi: Text | None = None
    practitioner_name: str | None = None
    location: Text | None = None
    location_name: str | None = None
    service_code: Text | None = None
    service_name: str | None = None
    reason: str | None = None
    is_telehealth: Flag | None = None
    video_url: str | None = None
    visit: Text | None = None
    updated: str | None = None
    version: Text | None = None
    is_deleted: Flag | None = None
    deleted_at: str | None = None


class LocationRow(Row, frozen=True, gc=False):
    """A row of the table of locations."""

    id: Text
    name: str
    kind: str | None = None
    phone: str | None = None
    line: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None


class CoverageRow(Row, frozen=True, gc=False):
    """A row of the table of coverages; `start` and `end` are dates."""

    id: Text
    mrn: Text
    is_active: Flag
    payor: str | None = None
    plan: str | None = None
    member: Text | None = None
    start: str | None = None
    end: str | None = None


class BalanceRow(Row, frozen=True, gc=False):
    """A row of the table of balances; `amount` is a decimal."""

    mrn: Text
    amount: str | int
    currency: str
    as_of: str | None = None


class RightsRow(Row, frozen=True, gc=False):
    """Whether our account may change a table."""

    may_write: bool


class Whose(Struct, frozen=True, gc=False):
    """What tells whose a row is that does not conform."""

    id: Text = ""
    mrn: Text = ""
    visit: Text | None = None


class Envelope(Struct, Generic[R], frozen=True):
    """The rows of an answer."""

    rows: list[R]
