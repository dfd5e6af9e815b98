"""A clinician reads one patient's story from three systems in one query."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.records import Json, care_key
from tests.stories.house import House
from tests.stories.likeness import like

# The demo's rich one and two more; one without appointments, one whom the CRM does not know, two who died.
PATIENTS = [f"pat-{number:06}" for number in (1, 2, 3, 17, 23, 29, 58)]

QUERY = """
query Story($id: ID!) {
  patient(id: $id) {
    id mrn active gender birthDate deceased deceasedDateTime lastUpdated
    identifier { use type { coding { system code display } text } system value }
    name { use text family given prefix suffix }
    telecom { system value use }
    address { use text line city district state postalCode country }
    maritalStatus { coding { system code display } text }
    generalPractitioner { id npi name { family given prefix } }
    appointments(first: 100) { complete nodes {
      id status start end minutesDuration isTelehealth videoUrl locationName lastUpdated
      serviceType { text coding { system code display } }
      reasonCode { text coding { code } }
      practitioners { id npi }
      location { id name type { text } telecom { system value } address { line city state postalCode } }
      encounter { id }
      patient { id }
    } }
    encounters(first: 100) { complete nodes {
      id status
      class { system code display }
      identifier { use type { coding { system code display } text } system value }
      type { coding { system code display } text }
      period { start end }
      reasonCode { coding { system code display } text }
      participant { type { coding { system code display } text } period { start end } display
                    practitioner { id } }
      diagnosis { use { coding { system code } text } rank condition { id code { text } } }
      location { id name }
      serviceProvider { id name }
      appointment { id }
      patient { id }
    } }
    engagement {
      lifecycleStage score attendanceRate satisfaction lastTouch
      consents { email sms phone }
      owner { id name }
    }
  }
}
"""

STATUS = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patients_own_data_equals_the_ehrs_record(house: House, patient: str) -> None:
    record = house.dataset.resources["Patient"][patient]
    shown = _story(house, patient)

    assert shown["id"] == f"Patient/{patient}"
    assert shown["mrn"] == _mrn(record)
    assert shown["lastUpdated"] == record["meta"]["lastUpdated"]
    assert shown["deceased"] == (True if "deceasedDateTime" in record else record.get("deceasedBoolean"))
    for field in ("active", "gender", "birthDate", "deceasedDateTime", "maritalStatus"):
        assert shown[field] == like(shown[field], record.get(field)), field
    for field in ("identifier", "name", "telecom", "address"):
        assert shown[field] == like(shown[field], record.get(field)), field
    carers = [
        house.dataset.resources["Practitioner"][reference["reference"].removeprefix("Practitioner/")]
        for reference in record.get("generalPractitioner", [])
    ]
    assert shown["generalPractitioner"] == [
        {
            "id": f"Practitioner/{carer['id']}",
            "npi": _npi(carer),
            "name": like([{"family": "", "given": [""], "prefix": [""]}], carer["name"]),
        }
        for carer in carers
    ]


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patients_appointments_equal_the_books_of_the_practice(house: House, patient: str) -> None:
    mrn = _mrn(house.dataset.resources["Patient"][patient])
    rows = [row for row in house.dataset.pms.appointments if row["patient"]["mrn"] == mrn]
    rows.sort(key=lambda row: (row["starts_at"], row["id"]))

    appointments = _story(house, patient)["appointments"]

    assert appointments["complete"] is True
    assert appointments["nodes"] == [_appointment(house, row, patient) for row in rows]


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patients_encounters_equal_the_ehrs_records(house: House, patient: str) -> None:
    records = _of(house, "Encounter", patient)

    encounters = _story(house, patient)["encounters"]

    assert encounters["complete"] is True
    assert {shown["id"] for shown in encounters["nodes"]} == {f"Encounter/{id_}" for id_ in records}
    for shown in encounters["nodes"]:
        record = records[shown["id"].removeprefix("Encounter/")]
        assert shown == _encounter(house, record, shown)


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patients_engagement_equals_the_contact_of_the_crm(house: House, patient: str) -> None:
    key = care_key(patient)
    contact = next((it for it in house.dataset.contacts if it["properties"]["care_key"] == key), None)

    engagement = _story(house, patient)["engagement"]

    assert engagement == (None if contact is None else _engagement(contact["properties"]))


@pytest.mark.parametrize("patient", PATIENTS)
def test_what_belongs_to_an_encounter_is_shown_at_that_encounter(house: House, patient: str) -> None:
    query = """query E($id: ID!) { patient(id: $id) { encounters(first: 100) { nodes {
      id observations(first: 100) { nodes { id } } documents(first: 100) { nodes { id } }
    } } } }"""

    for shown in house.data("clinician", query, {"id": patient})["patient"]["encounters"]["nodes"]:
        at = {"reference": shown["id"]}
        observed = [it for it in _of(house, "Observation", patient).values() if _at(it.get("encounter"), at)]
        written = [
            it
            for it in _of(house, "DocumentReference", patient).values()
            if any(_at(one, at) for one in it.get("context", {}).get("encounter", []))
        ]
        assert {it["id"] for it in shown["observations"]["nodes"]} == {
            f"Observation/{it['id']}" for it in observed
        }
        assert {it["id"] for it in shown["documents"]["nodes"]} == {
            f"DocumentReference/{it['id']}" for it in written
        }


def test_these_patients_are_with_and_without_appointments_encounters_contact_and_death(house: House) -> None:
    stories = [_story(house, patient) for patient in PATIENTS]

    assert {story["deceased"] for story in stories} == {True, None}
    assert {story["engagement"] is None for story in stories} == {True, False}
    assert {bool(story["appointments"]["nodes"]) for story in stories} == {True, False}
    assert {bool(story["encounters"]["nodes"]) for story in stories} == {True, False}


def _story(house: House, patient: str) -> dict[str, Any]:
    found: dict[str, Any] = house.data("clinician", QUERY, {"id": f"Patient/{patient}"})["patient"]
    return found


def _appointment(house: House, row: Json, patient: str) -> Json:
    zone = ZoneInfo(house.dataset.pms.time_zone)
    start = datetime.fromisoformat(row["starts_at"]).replace(tzinfo=zone)
    end = (start.astimezone(ZoneInfo("UTC")) + timedelta(minutes=row["duration_minutes"])).astimezone(zone)
    place = next(it for it in house.dataset.pms.locations if it["id"] == row["location"]["id"])
    return {
        "id": f"Appointment/{row['id']}",
        "status": STATUS[row["status"]],
        "start": start.isoformat(),
        "end": end.isoformat(),
        "minutesDuration": row["duration_minutes"],
        "isTelehealth": row["is_telehealth"],
        "videoUrl": row["video_url"],
        "locationName": row["location"]["name"],
        "lastUpdated": datetime.fromisoformat(row["updated_at"]).replace(tzinfo=zone).isoformat(),
        "serviceType": [
            {
                "text": row["service_name"],
                "coding": [{"system": None, "code": row["service_code"], "display": row["service_name"]}],
            }
        ],
        "reasonCode": [] if row["reason"] is None else [{"text": row["reason"], "coding": []}],
        "practitioners": [
            {"id": f"Practitioner/{it['id']}", "npi": _npi(it)}
            for it in house.dataset.resources["Practitioner"].values()
            if _npi(it) == row["practitioner"]["npi"]
        ],
        "location": {
            "id": str(place["id"]),
            "name": place["name"],
            "type": [{"text": {"video": "Video", "site": "Site"}[place["kind"]]}],
            "telecom": [] if place["phone"] is None else [{"system": "phone", "value": place["phone"]}],
            "address": {
                "line": [place["address"]["line"]],
                "city": place["address"]["city"],
                "state": place["address"]["state"],
                "postalCode": place["address"]["postal_code"],
            },
        },
        "encounter": _reference_to_encounter(house, row["visit_number"]),
        "patient": {"id": f"Patient/{patient}"},
    }


def _encounter(house: House, record: Json, shown: Json) -> Json:
    resources = house.dataset.resources
    joined = {"participant", "diagnosis", "location", "serviceProvider", "appointment", "patient", "id"}
    expected: Json = like({name: shown[name] for name in shown.keys() - joined}, record)
    visit = next((it["value"] for it in record.get("identifier", []) if _is_typed(it, "VN")), None)
    booked = [row["id"] for row in house.dataset.pms.appointments if visit and row["visit_number"] == visit]
    place = record["location"][0]["location"]["reference"].removeprefix("Location/")
    provider = record["serviceProvider"]["reference"].removeprefix("Organization/")
    return expected | {
        "id": f"Encounter/{record['id']}",
        "participant": [
            {
                **like({"type": given["type"], "period": given["period"]}, it),
                "display": it["individual"]["display"],
                "practitioner": {"id": it["individual"]["reference"]},
            }
            for it, given in zip(record["participant"], shown["participant"], strict=True)
        ],
        "diagnosis": [
            {
                **like({"use": given["use"], "rank": given["rank"]}, it),
                "condition": {
                    "id": it["condition"]["reference"],
                    "code": {"text": resources["Condition"][_id(it["condition"])]["code"]["text"]},
                },
            }
            for it, given in zip(record.get("diagnosis", []), shown["diagnosis"], strict=True)
        ],
        "location": {"id": place, "name": resources["Location"][place]["name"]},
        "serviceProvider": {
            "id": f"Organization/{provider}",
            "name": resources["Organization"][provider]["name"],
        },
        "appointment": {"id": f"Appointment/{booked[0]}"} if booked else None,
        "patient": {"id": record["subject"]["reference"]},
    }


def _engagement(properties: dict[str, str | None]) -> Json:
    def number(name: str) -> float | None:
        text = properties[name]
        return None if text is None else float(text)

    def flag(name: str) -> bool | None:
        return {"true": True, "false": False, None: None}[properties[name]]

    owner = properties["hubspot_owner_id"]
    return {
        "lifecycleStage": properties["lifecyclestage"],
        "score": number("engagement_score"),
        "attendanceRate": number("attendance_rate"),
        "satisfaction": number("satisfaction_score"),
        "lastTouch": properties["last_touch_at"],
        "consents": {
            "email": flag("email_consent"),
            "sms": flag("sms_consent"),
            "phone": flag("phone_consent"),
        },
        "owner": None if owner is None else {"id": owner, "name": properties["owner_name"]},
    }


def _reference_to_encounter(house: House, visit_number: str | None) -> Json | None:
    for id_, record in house.dataset.resources["Encounter"].items():
        values = [it["value"] for it in record.get("identifier", []) if _is_typed(it, "VN")]
        if visit_number is not None and visit_number in values:
            return {"id": f"Encounter/{id_}"}
    return None


def _of(house: House, kind: str, patient: str) -> dict[str, Json]:
    return {
        id_: record
        for id_, record in house.dataset.resources[kind].items()
        if record["subject"]["reference"] == f"Patient/{patient}"
    }


def _at(reference: Json | None, place: Json) -> bool:
    return reference is not None and reference["reference"] == place["reference"]


def _mrn(record: Json) -> str:
    value: str = next(it["value"] for it in record["identifier"] if _is_typed(it, "MR"))
    return value


def _npi(record: Json) -> str:
    system = "http://hl7.org/fhir/sid/us-npi"
    value: str = next(it["value"] for it in record["identifier"] if it.get("system") == system)
    return value


def _is_typed(identifier: Json, code: str) -> bool:
    return any(coding["code"] == code for coding in identifier.get("type", {}).get("coding", []))


def _id(reference: Json) -> str:
    value: str = reference["reference"].rpartition("/")[2]
    return value
