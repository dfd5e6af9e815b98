"""Records as AuditEvents: valid FHIR R4, and what IHE BALP asks of a query's."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import Outcome, Record
from gateway.audit.entries import Emergency
from gateway.audit.fhir import events
from gateway.errors import Code
from policies import Audience, Purpose
from tests.gateway.audit.made import WORKLIST

DCM = "http://dicom.nema.org/resources/ontology/DCM"
BALP = "https://profiles.ihe.net/ITI/BALP"


def record(**changed: Any) -> Record:
    given: dict[str, Any] = {
        "at": datetime(2026, 11, 22, 9, 30, 0, 123456, UTC),
        "kind": "query",
        "document": "d0c",
        "trace_id": "t1",
        "issuer": "https://idp.example",
        "subject": "dr-lee",
        "client_id": "worklist-app",
        "audience": "clinician",
        "purpose": "TREAT",
        "policy": "policy-1",
        "token": "jti-1",
        "fhir_user": "Practitioner/p1",
        "operation": "Worklist",
        "plan": WORKLIST.ref().digest,
        "patients": ["Aa", "Bb"],
        "charts": ["Cc"],
        "calls": {"ehr": 2},
    }
    return Record(**{**given, **changed})


def exported(told: Record, gateway: str | None = None) -> list[dict[str, Any]]:
    """The events as they are written, and read again: each valid FHIR."""
    made = [msgspec.json.encode(event) for event in events("c4", 7, told, WORKLIST.ref().body, gateway)]
    for event in made:
        AuditEvent.model_validate_json(event)
    return [msgspec.json.decode(event) for event in made]


def entity(event: dict[str, Any], code: str) -> dict[str, Any]:
    [found] = [entity for entity in event["entity"] if entity["type"]["code"] == code]
    return dict(found)


def agent(event: dict[str, Any], code: str) -> dict[str, Any] | None:
    return next((agent for agent in event["agent"] if agent["type"]["coding"][0]["code"] == code), None)


def test_there_is_one_event_for_each_patient_of_an_operation() -> None:
    made = exported(record())

    assert [event["id"] for event in made] == ["c4-7-0", "c4-7-1", "c4-7-2"]
    assert [entity(event, "1")["what"]["identifier"] for event in made] == [
        {"system": "urn:caregraph:pseudonym:patient", "value": "Aa"},
        {"system": "urn:caregraph:pseudonym:patient", "value": "Bb"},
        {"system": "urn:caregraph:pseudonym:chart", "value": "Cc"},
    ]
    assert {event["meta"]["profile"][0] for event in made} == {
        f"{BALP}/StructureDefinition/IHE.BasicAudit.PatientQuery"
    }


def test_an_operation_that_returned_nobodys_rows_is_a_query_without_a_patient() -> None:
    [event] = exported(record(patients=[], charts=[]))

    assert event["meta"]["profile"] == [f"{BALP}/StructureDefinition/IHE.BasicAudit.Query"]
    assert [entity["type"]["code"] for entity in event["entity"]] == ["2", "4", "XrequestId"]


def test_an_event_is_what_the_profile_asks_for() -> None:
    event = exported(record(patients=["Aa"], charts=[]), "https://caregraph.example/graphql")[0]

    assert event["type"]["code"] == "rest"
    assert event["subtype"] == [{"system": "http://hl7.org/fhir/restful-interaction", "code": "search"}]
    assert (event["action"], event["outcome"]) == ("E", "0")
    assert event["recorded"] == "2026-11-22T09:30:00.123+00:00"
    client, server, user = agent(event, "110153"), agent(event, "110152"), agent(event, "IRCP")
    assert client is not None
    assert client["who"]["identifier"]["value"] == "worklist-app"
    assert client["network"]["extension"][0]["valueCode"] == "unknown"
    assert server is not None
    assert server["network"] == {"address": "https://caregraph.example/graphql", "type": "5"}
    assert user is not None
    assert user["who"] == {
        "identifier": {"system": "https://idp.example", "value": "dr-lee"},
        "reference": "Practitioner/p1",
    }
    assert user["policy"] == ["urn:ietf:params:oauth:jti:jti-1"]
    assert user["purposeOfUse"] == event["purposeOfEvent"]
    assert [each["requestor"] for each in event["agent"]] == [False, False, True]
    query = entity(event, "2")
    assert set(query) == {"type", "role", "query"}  # neither what, nor detail, nor lifecycle
    assert msgspec.json.decode(b64decode(query["query"])) == {
        "kind": "query",
        "document": "sha256:d0c",
        "operation": "Worklist",
    }
    assert entity(event, "XrequestId")["what"]["identifier"]["value"] == "t1"


def test_what_policy_made_of_the_request_is_told_in_details() -> None:
    told = record(errors={"FORBIDDEN": 2}, on_behalf_of="Aa", acting="nurse-1", troubles={"ehr": "timeout"})
    event = exported(told)[0]

    details = [(detail["type"], detail["valueString"]) for detail in entity(event, "4")["detail"]]
    assert details == [
        ("policy", "policy-1"),
        ("audience", "clinician"),
        ("outcome", "answered"),
        ("source", "ehr 2 timeout"),
        ("error", "FORBIDDEN 2"),
        ("on-behalf-of", "Aa"),
        ("acting", "nurse-1"),
        ("returned", "Patient.id Query.patients"),
        ("masked", "Patient.birthDate: boundary-ai-masks-demographics, masked-by-year"),
        ("denied", "Engagement.score: boundary-clinician-denies-engagement"),
    ]


def test_a_backend_asks_for_itself() -> None:
    event = exported(record(subject="worklist-app", fhir_user=None))[0]

    client = agent(event, "110153")
    assert agent(event, "IRCP") is None
    assert client is not None
    assert client["requestor"] is True


@pytest.mark.parametrize(
    ("errors", "came", "outcome"),
    [
        pytest.param({}, Outcome.ANSWERED, "0", id="all is well"),
        pytest.param({"FORBIDDEN": 3}, Outcome.ANSWERED, "0", id="fields were refused"),
        pytest.param({"FORBIDDEN": 1, "SOURCE_TIMEOUT": 1}, Outcome.ANSWERED, "4", id="a source failed"),
        pytest.param({"FORBIDDEN": 1}, Outcome.FAILED, "8", id="all was refused"),
        pytest.param({"GATEWAY_TIMEOUT": 1}, Outcome.FAILED, "8", id="it took too long"),
        pytest.param({"INTERNAL": 1}, Outcome.FAILED, "12", id="we failed"),
        pytest.param({"GRAPHQL_PARSE_FAILED": 1}, Outcome.REFUSED, "8", id="it was not run"),
        pytest.param({}, Outcome.CANCELLED, "4", id="its caller left"),
        pytest.param({}, Outcome.STARTED, "0", id="a subscription was begun"),
    ],
)
def test_the_outcome_is_by_what_failed(errors: dict[str, int], came: Outcome, outcome: str) -> None:
    event = exported(record(errors=errors, outcome=came))[0]

    assert event["outcome"] == outcome
    assert ("meta" in event) == (outcome == "0")  # the profiles are for what succeeded


NAMES = st.text("Aa0+/", min_size=16, max_size=16)
WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1)


@given(
    st.builds(
        record,
        patients=st.lists(NAMES, max_size=2),
        charts=st.lists(NAMES, max_size=1),
        audience=st.sampled_from([audience.value for audience in Audience]),
        purpose=st.sampled_from([purpose.value for purpose in Purpose]),
        errors=st.dictionaries(st.sampled_from([code.name for code in Code]), st.integers(1, 9), max_size=2),
        calls=st.dictionaries(WORDS, st.integers(1, 99), max_size=2),
        subject=WORDS,
        client_id=WORDS,
        token=st.none() | WORDS,
        fhir_user=st.none() | st.just("Practitioner/p1"),
        on_behalf_of=st.none() | NAMES,
        operation=st.none() | WORDS,
        acting=st.none() | WORDS,
        document=st.sampled_from(["", "d0c"]),
        outcome=st.sampled_from(Outcome),
        troubles=st.dictionaries(WORDS, st.sampled_from(["timeout", "degraded"]), max_size=2),
    )
)
@settings(deadline=None, max_examples=60)
def test_whatever_was_recorded_is_exported_as_valid_fhir(told: Record) -> None:
    assert len(exported(told)) == max(1, len(told.patients) + len(told.charts))


UNTIL = datetime(2026, 11, 22, 9, 45, tzinfo=UTC)
REASON = "Unconscious, brought in by ambulance"


@pytest.mark.parametrize(
    ("reason", "subtype"),
    [
        pytest.param(REASON, (DCM, "110127"), id="declared"),
        pytest.param(None, ("urn:caregraph:audit-event", "emergency-override-used"), id="used"),
    ],
)
def test_a_use_of_break_glass_is_a_security_alert_of_its_own(
    reason: str | None, subtype: tuple[str, str]
) -> None:
    emergency = Emergency(patient="Aa", until=UNTIL, part2=True, declared="t0", reason=reason)
    told = record(
        kind="break-glass", purpose="BTG", emergency=emergency, plan=None, patients=["Aa"], charts=[]
    )

    (event,) = exported(told)

    assert (event["type"]["system"], event["type"]["code"]) == (DCM, "110113")
    assert [(it["system"], it["code"]) for it in event["subtype"]] == [subtype]
    (purpose,) = event["purposeOfEvent"]
    assert (purpose["coding"][0]["code"], purpose.get("text")) == ("BTG", reason)
    assert entity(event, "1")["what"]["identifier"]["value"] == "Aa"
    assert {(it["type"], it["valueString"]) for it in entity(event, "4")["detail"]} == {
        ("declared", "t0"),
        ("until", "2026-11-22T09:45:00+00:00"),
        ("part-2-emergency", "true"),
        ("document", "sha256:d0c"),
        ("policy", "policy-1"),
    }
    assert "meta" not in event


def test_an_operation_in_an_emergency_says_so_for_the_one_patient_it_concerns() -> None:
    told = record(emergency=Emergency(patient="Aa", until=UNTIL, declared="t0"))

    purposes = {
        entity(event, "1")["what"]["identifier"]["value"]: [
            purpose["coding"][0]["code"] for purpose in event["purposeOfEvent"]
        ]
        for event in exported(told)
    }

    assert purposes == {"Aa": ["BTG", "TREAT"], "Bb": ["TREAT"], "Cc": ["TREAT"]}
