"""Owns a practice's FHIR resources in our words: the domain's appointments, coverages and balances. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from sources.fhir.practice import (
    Account,
    Appointment,
    Coverage,
    Extension,
    InnerExtension,
    MoneyValue,
)
from sources.model import Appointment as Booking
from sources.model import Balance, Booked, CodeableConcept, Money, Mrn, Reference
from sources.model import Coverage as Cover
from sources.pms.fhir.settings import FhirPmsSettings
from sources.ports import Wanted

_BEHIND: dict[str, tuple[str, ...]] = {
    "is_telehealth": ("appointmentType", "serviceCategory", "extension"),
    "last_updated": ("meta",),
    "minutes_duration": ("minutesDuration", "end"),
    "end": ("end",),
    "reason_code": ("reasonCode",),
    "service_type": ("serviceType",),
    "version": ("meta",),
    "video_url": ("extension",),
    "visit_number": ("identifier",),
}
"""The elements behind the attributes of an appointment; those behind all others are always asked for."""

_ALWAYS = frozenset({"id", "start", "status", "participant"})


def elements_of(wanted: Wanted) -> str:
    """The elements of an Appointment behind the attributes *wanted*, and those every question needs."""
    names = {name for attribute in wanted for name in _BEHIND.get(attribute, ())}
    return ",".join(sorted(_ALWAYS | names))


def booking(row: Appointment, mrn: Mrn, npis: Mapping[str, str], settings: FhirPmsSettings) -> Booking | None:
    """*row* as a domain record; None if it has no status, which R4 demands."""
    if row.status is None:
        return None
    place = next((each for each in row.actors if _kind(each.reference) == "Location"), None)
    video = _video(row.extension, settings.video_extension)
    return Booking(
        id=row.id,
        patient_mrn=mrn,
        status=row.status,
        start=row.start,
        end=row.end,
        minutes_duration=row.minutes_duration,
        service_type=row.service_type,
        reason_code=row.reason_code,
        booked=tuple(
            Booked(npi=npis.get(each.reference or ""), display=each.display)
            for each in row.actors
            if _kind(each.reference) in ("Practitioner", "PractitionerRole")
        ),
        location_id=Reference(reference=place.reference).id if place is not None else None,
        location_name=place.display if place is not None else None,
        is_telehealth=_is_telehealth(row, video, settings.telehealth_codes),
        video_url=video,
        visit_number=next(
            (each.value for each in row.identifier if each.system == settings.visit_system), None
        ),
        last_updated=row.last_updated,
        version=row.meta.version_id if row.meta is not None else None,
    )


def _kind(reference: str | None) -> str | None:
    return Reference(reference=reference).kind


def _video(extensions: Iterable[Extension], url: str) -> str | None:
    """The link in the extension of that *url*, or in its part `addressUrl`."""
    for extension in extensions:
        if extension.url == url:
            parts = (extension, *(part for part in extension.extension if part.url == "addressUrl"))
            values = (part.value_url or part.value_uri or part.value_string for part in parts)
            return next((value for value in values if value), None)
    return None


def _is_telehealth(row: Appointment, video: str | None, codes: tuple[str, ...]) -> bool | None:
    """Whether it is by video; None where the server does not say of which kind its appointments are."""
    if video is not None:
        return True
    types = (row.appointment_type,) if row.appointment_type is not None else ()
    said = {coding.code for concept in (*types, *row.service_category) for coding in concept.coding}
    return bool(said & set(codes)) if said else None


def cover(row: Coverage, mrn: Mrn, organizations: Mapping[str, str]) -> Cover | None:
    """*row* as a domain record; *organizations* are names by reference. None if it has no status."""
    if row.status is None:
        return None
    payor = row.payor[0] if row.payor else Reference()
    plan = next((each for each in row.class_ if _has_code(each.type, "plan")), None)
    return Cover(
        id=row.id,
        patient_mrn=mrn,
        status=row.status,
        payor=payor.display or organizations.get(payor.reference or ""),
        plan=(plan.name or plan.value) if plan is not None else None,
        subscriber_id=row.subscriber_id,
        period=row.period,
    )


def _has_code(concept: CodeableConcept | None, code: str) -> bool:
    return concept is not None and any(coding.code == code for coding in concept.coding)


def balance(rows: Iterable[Account], mrn: Mrn, url: str) -> Balance | None:
    """What *rows*, one patient's accounts, say is owed; None where they do not say.

    Raises:
        ValueError: they are of several currencies, which have no sum.
    """
    active = [row for row in rows if row.status == "active"]
    amounts = [money for row in active for money in _amounts(row.extension, url) if money.value is not None]
    if not amounts:
        return None
    (currency,) = {money.currency or "" for money in amounts}
    total = sum((money.value for money in amounts if money.value is not None), Decimal())
    updates = [row.last_updated for row in active if row.last_updated is not None]
    return Balance(
        patient_mrn=mrn,
        amount=Money(value=f"{total:f}", currency=currency),
        as_of=min(updates, default=None),
    )


def _amounts(extensions: Iterable[Extension], url: str) -> Iterable[MoneyValue]:
    """What each extension of that *url* says the patient owes, in all and for certain: R5's `Account.balance`
    may hold estimates, parts by age of the debt (`term`), and what others owe (`aggregate`) besides.
    """
    for extension in extensions:
        if extension.url == url and not any(_is_of_others(part) for part in extension.extension):
            parts = (extension, *(part for part in extension.extension if part.url == "amount"))
            yield from (part.value_money for part in parts if part.value_money is not None)


def _is_of_others(part: InnerExtension) -> bool:
    if part.url == "aggregate":
        return not _has_code(part.value_codeable_concept, "patient")
    return part.url == "term" or (part.url == "estimate" and part.value_boolean is True)
