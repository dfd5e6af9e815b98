"""Seeded records of one population, in the shapes of the three systems; the same bytes for the same seed."""

import hashlib
import hmac
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

Record = dict[str, Any]

APPOINTMENTS_EACH = 3
ENCOUNTERS_EACH = 4
ZONE_OF_THE_PRACTICE = "America/Chicago"

_CARE_KEY_SECRET = b"sandbox-care-key"
_MRN = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
            "code": "MR",
            "display": "Medical record number",
        }
    ],
    "text": "Medical record number",
}
_VISIT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "VN"}]}
_GIVEN = ("Ada", "Bruno", "Chen", "Dalia", "Emil", "Farah", "Gita", "Hugo", "Ines", "Jonas", "Keiko", "Lars")
_FAMILY = ("Abbott", "Brandt", "Costa", "Dvorak", "Eriksen", "Fischer", "Garza", "Haddad", "Ivanov", "Jensen")
_CITIES = (("Springfield", "62701"), ("Peoria", "61602"), ("Decatur", "62521"), ("Quincy", "62301"))
_REASONS = (
    ("Hypertension follow-up", "38341003"),
    ("Type 2 diabetes review", "44054006"),
    ("Persistent cough", "49727002"),
    ("Medication review", "182836005"),
)
_SERVICES = (("VID30", "Video visit", True), ("OFF20", "Office visit", False), ("PHY45", "Physical", False))
_PMS_STATUSES = ("completed", "completed", "no_show", "confirmed", "scheduled", "cancelled", "checked_in")
_FIRST_DAY = datetime.fromisoformat("2026-03-02T08:00:00")  # in the practice's own time


@dataclass(frozen=True)
class Population:
    """What the three systems hold about the same people, rows in the order the systems answer them."""

    patients: list[Record]
    encounters: list[Record]
    appointments: list[Record]
    contacts: list[Record]


def population(size: int, seed: int = 7) -> Population:
    """*size* patients with 3 appointments, 4 encounters and one contact each.

    Appointments and encounters are interleaved across patients and rise in time for each of them;
    contacts come in reverse, as HubSpot's batch read promises no order.
    """
    chance = random.Random(seed)
    numbers = range(1, size + 1)
    return Population(
        patients=[_patient(n, chance) for n in numbers],
        encounters=[_encounter(n, k, chance) for k in range(ENCOUNTERS_EACH) for n in numbers],
        appointments=[_appointment(n, k, chance) for k in range(APPOINTMENTS_EACH) for n in numbers],
        contacts=[_contact(n, chance) for n in reversed(numbers)],
    )


def care_key(patient_id: str) -> str:
    """The opaque key under which the CRM knows a patient of the EHR."""
    return hmac.new(_CARE_KEY_SECRET, patient_id.encode(), hashlib.sha256).hexdigest()[:40]


def _patient(number: int, chance: random.Random) -> Record:
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    city, postal_code = chance.choice(_CITIES)
    born = date(1935, 1, 1) + timedelta(days=chance.randrange(30_000))
    return {
        "resourceType": "Patient",
        "id": f"pat-{number:06}",
        "meta": {
            "versionId": "3",
            "lastUpdated": "2026-10-04T08:15:30.000Z",
            "profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"],
        },
        "identifier": [
            {
                "use": "secondary",
                "system": "urn:caregraph:sandbox:enterprise",
                "value": f"E{900000 + number}",
            },
            {
                "use": "usual",
                "type": _MRN,
                "system": "urn:caregraph:sandbox:mrn",
                "value": f"MRN-{number:06}",
            },
        ],
        "active": True,
        "name": [
            {"use": "official", "family": family, "given": [given, chance.choice(_GIVEN)]},
            {"use": "usual", "text": f"{given} {family}", "family": family, "given": [given]},
        ],
        "telecom": [
            {"system": "phone", "value": f"217-555-{number:04}", "use": "mobile"},
            {"system": "email", "value": f"patient{number}@mail.example", "use": "home"},
        ],
        "gender": chance.choice(["female", "male", "other"]),
        "birthDate": born.isoformat(),
        "deceasedBoolean": False,
        "address": [
            {
                "use": "home",
                "line": [f"{chance.randrange(1, 999)} Oak Street"],
                "city": city,
                "state": "IL",
                "postalCode": postal_code,
                "country": "US",
            }
        ],
        "maritalStatus": {"text": "Married"},
        "communication": [
            {
                "language": {
                    "coding": [{"system": "urn:ietf:bcp:47", "code": "en-US", "display": "English"}],
                    "text": "English",
                },
                "preferred": True,
            }
        ],
        "generalPractitioner": [{"reference": "Practitioner/prac-0001", "display": "Ana Reyes"}],
    }


def _encounter(number: int, index: int, chance: random.Random) -> Record:
    reason, snomed = chance.choice(_REASONS)
    start = _FIRST_DAY + timedelta(days=30 * index + number % 5, minutes=15 * chance.randrange(30))
    return {
        "resourceType": "Encounter",
        "id": f"enc-{number:06}-{index + 1}",
        "meta": {"versionId": "2", "lastUpdated": "2026-10-11T17:00:00.000Z"},
        "identifier": [
            {
                "type": _VISIT,
                "system": "urn:caregraph:sandbox:visit",
                "value": f"V-{_appointment_id(number, index)}",
            }
        ],
        "status": "finished",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": chance.choice(["AMB", "VR"]),
        },
        "type": [
            {
                "coding": [{"system": "http://snomed.info/sct", "code": "185349003", "display": "Check up"}],
                "text": "Encounter for check up",
            }
        ],
        "subject": {"reference": f"Patient/pat-{number:06}"},
        "participant": [
            {
                "type": [{"coding": [{"code": "PPRF", "display": "primary performer"}]}],
                "individual": {"reference": "Practitioner/prac-0001", "display": "Ana Reyes"},
            }
        ],
        "period": {
            "start": f"{start.isoformat()}-06:00",
            "end": f"{(start + timedelta(minutes=30)).isoformat()}-06:00",
        },
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": snomed}], "text": reason}],
        "location": [{"location": {"reference": "Location/loc-02", "display": "Springfield"}}],
        "serviceProvider": {"reference": "Organization/org-01", "display": "Sandbox Clinic"},
    }


def _appointment(number: int, index: int, chance: random.Random) -> Record:
    code, name, is_video = chance.choice(_SERVICES)
    ident = _appointment_id(number, index)
    start = _FIRST_DAY + timedelta(days=30 * index + number % 5, minutes=15 * chance.randrange(30))
    return {
        "id": ident,
        "patient": {"id": 300 + number, "mrn": f"MRN-{number:06}"},
        "practitioner": {"id": 7, "npi": "1234567893", "name": "Ana Reyes"},
        "location": {"id": 2, "name": "Springfield"},
        "status": chance.choice(_PMS_STATUSES),
        "service_code": code,
        "service_name": name,
        "reason": chance.choice(_REASONS)[0],
        "starts_at": start.isoformat(),
        "duration_minutes": int(code[-2:]),
        "is_telehealth": is_video,
        "video_url": f"https://video.sandbox.example/v/{ident}" if is_video else None,
        "visit_number": f"V-{ident}",
        "created_at": "2026-01-05T09:00:00",
        "updated_at": "2026-02-10T11:30:00",
        "version": 1,
    }


def _appointment_id(number: int, index: int) -> int:
    return 5000 + 10 * number + index


def _contact(number: int, chance: random.Random) -> Record:
    """A contact with only the properties that the benchmarked operations ask for, as HubSpot would answer."""
    return {
        "id": str(90000 + number),
        "properties": {
            "hs_object_id": str(90000 + number),
            "care_key": care_key(f"pat-{number:06}"),
            "lifecyclestage": chance.choice(["lead", "customer", "evangelist"]),
            "engagement_score": str(chance.randrange(101)),
            "attendance_rate": f"{chance.randrange(50, 101) / 100:.2f}",
        },
        "createdAt": "2026-01-05T09:00:00.000Z",
        "updatedAt": "2026-09-30T14:05:00.000Z",
        "archived": False,
    }
