"""Who may do what at the stand-in EHR, and what it says of itself to everyone."""

import httpx
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from sandbox.ehr.scopes import access_of


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer forged"}, id="not to be trusted"),
        pytest.param({"Authorization": "Basic c2NvcGVzOng="}, id="another scheme"),
        pytest.param({"Authorization": "Bearer"}, id="empty"),
    ],
)
def test_without_a_valid_token_nothing_is_said(base: str, authorization: dict[str, str]) -> None:
    for path in ("/Patient", "/Patient/pat-000001", "/Patient/nobody"):
        answer = httpx.get(f"{base}{path}", headers=authorization)

        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.json()["issue"][0]["code"] == "login"


@pytest.mark.parametrize(
    ("scopes", "read", "search"),
    [
        ("system/Patient.rs", 200, 200),
        ("system/*.rs", 200, 200),
        ("user/Patient.read", 200, 200),
        ("system/Patient.r system/Encounter.s", 200, 403),
        ("system/Patient.s", 403, 200),
        ("system/Patient.r user/Patient.s", 200, 200),
        ("system/Encounter.rs", 403, 403),
        ("system/Patient.cud", 403, 403),
        ("patient/Patient.rs", 403, 403),
        ("system/Patient.rs?gender=female", 403, 403),
        ("system/Patient.sr", 403, 403),
        ("system/Patient.", 403, 403),
        ("openid fhirUser", 403, 403),
        ("", 403, 403),
    ],
)
def test_scopes_open_types_by_interaction(base: str, scopes: str, read: int, search: int) -> None:
    headers = {"Authorization": f"Bearer scopes:{scopes.replace(' ', ',')}"}

    answers = [
        httpx.get(f"{base}/Patient{rest}", headers=headers) for rest in ("/pat-000001", "?_id=pat-000001")
    ]

    assert [answer.status_code for answer in answers] == [read, search]
    for answer in answers:
        if answer.status_code == 403:
            assert answer.json()["issue"][0]["code"] == "forbidden"
            assert "pat-000001" not in answer.text


def test_reading_scopes_do_not_write(ehr: httpx.Client) -> None:
    patient = {"resourceType": "Patient", "id": "pat-000001"}

    statuses = [
        ehr.post("/Patient", json=patient).status_code,
        ehr.put("/Patient/pat-000001", json=patient).status_code,
        ehr.delete("/Patient/pat-000001").status_code,
    ]

    assert statuses == [403, 403, 403]
    assert ehr.get("/Patient/pat-000001").json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize("scope", [None, 7, ["system/*.rs"]])
def test_a_scope_claim_that_is_no_text_opens_nothing(scope: object) -> None:
    assert access_of({"scope": scope}).letters == {}


def test_the_capability_statement_is_open_and_valid(base: str) -> None:
    answer = httpx.get(f"{base}/metadata")

    statement = CapabilityStatement.model_validate(answer.json())
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert statement.fhirVersion == "4.0.1"
    by_type = {it["type"]: it for it in answer.json()["rest"][0]["resource"]}
    assert {"_id", "_lastUpdated", "patient", "date"} <= {
        it["name"] for it in by_type["Encounter"]["searchParam"]
    }
    assert "Encounter:participant" in by_type["Encounter"]["searchInclude"]


def test_the_smart_configuration_points_to_the_identity_provider(base: str) -> None:
    found = httpx.get(f"{base}/.well-known/smart-configuration").json()

    assert found["token_endpoint"] == "http://127.0.0.1:9999/token"
    assert found["code_challenge_methods_supported"] == ["S256"]


def test_without_an_identity_provider_there_is_no_smart_configuration(writable: httpx.Client) -> None:
    assert writable.get("/.well-known/smart-configuration").status_code == 404
    assert writable.get("/metadata").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/Patient/nobody", 404, "not-found"),
        ("GET", "/Spaceship", 400, "not-supported"),
        ("GET", "/Spaceship/1", 400, "not-supported"),
        ("GET", "/Patient/pat-000001/elsewhere/again", 404, "not-found"),
        ("PATCH", "/Patient/pat-000001", 405, "not-supported"),
        ("POST", "/Patient/_search", 415, "structure"),
    ],
)
def test_every_error_is_an_operation_outcome(
    ehr: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = ehr.request(method, path)

    outcome = OperationOutcome.model_validate(answer.json())
    assert answer.status_code == status
    assert [issue.code for issue in outcome.issue] == [code]
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
