"""A small stand-in for the rig's upstream, and what the rig expects of its three patients."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

EVERYBODY = ("pat-00000001", "pat-00000002", "pat-00000003")

Row = dict[str, Any]

EXPECTED: Row = {
    "id": "pat-00000001",
    "mrn": "MRN1",
    "familyName": "Okafor",
    "givenName": "Amara",
    "birthDate": "1943-04-01",
    "gender": "female",
    "active": True,
    "lastUpdated": "2026-02-01T08:00:00+00:00",
    "phone": "+1-555-00000001",
    "email": "amara@example.org",
    "address": {
        "line": ["1 Maple St", "Apt 2"],
        "city": "Boulder",
        "state": "CO",
        "postalCode": "80302",
        "country": "US",
    },
    "appointments": [
        {
            "id": "apt-00000001-1",
            "status": "cancelled",
            "serviceType": "Vaccination",
            "startsAt": "2026-04-02T09:00:00+00:00",
            "endsAt": "2026-04-02T09:15:00+00:00",
            "durationMinutes": 15,
            "practitionerName": "Dr. Mei Chen",
            "locationName": "Northside Clinic",
            "isTelehealth": False,
        },
        {
            "id": "apt-00000001-2",
            "status": "confirmed",
            "serviceType": "Vaccination",
            "startsAt": "2026-03-02T09:00:00+00:00",
            "endsAt": "2026-03-02T09:15:00+00:00",
            "durationMinutes": 15,
            "practitionerName": "Dr. Mei Chen",
            "locationName": "Northside Clinic",
            "isTelehealth": False,
        },
    ],
    "encounters": [
        {
            "id": "enc-00000001-1",
            "status": "finished",
            "classCode": "AMB",
            "typeText": "Check up",
            "startedAt": "2026-01-05T08:00:00+00:00",
            "endedAt": "2026-01-05T08:30:00+00:00",
            "reason": "Low back pain",
            "practitionerName": "Dr. Mei Chen",
        }
    ],
    "observations": [
        {
            "id": "obs-00000001-1",
            "status": "final",
            "code": "8867-4",
            "display": "Heart rate",
            "value": 72,
            "unit": "/min",
            "effectiveAt": "2026-01-05T08:10:00+00:00",
        }
    ],
    "crmProfile": {
        "id": "88001000",
        "email": "amara@example.org",
        "lifecycleStage": "customer",
        "leadStatus": "OPEN",
        "ownerId": "4711",
        "preferredChannel": "sms",
        "marketingOptIn": "true",
        "lastContactedAt": "2026-01-01T08:00:00+00:00",
    },
}
"""What the rig expects of the first patient: every field of all queries."""

_PATIENT = "id mrn familyName givenName birthDate gender"
SELECTED = {
    "q1": f"{_PATIENT} phone email",
    "q2": f"{_PATIENT} phone email appointments encounters crmProfile",
    "q3": f"{_PATIENT} phone email appointments encounters crmProfile",
    "q4": f"{_PATIENT} active lastUpdated address encounters observations appointments",
}
NOT_IN_Q3 = {"endsAt", "isTelehealth", "typeText"}


def expected(query: str, patient: str) -> Row:
    """What the rig expects *query* to tell of *patient*; all have the first one's records, with own ids."""
    number = patient.removeprefix("pat-")
    row: Row = json.loads(json.dumps(EXPECTED).replace("00000001", number))
    row = {name: row[name] for name in SELECTED[query].split()} | {"mrn": f"MRN{int(number)}"}
    if query == "q3":
        for kind in ("appointments", "encounters"):
            row[kind] = [{name: each[name] for name in each.keys() - NOT_IN_Q3} for each in row[kind]]
    return row


def patient_of(id_: str) -> Row:
    mr = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    return {
        "resourceType": "Patient",
        "id": id_,
        "meta": {"versionId": "1", "lastUpdated": "2026-02-01T08:00:00+00:00"},
        "identifier": [
            {
                "type": mr,
                "system": "urn:oid:1.2.36.146.595.217.0.1",
                "value": f"MRN{int(id_.removeprefix('pat-'))}",
            }
        ],
        "active": True,
        "name": [{"use": "official", "family": "Okafor", "given": ["Amara", "Marek"]}],
        "telecom": [
            {"system": "phone", "value": f"+1-555-{id_[4:]}"},
            {"system": "email", "value": "amara@example.org"},
        ],
        "gender": "female",
        "birthDate": "1943-04-01",
        "address": [EXPECTED["address"] | {"use": "home"}],
    }


def encounter_of(id_: str) -> Row:
    return {
        "resourceType": "Encounter",
        "id": f"enc-{id_[4:]}-1",
        "status": "finished",
        "class": {"code": "AMB"},
        "type": [{"text": "Check up"}],
        "subject": {"reference": f"Patient/{id_}"},
        "participant": [{"individual": {"reference": "Practitioner/pr-105", "display": "Dr. Mei Chen"}}],
        "period": {"start": "2026-01-05T08:00:00+00:00", "end": "2026-01-05T08:30:00+00:00"},
        "reasonCode": [{"text": "Low back pain"}],
    }


def observation_of(id_: str) -> Row:
    return {
        "resourceType": "Observation",
        "id": f"obs-{id_[4:]}-1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}], "text": "Heart rate"},
        "subject": {"reference": f"Patient/{id_}"},
        "effectiveDateTime": "2026-01-05T08:10:00+00:00",
        "valueQuantity": {"value": 72, "unit": "/min"},
    }


def booking_of(id_: str, number: int) -> Row:
    status, month = (("cancelled", "04"), ("confirmed", "03"))[number - 1]
    return {
        "appointment_id": f"apt-{id_[4:]}-{number}",
        "patient_id": id_,
        "status": status,
        "service_code": "VACC",
        "service_name": "Vaccination",
        "starts_at": f"2026-{month}-02T09:00:00+00:00",
        "ends_at": f"2026-{month}-02T09:15:00+00:00",
        "duration_min": 15,
        "practitioner_id": "pr-105",
        "practitioner_name": "Dr. Mei Chen",
        "location_id": "loc-1",
        "location_name": "Northside Clinic",
        "room": "R1",
        "is_telehealth": False,
        "reminder_sent": True,
        "created_at": "2026-01-01T09:00:00+00:00",
        "updated_at": "2026-01-02T09:00:00+00:00",
    }


def contact_of(id_: str) -> Row:
    properties = {
        "hs_object_id": "88001000",
        "ehr_patient_id": id_,
        "email": "amara@example.org",
        "firstname": "Amara",
        "lastname": "Okafor",
        "lifecyclestage": "customer",
        "hs_lead_status": "OPEN",
        "hubspot_owner_id": "4711",
        "preferred_channel": "sms",
        "marketing_opt_in": "true",
        "notes_last_contacted": "2026-01-01T08:00:00+00:00",
        "createdate": "2025-01-01T08:00:00+00:00",
        "lastmodifieddate": "2026-01-01T08:00:00+00:00",
    }
    return {"id": "88001000", "properties": properties, "archived": False}


class Rig(ThreadingHTTPServer):
    """The rig's upstream: rows of several patients come interleaved, contacts in reverse."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.calls: list[str] = []
        self.stranger: str | None = None
        """Somebody whose booking comes with every answer of the PMS."""
        self.ends_at: str | None = None
        """When the PMS says that every booking ends."""

    def answer(self, address: str, body: bytes) -> Row | None:
        parts = urlsplit(address)
        self.calls.append(parts.path)
        asked = {name: values[0].split(",") for name, values in parse_qs(parts.query).items()}
        if parts.path == "/fhir/Patient":
            return bundle([patient_of(id_) for id_ in EVERYBODY])
        if parts.path.startswith("/fhir/Patient/"):
            id_ = parts.path.rpartition("/")[2]
            return patient_of(id_) if id_ in EVERYBODY else None
        if parts.path == "/fhir/Encounter":
            return bundle([encounter_of(id_) for id_ in asked["patient"]])
        if parts.path == "/fhir/Observation":
            return bundle([observation_of(id_) for id_ in asked["patient"]])
        if parts.path == "/pms/v1/appointments":
            ids = asked["patient_ids"] + ([self.stranger] if self.stranger else [])
            bookings = [booking_of(id_, number) for number in (1, 2) for id_ in ids]
            ending = {"ends_at": self.ends_at} if self.ends_at else {}
            return {"appointments": [booking | ending for booking in bookings]}
        if parts.path == "/crm/v3/objects/contacts/batch/read":
            inputs = [each["id"] for each in json.loads(body)["inputs"]]
            return {"status": "COMPLETE", "results": [contact_of(id_) for id_ in reversed(inputs)]}
        return None


def bundle(rows: list[Row]) -> Row:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": row} for row in rows]}


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Rig)
        asked = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.server.answer(self.path, asked)
        body = json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""
