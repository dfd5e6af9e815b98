"""Owns HubSpot's contacts as they come: every field known by name and type, any other refused."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import UNSET, Raw, Struct, UnsetType

T = TypeVar("T")

Properties = dict[str, str | None]
_Skipped = Raw | UnsetType


class Contact(Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """One contact; every property is text or null."""

    id: str
    properties: Properties
    created_at: _Skipped = UNSET
    updated_at: _Skipped = UNSET
    archived: _Skipped = UNSET
    archived_at: _Skipped = UNSET
    url: _Skipped = UNSET
    properties_with_history: _Skipped = UNSET
    object_write_trace_id: _Skipped = UNSET


class ContactIdentity(Struct, frozen=True, gc=False):
    """What tells whose a contact is, when the rest of it cannot be read."""

    properties: dict[str, object]


class BatchError(Struct, frozen=True, gc=False):
    """Why some contacts are missing; HubSpot says that every field of it is optional."""

    category: str | None = None


class Batch(Struct, Generic[T], frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """The answer to a batch read, whole (200) or partial (207)."""

    status: Literal["PENDING", "PROCESSING", "CANCELED", "COMPLETE"]
    results: tuple[T, ...]
    started_at: _Skipped = UNSET
    completed_at: _Skipped = UNSET
    requested_at: _Skipped = UNSET
    links: _Skipped = UNSET
    num_errors: int = 0
    errors: tuple[BatchError, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether contacts are missing only because there are none."""
        explained = all(error.category == "OBJECT_NOT_FOUND" for error in self.errors)
        return self.status == "COMPLETE" and explained and bool(self.errors) >= bool(self.num_errors)
