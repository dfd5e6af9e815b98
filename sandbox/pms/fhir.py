"""The practice's records as FHIR R4 resources, for a practice management system that speaks FHIR."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from sandbox.records import (
    IDENTIFIER_TYPES,
    MRN_SYSTEM,
    NPI_SYSTEM,
    VISIT_SYSTEM,
    Dataset,
    Json,
    Pms,
    Resource,
)

VIRTUAL_SERVICE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.virtualService"
ACCOUNT_BALANCE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.balance"
_ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLASSES = "http://terminology.hl7.org/CodeSystem/coverage-class"
_STATUSES = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}


def practice_dataset(pms: Pms) -> Dataset:
    """A dataset whose FHIR resources are the practice's own: to be served by the same server as an EHR's."""
    dataset = Dataset(pms=pms)
    for resource in _resources(pms, ZoneInfo(pms.time_zone)):
        dataset.add(resource)
    return dataset


def _resources(pms: Pms, zone: ZoneInfo) -> Iterator[Resource]:
    patients = {row["mrn"]: f"Patient/{row['id']}" for row in pms.patients}
    yield from map(_patient, pms.patients)
    for row in pms.practitioners:
        yield _practitioner(row)
        yield _role(row)
    yield from map(_location, pms.locations)
    for row in pms.appointments:
        yield _appointment(row, zone)
        if row["visit_number"]:
            yield _encounter(row)
    for row in pms.coverages:
        yield _organization(row)
        yield _coverage(row, patients[row["patient_mrn"]])
    for row in pms.balances:
        yield _account(row, patients[row["patient_mrn"]], zone)


def _patient(row: Json) -> Resource:
    mrn = {"type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "MR"}]}, "system": MRN_SYSTEM}
    return {
        "resourceType": "Patient",
        "id": str(row["id"]),
        "identifier": [{**mrn, "value": row["mrn"]}],
        "name": [{"family": row["last_name"], "given": [row["first_name"]]}],
        "birthDate": row["birth_date"],
    }


def _practitioner(row: Json) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": f"d{row['id']}",
        "identifier": [{"system": NPI_SYSTEM, "value": row["npi"]}],
        "name": [{"text": row["name"]}],
    }


def _role(row: Json) -> Resource:
    practitioner = {"reference": f"Practitioner/d{row['id']}", "display": row["name"]}
    return {"resourceType": "PractitionerRole", "id": f"r{row['id']}", "practitioner": practitioner}


def _location(row: Json) -> Resource:
    place: Resource = {
        "resourceType": "Location",
        "id": str(row["id"]),
        "status": "active",
        "name": row["name"],
        "mode": "instance",
        "type": [{"text": row["kind"].capitalize()}],
    }
    if row["phone"]:
        place["telecom"] = [{"system": "phone", "value": row["phone"], "use": "work"}]
    if address := row["address"]:
        place["address"] = {
            "line": [address["line"]],
            "city": address["city"],
            "state": address["state"],
            "postalCode": address["postal_code"],
        }
    return place


def _appointment(row: Json, zone: ZoneInfo) -> Resource:
    """Every other one is with the practitioner in a role of theirs, as servers differ in this."""
    start = _instant(row["starts_at"], zone)
    doctor, number = row["practitioner"], row["practitioner"]["id"]
    who = f"Practitioner/d{number}" if row["id"] % 2 else f"PractitionerRole/r{number}"
    service = {"code": row["service_code"], "display": row["service_name"]}
    is_video = "VR" if row["is_telehealth"] else "AMB"
    found: Resource = {
        "resourceType": "Appointment",
        "id": str(row["id"]),
        "meta": {
            "versionId": str(row["version"]),
            "lastUpdated": _instant(row["updated_at"], zone).isoformat(),
        },
        "status": _STATUSES[row["status"]],
        "serviceType": [{"coding": [service], "text": row["service_name"]}],
        "appointmentType": {"coding": [{"system": _ACT_CODES, "code": is_video}]},
        "start": start.isoformat(),
        "end": (start + timedelta(minutes=row["duration_minutes"])).isoformat(),
        "minutesDuration": row["duration_minutes"],
        "participant": list(
            _participants(
                (f"Patient/{row['patient']['id']}", None),
                (who, doctor["name"]),
                (f"Location/{row['location']['id']}", row["location"]["name"]),
            )
        ),
    }
    if row["reason"]:
        found["reasonCode"] = [{"text": row["reason"]}]
    if row["visit_number"]:
        found["identifier"] = [{"system": VISIT_SYSTEM, "value": row["visit_number"]}]
    if row["video_url"]:
        link = {"url": "addressUrl", "valueUrl": row["video_url"]}
        found["extension"] = [{"url": VIRTUAL_SERVICE, "extension": [link]}]
    return found


def _participants(*actors: tuple[str, str | None]) -> Iterable[Json]:
    for reference, display in actors:
        actor = {"reference": reference} | ({"display": display} if display else {})
        yield {"actor": actor, "status": "accepted"}


def _encounter(row: Json) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"v{row['id']}",
        "status": "finished",
        "class": {"system": _ACT_CODES, "code": "VR" if row["is_telehealth"] else "AMB"},
        "subject": {"reference": f"Patient/{row['patient']['id']}"},
        "appointment": [{"reference": f"Appointment/{row['id']}"}],
    }


def _organization(row: Json) -> Resource:
    return {"resourceType": "Organization", "id": _payer(row), "name": row["payer_name"]}


def _payer(row: Json) -> str:
    return "-".join(row["payer_name"].lower().split())


def _coverage(row: Json, patient: str) -> Resource:
    """Every other one names its payer by reference only."""
    payor: Json = {"reference": f"Organization/{_payer(row)}"}
    payor |= {} if row["id"] % 2 else {"display": row["payer_name"]}
    period: dict[str, Any] = {"start": row["starts_on"], "end": row["ends_on"]}
    plan = {"coding": [{"system": _CLASSES, "code": "plan"}]}
    return {
        "resourceType": "Coverage",
        "id": str(row["id"]),
        "status": "active" if row["status"] == "active" else "cancelled",
        "subscriberId": row["member_id"],
        "beneficiary": {"reference": patient},
        "period": {name: value for name, value in period.items() if value},
        "payor": [payor],
        "class": [{"type": plan, "value": row["plan_name"], "name": row["plan_name"]}],
    }


def _account(row: Json, patient: str, zone: ZoneInfo) -> Resource:
    # The amount to the digit: as a float it would lose its last zero.
    money = {"value": msgspec.Raw(row["amount_due"].encode()), "currency": row["currency"]}
    return {
        "resourceType": "Account",
        "id": f"a{patient.rpartition('/')[2]}",
        "meta": {"versionId": "1", "lastUpdated": _instant(row["as_of"], zone).isoformat()},
        "status": "active",
        "subject": [{"reference": patient}],
        "extension": [{"url": ACCOUNT_BALANCE, "extension": [{"url": "amount", "valueMoney": money}]}],
    }


def _instant(local: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone)
