"""The running sandbox, and its records in the words of the model, by a road that no adapter takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
from joserfc.jwk import ECKey

from sandbox.dataset import Dataset
from sandbox.serve import Addresses
from sources.fhir.elements import RESOURCES
from sources.fhir.wire import WIRE
from sources.model import (
    Address,
    Appointment,
    Balance,
    Booked,
    CareKey,
    CodeableConcept,
    Coding,
    Consents,
    ContactPoint,
    Coverage,
    Engagement,
    Location,
    Money,
    Mrn,
    Owner,
    Period,
    Resource,
)

KEY = ECKey.generate_key("P-384", {"kid": "gateway-1"})


@dataclass(frozen=True)
class Served:
    """Where the sandbox is, and what it serves."""

    at: Addresses
    dataset: Dataset


_KINDS = {kind.__name__: kind for kind in WIRE if kind.__module__.startswith("sources.model")}


def as_model(value: Any) -> Any:
    """*value* with the records of the model in place of their wire types."""
    if isinstance(value, tuple):
        return tuple(as_model(item) for item in value)
    if not isinstance(value, msgspec.Struct):
        return value
    kind = _KINDS.get(type(value).__name__, type(value))
    return kind(**{name: as_model(getattr(value, name)) for name in kind.__struct_fields__})


def resources(dataset: Dataset) -> Iterator[Resource]:
    """What the EHR holds, read leniently."""
    for name, kind in RESOURCES.items():
        for resource in dataset.resources.get(name, {}).values():
            yield msgspec.convert(resource, kind)


def appointments(dataset: Dataset) -> Iterator[Appointment]:
    """What the PMS's book holds."""
    statuses = {
        "scheduled": "booked",
        "confirmed": "booked",
        "arrived": "arrived",
        "checked_in": "checked-in",
        "in_session": "checked-in",
        "completed": "fulfilled",
        "cancelled": "cancelled",
        "no_show": "noshow",
    }
    for row in dataset.pms.appointments:
        start = instant(dataset, row["starts_at"])
        yield Appointment(
            id=str(row["id"]),
            patient_mrn=Mrn(row["patient"]["mrn"]),
            status=statuses[row["status"]],
            start=start.isoformat(),
            end=(start + timedelta(minutes=row["duration_minutes"])).isoformat(),
            minutes_duration=row["duration_minutes"],
            service_type=(
                CodeableConcept(
                    coding=(Coding(code=row["service_code"], display=row["service_name"]),),
                    text=row["service_name"],
                ),
            ),
            reason_code=(CodeableConcept(text=row["reason"]),) if row["reason"] else (),
            booked=(Booked(npi=row["practitioner"]["npi"], display=row["practitioner"]["name"]),),
            location_id=str(row["location"]["id"]),
            location_name=row["location"]["name"],
            is_telehealth=row["is_telehealth"],
            video_url=row["video_url"],
            visit_number=row["visit_number"],
            last_updated=instant(dataset, row["updated_at"]).isoformat(),
            version=str(row["version"]),
        )


def instant(dataset: Dataset, local: str) -> datetime:
    """The sandbox books nothing in hours that come twice or never."""
    return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(dataset.pms.time_zone))


def locations(dataset: Dataset) -> Iterator[Location]:
    """The PMS's places."""
    for row in dataset.pms.locations:
        place = row["address"]
        yield Location(
            id=str(row["id"]),
            status="active",
            name=row["name"],
            mode="instance",
            type=(CodeableConcept(text=row["kind"].capitalize()),),
            telecom=(ContactPoint(system="phone", value=row["phone"], use="work"),),
            address=Address(
                line=(place["line"],),
                city=place["city"],
                state=place["state"],
                postal_code=place["postal_code"],
            ),
        )


def coverages(dataset: Dataset) -> Iterator[Coverage]:
    """What covers the patients."""
    for row in dataset.pms.coverages:
        yield Coverage(
            id=str(row["id"]),
            patient_mrn=Mrn(row["patient_mrn"]),
            status={"active": "active", "inactive": "cancelled"}[row["status"]],
            payor=row["payer_name"],
            plan=row["plan_name"],
            subscriber_id=row["member_id"],
            period=Period(start=row["starts_on"], end=row["ends_on"]),
        )


def balances(dataset: Dataset) -> Iterator[Balance]:
    """What the patients owe."""
    for row in dataset.pms.balances:
        yield Balance(
            patient_mrn=Mrn(row["patient_mrn"]),
            amount=Money(value=row["amount_due"], currency=row["currency"]),
            as_of=instant(dataset, row["as_of"]).isoformat(),
        )


def engagements(dataset: Dataset) -> Iterator[Engagement]:
    """What the CRM holds, without what has no place in an engagement."""
    for contact in dataset.contacts:
        known = contact["properties"]
        owner = known["hubspot_owner_id"]
        yield Engagement(
            care_key=CareKey(known["care_key"] or ""),
            lifecycle_stage=known["lifecyclestage"],
            score=number(known["engagement_score"]),
            attendance_rate=number(known["attendance_rate"]),
            satisfaction=number(known["satisfaction_score"]),
            consents=Consents(
                email=flag(known["email_consent"]),
                sms=flag(known["sms_consent"]),
                phone=flag(known["phone_consent"]),
            ),
            last_touch=known["last_touch_at"],
            owner=Owner(id=owner, name=known["owner_name"]) if owner else None,
        )


def number(text: str | None) -> float | None:
    return None if text is None else float(text)


def flag(text: str | None) -> bool | None:
    return None if text is None else text == "true"


async def received(url: str) -> list[dict[str, Any]]:
    """What the stand-in at *url* was asked since the last `forget`."""
    async with httpx.AsyncClient() as client:
        seen: list[dict[str, Any]] = (await client.get(f"{url}/sandbox/requests")).json()["requests"]
    return seen


async def forget(url: str) -> None:
    """Makes the stand-in forget what it was asked."""
    async with httpx.AsyncClient() as client:
        (await client.delete(f"{url}/sandbox/requests")).raise_for_status()


async def end_sessions(url: str) -> None:
    """Makes the stand-in refuse every token that it has given out."""
    async with httpx.AsyncClient() as client:
        (await client.delete(f"{url}/sandbox/tokens")).raise_for_status()
