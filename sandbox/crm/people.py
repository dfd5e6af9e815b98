"""Owns the people of every CRM stand-in: the data set's contacts, with values of their types."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandbox.records import Contact


@dataclass(frozen=True)
class Person:
    """One contact; what it lacks is None. `number` is unique, from 1 on in the order of the data set."""

    number: int
    care_key: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    lifecycle_stage: str | None
    score: float | None
    attendance_rate: float | None
    satisfaction: float | None
    email_consent: bool | None
    sms_consent: bool | None
    phone_consent: bool | None
    last_touch: str | None
    owner_number: int | None
    owner_name: str | None


def people(contacts: Iterable[Contact]) -> Iterator[Person]:
    """The people behind *contacts*."""
    for number, contact in enumerate(contacts, 1):
        known = contact["properties"]
        owner = known.get("hubspot_owner_id")
        yield Person(
            number=number,
            care_key=known.get("care_key"),
            first_name=known.get("firstname"),
            last_name=known.get("lastname"),
            email=known.get("email"),
            lifecycle_stage=known.get("lifecyclestage"),
            score=_number(known.get("engagement_score")),
            attendance_rate=_number(known.get("attendance_rate")),
            satisfaction=_number(known.get("satisfaction_score")),
            email_consent=_flag(known.get("email_consent")),
            sms_consent=_flag(known.get("sms_consent")),
            phone_consent=_flag(known.get("phone_consent")),
            last_touch=known.get("last_touch_at"),
            owner_number=int(owner) if owner else None,
            owner_name=known.get("owner_name"),
        )


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "true"
