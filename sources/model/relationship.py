"""The records a CRM keeps: how a person relates to the practice. Nothing clinical is among them."""

from __future__ import annotations

from sources.model.datatypes import CareKey, Record


class Owner(Record, frozen=True, kw_only=True):
    """Who in the practice looks after the relationship."""

    id: str
    name: str | None = None


class Consents(Record, frozen=True, kw_only=True):
    """By which channels a person agreed to be contacted; None where they were not asked."""

    email: bool | None = None
    sms: bool | None = None
    phone: bool | None = None


class Engagement(Record, frozen=True, kw_only=True):
    """A person's relationship with the practice, found by the opaque key alone.

    `score` is 0 to 100; `attendance_rate` is fulfilled / (fulfilled + no-show) appointments, 0 to 1,
    cancelled ones left out; `satisfaction` is 1 to 5; `last_touch` is an instant.
    """

    care_key: CareKey
    lifecycle_stage: str | None = None
    score: float | None = None
    attendance_rate: float | None = None
    satisfaction: float | None = None
    consents: Consents | None = None
    last_touch: str | None = None
    owner: Owner | None = None
