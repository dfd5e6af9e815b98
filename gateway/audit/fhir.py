"""Records as FHIR R4 AuditEvents by IHE BALP: one for each patient of an operation, one for a break-glass."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.audit.coordinates import Coordinates
from gateway.audit.entries import OVERRIDE, Emergency, Outcome, Record
from gateway.errors import Code
from policies import BREAK_GLASS

BALP = "https://profiles.ihe.net/ITI/BALP"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
ENTITY_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
PURPOSES = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PATIENT = "urn:caregraph:pseudonym:patient"
CHART = "urn:caregraph:pseudonym:chart"
PLAN = "urn:caregraph:plan"
CLIENT = "urn:caregraph:client"

UNKNOWN = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    ]
}
"""For an element that the profile demands and that we do not know."""

DISPLAY = "CareGraph"

SECURITY_ALERT = {"system": DCM, "code": "110113", "display": "Security Alert"}
OVERRIDE_STARTED = {"system": DCM, "code": "110127", "display": "Emergency Override Started"}
OVERRIDE_USED = {"system": "urn:caregraph:audit-event", "code": "emergency-override-used"}
"""A use of break-glass after its declaration, for which DICOM has no code."""

Json = dict[str, Any]


def events(
    chain: str, seq: int, record: Record, plan: bytes | None, gateway: str | None = None
) -> Iterator[Json]:
    """The AuditEvents of one record: one a patient, or one where it returned no patient's rows.

    *plan* is the body of its plan, *gateway* our address as clients know it.
    """
    if record.kind == OVERRIDE and record.emergency is not None:
        yield _override(chain, seq, record, record.emergency, gateway)
        return
    common = _common(record, gateway)
    shared = [_query(record), _detail(record, plan), _transaction(record)]
    people = [*((PATIENT, name) for name in record.patients), *((CHART, name) for name in record.charts)]
    profile = "IHE.BasicAudit.PatientQuery" if people else "IHE.BasicAudit.Query"
    for number, person in enumerate(people or [None]):
        event: Json = {"resourceType": "AuditEvent", "id": f"{chain}-{seq}-{number}"}
        if common["outcome"] == "0":  # the profiles are for what succeeded
            event["meta"] = {"profile": [f"{BALP}/StructureDefinition/{profile}"]}
        patient = [_patient(*person)] if person is not None else []
        emergency = record.emergency is not None and person == (PATIENT, record.emergency.patient)
        why = {"purposeOfEvent": [_purpose(BREAK_GLASS), *common["purposeOfEvent"]]} if emergency else {}
        yield {**event, **common, **why, "entity": [*patient, *shared]}


def _override(chain: str, seq: int, record: Record, emergency: Emergency, gateway: str | None) -> Json:
    """A use of break-glass: DICOM's Security Alert, of type Emergency Override Started where it is declared.

    It is outside BALP's profiles, which have none for it.
    """
    purpose = _purpose(BREAK_GLASS)
    if emergency.reason is not None:
        purpose["text"] = emergency.reason
    details = [
        ("declared", emergency.declared),
        ("until", emergency.until.isoformat(timespec="seconds")),
        ("part-2-emergency", "true" if emergency.part2 else "false"),
        ("document", f"sha256:{record.document}"),
        ("policy", record.policy),
    ]
    return {
        "resourceType": "AuditEvent",
        "id": f"{chain}-{seq}-0",
        **_common(record, gateway),
        "type": SECURITY_ALERT,
        "subtype": [OVERRIDE_STARTED if emergency.reason is not None else OVERRIDE_USED],
        "purposeOfEvent": [purpose],
        "entity": [
            _patient(PATIENT, emergency.patient),
            _transaction(record),
            {
                "type": {"system": ENTITY_TYPE, "code": "4"},
                "detail": [{"type": kind, "valueString": value} for kind, value in details],
            },
        ],
    }


def _common(record: Record, gateway: str | None) -> Json:
    return {
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "search"}],
        "action": "E",
        "recorded": record.at.isoformat(timespec="milliseconds"),
        "outcome": _outcome(record),
        "purposeOfEvent": [_purpose(record.purpose)],
        "agent": _agents(record, gateway),
        "source": {"observer": {"display": DISPLAY}},
    }


def _outcome(record: Record) -> str:
    """0 success; 4, 8 and 12 minor, serious and major failure. To be refused a field is no failure."""
    failures = record.errors.keys() - {Code.FORBIDDEN.name}
    if record.outcome is Outcome.CANCELLED:
        return "4"
    if record.outcome in {Outcome.ANSWERED, Outcome.STARTED}:
        return "4" if failures else "0"
    return "12" if Code.INTERNAL.name in failures else "8"


def _purpose(code: str) -> Json:
    return {"coding": [{"system": PURPOSES, "code": code}]}


def _agents(record: Record, gateway: str | None) -> list[Json]:
    is_user = record.fhir_user is not None or record.subject != record.client_id
    client = {
        "type": {"coding": [{"system": DCM, "code": "110153"}]},
        "who": {"identifier": {"system": CLIENT, "value": record.client_id}},
        "requestor": not is_user,
        "network": UNKNOWN,
    }
    server = {
        "type": {"coding": [{"system": DCM, "code": "110152"}]},
        "who": {"display": DISPLAY},
        "requestor": False,
        "network": {"address": gateway, "type": "5"} if gateway is not None else UNKNOWN,
    }
    return [client, server, *([_user(record)] if is_user else [])]


def _user(record: Record) -> Json:
    user: Json = {
        "type": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
            ]
        },
        "role": [{"text": record.audience}],
        "who": {"identifier": {"system": record.issuer, "value": record.subject}},
        "requestor": True,
        "purposeOfUse": [_purpose(record.purpose)],
    }
    if record.fhir_user is not None:
        user["who"]["reference"] = record.fhir_user
    if record.token is not None:
        user["policy"] = [f"urn:ietf:params:oauth:jti:{record.token}"]
    return user


def _patient(system: str, pseudonym: str) -> Json:
    return {
        "what": {"type": "Patient", "identifier": {"system": system, "value": pseudonym}},
        "type": {"system": ENTITY_TYPE, "code": "1"},
        "role": {"system": ENTITY_ROLE, "code": "1"},
    }


def _query(record: Record) -> Json:
    """The request by its document's hash: its text and its variables may hold what patients are found by."""
    document = f"sha256:{record.document}" if record.document else None
    query = {"kind": record.kind, "document": document, "operation": record.operation}
    return {
        "type": {"system": ENTITY_TYPE, "code": "2"},
        "role": {"system": ENTITY_ROLE, "code": "24"},
        "query": b64encode(msgspec.json.encode(query)).decode(),
    }


def _transaction(record: Record) -> Json:
    return {
        "type": {"system": f"{BALP}/CodeSystem/BasicAuditEntityType", "code": "XrequestId"},
        "what": {"identifier": {"value": record.trace_id}},
    }


def _detail(record: Record, plan: bytes | None) -> Json:
    """What policy made of the request. The profile allows no details on the query itself."""
    details = [
        ("policy", record.policy),
        ("audience", record.audience),
        ("outcome", record.outcome.value),
        *(("source", " ".join(source)) for source in _sources(record)),
        *(("error", f"{code} {count}") for code, count in record.errors.items()),
    ]
    if record.on_behalf_of is not None:
        details.append(("on-behalf-of", record.on_behalf_of))
    if record.acting is not None:
        details.append(("acting", record.acting))
    if plan is not None:
        coordinates = msgspec.json.decode(plan, type=Coordinates)
        details.append(("returned", " ".join(coordinates.returned)))
        details += _ruled("masked", coordinates.masked)
        details += _ruled("denied", coordinates.denied)
    entity: Json = {
        "type": {"system": ENTITY_TYPE, "code": "4"},
        "detail": [{"type": kind, "valueString": value} for kind, value in details if value],
    }
    if record.plan is not None:
        entity["what"] = {"identifier": {"system": PLAN, "value": record.plan}}
    return entity


def _sources(record: Record) -> Iterator[tuple[str, ...]]:
    """Each source that was asked: its name, how often, and how it failed if it did."""
    for name, count in record.calls.items():
        trouble = record.troubles.get(name)
        yield (name, str(count)) if trouble is None else (name, str(count), trouble)


def _ruled(kind: str, rules: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for coordinate, ids in rules.items():
        yield kind, f"{coordinate}: {', '.join(ids)}"
