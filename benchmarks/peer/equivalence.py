"""What the rig expects, and what this entry answered, brought to one form in which they must be equal.

Our answer is put into the rig's names and shapes. What the graph does not offer is left out of the rig's
side; see `LACKING`. A confirmed booking is `booked` in FHIR; an opt-in to marketing is the consent to e-mail,
true or false and no text; a patient's appointments come ordered by start.
"""

from typing import Any

LACKING = {
    "appointments": frozenset({"practitionerName"}),
    "crmProfile": frozenset({"id", "email", "leadStatus", "preferredChannel"}),
}
"""What the graph does not offer: what a CRM holds besides an engagement is not read from it, and whom an
appointment is with is an edge to the EHR's practitioner."""

_PLAIN = ("mrn", "birthDate", "gender", "active", "lastUpdated")
_FLAGS = {"true": True, "false": False}

Row = dict[str, Any]


def ours(data: Row) -> Row:
    """Our `data` in the rig's shape."""
    if "patients" in data:
        return {"patients": [_patient(row) for row in data["patients"]["nodes"]]}
    return {"patient": _patient(data["patient"])}


def expected(data: Row) -> Row:
    """The rig's `data`, as far as the graph goes."""
    if "patients" in data:
        return {"patients": [_expected_patient(row) for row in data["patients"]]}
    return {"patient": _expected_patient(data["patient"])}


def _expected_patient(row: Row) -> Row:
    patient = dict(row)
    if "appointments" in row:
        booked = sorted(row["appointments"], key=lambda each: each["startsAt"])
        patient["appointments"] = [_expected_appointment(each) for each in booked]
    if "crmProfile" in row:
        profile = _without("crmProfile", row["crmProfile"])
        patient["crmProfile"] = profile | {"marketingOptIn": _FLAGS[profile["marketingOptIn"]]}
    return patient


def _expected_appointment(row: Row) -> Row:
    status = "booked" if row["status"] == "confirmed" else row["status"]
    return _without("appointments", row) | {"status": status}


def _without(kind: str, row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in LACKING[kind]}


def _patient(row: Row) -> Row:
    patient: Row = {
        "id": _local(row["id"]),
        "familyName": row["name"][0]["family"],
        "givenName": row["name"][0]["given"][0],
        **{name: row[name] for name in _PLAIN if name in row},
    }
    if "telecom" in row:
        patient |= {system: _first(row["telecom"], system) for system in ("phone", "email")}
    if "address" in row:
        patient["address"] = row["address"][0]
    if "engagement" in row:
        patient["crmProfile"] = _profile(row["engagement"])
    for name, reshaped in _LISTS.items():
        if name in row:
            patient[name] = [reshaped(node) for node in row[name]["nodes"]]
    return patient


def _first(telecom: list[Row], system: str) -> str | None:
    return next((each["value"] for each in telecom if each["system"] == system), None)


def _profile(row: Row) -> Row:
    return {
        "lifecycleStage": row["lifecycleStage"],
        "ownerId": row["owner"]["id"],
        "marketingOptIn": row["consents"]["email"],
        "lastContactedAt": row["lastTouch"],
    }


def _appointment(row: Row) -> Row:
    names = {
        "status": "status",
        "start": "startsAt",
        "end": "endsAt",
        "minutesDuration": "durationMinutes",
        "locationName": "locationName",
        "isTelehealth": "isTelehealth",
    }
    plain = {theirs: row[name] for name, theirs in names.items() if name in row}
    return plain | {"id": _local(row["id"]), "serviceType": row["serviceType"][0]["text"]}


def _encounter(row: Row) -> Row:
    encounter = {
        "id": _local(row["id"]),
        "status": row["status"],
        "classCode": row["class"]["code"],
        "startedAt": row["period"]["start"],
        "endedAt": row["period"]["end"],
        "reason": row["reasonCode"][0]["text"],
        "practitionerName": row["participant"][0]["display"],
    }
    return encounter | {"typeText": row["type"][0]["text"]} if "type" in row else encounter


def _observation(row: Row) -> Row:
    return {
        "id": _local(row["id"]),
        "status": row["status"],
        "code": row["code"]["coding"][0]["code"],
        "display": row["code"]["text"],
        "value": row["valueQuantity"]["value"],
        "unit": row["valueQuantity"]["unit"],
        "effectiveAt": row["effectiveDateTime"],
    }


def _local(id_: str) -> str:
    """The id within its type: of `Patient/p1`, `p1`."""
    return id_.partition("/")[2]


_LISTS = {"appointments": _appointment, "encounters": _encounter, "observations": _observation}
