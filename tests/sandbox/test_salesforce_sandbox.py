"""The stand-in of Salesforce, over a real socket."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.admission import ClientCredentials
from sandbox.certificates import self_signed
from sandbox.crm.salesforce import salesforce_app
from sandbox.knobs import Knobs
from sandbox.knobs.rows import FOREIGN_CARE_KEY, ODD_FIELD
from sandbox.records import Contact
from sandbox.serving import one

AT = "/services/data/v67.0"
SECRET = "sandbox-salesforce-secret"
ANA, BEN, CLEO = (letter * 40 for letter in "abc")
ANAS, BENS, CLEOS = (f"001{number:012}AAA" for number in (1, 2, 3))


def contact(number: int, care_key: str, name: str, **properties: str | None) -> Contact:
    return {
        "id": str(number),
        "properties": {"care_key": care_key, "firstname": name, **properties},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "archived": False,
    }


def contacts() -> list[Contact]:
    owner = {"hubspot_owner_id": "701", "owner_name": "Jamie Park"}
    return [
        contact(1, ANA, "Ana", engagement_score="9", last_touch_at="2026-11-18T21:55:00.000Z", **owner),
        contact(2, BEN, "Ben O'Hara", engagement_score="70", email_consent="true"),
        contact(3, CLEO, "Cleo"),
    ]


def signed_in(url: str, **options: Any) -> httpx.Client:
    form = {"grant_type": "client_credentials", "client_id": "caregraph", "client_secret": SECRET}
    answer = httpx.post(f"{url}/services/oauth2/token", data=form, **options).json()
    assert answer["token_type"] == "Bearer"
    assert answer["instance_url"] == url
    assert "expires_in" not in answer
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    return httpx.Client(base_url=url, headers=headers, **options)


@pytest.fixture
def org() -> Iterator[httpx.Client]:
    sessions = ClientCredentials("caregraph", SECRET)
    app = salesforce_app(contacts(), sessions=sessions, page_size=2)
    with one(Knobs(app, "salesforce", sessions.revoke)) as url, signed_in(url) as client:
        yield client


def query(org: httpx.Client, soql: str) -> httpx.Response:
    return org.get(f"{AT}/query", params={"q": soql})


def ids(org: httpx.Client, where: str) -> list[str]:
    answer = query(org, f"SELECT Id FROM Account {where}")  # noqa: S608 - the stand-in has no database
    assert answer.status_code == 200, answer.text
    return [record["Id"] for record in answer.json()["records"]]


def test_a_query_gives_the_fields_asked_for_and_how_many_calls_are_used_up(org: httpx.Client) -> None:
    fields = "id, LAST_TOUCH__C, Owner.Name"
    answer = query(org, f"select {fields} from account where Care_Key__c in ('{ANA}','{CLEO}')")  # noqa: S608

    attributes = {"type": "Account", "url": f"{AT}/sobjects/Account/{ANAS}"}
    owner = {"type": "User", "url": f"{AT}/sobjects/User/005000000000701AAA"}
    assert answer.json() == {
        "totalSize": 2,
        "done": True,
        "records": [
            {
                "attributes": attributes,
                "Id": ANAS,
                "Last_Touch__c": "2026-11-18T21:55:00.000+0000",
                "Owner": {"attributes": owner, "Name": "Jamie Park"},
            },
            {
                "attributes": {**attributes, "url": f"{AT}/sobjects/Account/{CLEOS}"},
                "Id": CLEOS,
                "Last_Touch__c": None,
                "Owner": None,
            },
        ],
    }
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/100000"


def test_a_query_of_more_rows_goes_on_at_a_locator(org: httpx.Client) -> None:
    first = query(org, "SELECT Id FROM Account").json()
    rest = org.get(first["nextRecordsUrl"]).json()

    assert (first["totalSize"], first["done"], rest["totalSize"], rest["done"]) == (3, False, 3, True)
    assert first["nextRecordsUrl"].startswith(f"{AT}/query/01g")
    assert [record["Id"] for page in (first, rest) for record in page["records"]] == [ANAS, BENS, CLEOS]
    assert "nextRecordsUrl" not in rest
    assert org.get(f"{AT}/query/01gNONE-2").json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_a_count_has_no_records(org: httpx.Client) -> None:
    answer = query(org, "SELECT COUNT() FROM Contact WHERE Engagement_Score__c > 1").json()

    assert (answer["totalSize"], answer["records"]) == (2, [])


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("WHERE FirstName = 'ANA'", [ANAS]),
        (r"WHERE FirstName = 'Ben O\'Hara'", [BENS]),
        ("WHERE FirstName != 'Ana'", [BENS, CLEOS]),
        ("WHERE FirstName LIKE 'b%'", [BENS]),
        ("WHERE FirstName LIKE '_n_'", [ANAS]),
        ("WHERE Engagement_Score__c >= 9 AND Engagement_Score__c < 70", [ANAS]),
        ("WHERE Engagement_Score__c <= 9 OR Email_Consent__c = true", [ANAS, BENS]),
        ("WHERE NOT (Engagement_Score__c = 9 OR Engagement_Score__c = null)", [BENS]),
        ("WHERE Care_Key__c NOT IN ('x') AND Owner.Name = 'Jamie Park'", [ANAS]),
        ("WHERE Last_Touch__c > 2026-11-18T00:00:00Z", [ANAS]),
        ("ORDER BY Engagement_Score__c DESC LIMIT 2", [CLEOS, BENS]),
        ("ORDER BY FirstName LIMIT 1 OFFSET 1", [BENS]),
    ],
)
def test_conditions_order_and_limits_are_understood(org: httpx.Client, where: str, found: list[str]) -> None:
    assert ids(org, where) == found


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM HealthCondition", "INVALID_TYPE"),
        ("SELECT Shoe_Size__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Shoe_Size__c = 1", "INVALID_FIELD"),
        ("SELECT Id, Id FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE FirstName = 'x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE FirstName IN ()", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account nonsense", "MALFORMED_QUERY"),
        ("SELECT", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_query_it_cannot_answer_is_refused_by_an_array_of_errors(
    org: httpx.Client, soql: str, code: str
) -> None:
    answer = query(org, soql)

    assert answer.status_code == 400
    assert [error["errorCode"] for error in answer.json()] == [code]


def test_a_url_that_is_too_long_is_refused(org: httpx.Client) -> None:
    listed = ",".join(f"'{number:040x}'" for number in range(400))

    assert query(org, f"SELECT Id FROM Account WHERE Care_Key__c IN ({listed})").status_code == 414  # noqa: S608


def test_records_by_id_keep_their_places(org: httpx.Client) -> None:
    body = {"ids": [CLEOS, "001000000000009AAA", ANAS], "fields": ["Care_Key__c"]}
    answer = org.post(f"{AT}/composite/sobjects/Account", json=body).json()
    short = org.get(
        f"{AT}/composite/sobjects/Account", params={"ids": ",".join(body["ids"]), "fields": "Care_Key__c"}
    )

    assert [row and (row["Id"], row["Care_Key__c"]) for row in answer] == [(CLEOS, CLEO), None, (ANAS, ANA)]
    assert short.json() == answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ids": [ANAS], "fields": ["Shoe_Size__c"]}, 400),
        ({"ids": [], "fields": ["Id"]}, 400),
        ({"ids": [ANAS] * 2_001, "fields": ["Id"]}, 400),
        ({"ids": [ANAS]}, 400),
    ],
)
def test_one_bad_field_or_too_many_ids_cost_the_whole_collection(
    org: httpx.Client, body: Any, status: int
) -> None:
    answer = org.post(f"{AT}/composite/sobjects/Account", json=body)

    assert answer.status_code == status
    assert answer.json()[0]["errorCode"]


def test_many_ids_by_get_are_too_many(org: httpx.Client) -> None:
    answer = org.get(
        f"{AT}/composite/sobjects/Account", params={"ids": ",".join(["x"] * 801), "fields": "Id"}
    )

    assert answer.status_code == 414


def test_one_record_is_read_by_its_id_or_its_external_id(org: httpx.Client) -> None:
    by_id = org.get(f"{AT}/sobjects/Account/{BENS}", params={"fields": "FirstName"}).json()
    by_key = org.get(f"{AT}/sobjects/Account/Care_Key__c/{BEN}").json()

    assert by_id["FirstName"] == by_key["FirstName"] == "Ben O'Hara"
    assert by_key["IsPersonAccount"] is True
    assert org.get(f"{AT}/sobjects/Account/001").json()[0]["errorCode"] == "NOT_FOUND"
    assert org.get(f"{AT}/sobjects/Account/Care_Key__c/x").status_code == 404


def test_several_records_of_one_external_id_are_three_hundred() -> None:
    twins = [contact(1, ANA, "Ana"), contact(2, ANA, "Anna")]
    with one(salesforce_app(twins)) as url, signed_in(url) as org:
        answer = org.get(f"{AT}/sobjects/Account/Care_Key__c/{ANA}")

    assert (answer.status_code, len(answer.json())) == (300, 2)


def test_the_org_describes_itself_as_clients_ask_it_to(org: httpx.Client) -> None:
    assert {"66.0", "67.0", "59.0", "50.0"} <= {one["version"] for one in org.get("/services/data/").json()}
    assert org.get(f"{AT}/").json()["query"] == f"{AT}/query"
    assert [one["name"] for one in org.get(f"{AT}/sobjects").json()["sobjects"]] == [
        "Account",
        "Contact",
        "User",
    ]
    fields = {one["name"]: one for one in org.get(f"{AT}/sobjects/Account/describe").json()["fields"]}
    assert (fields["Care_Key__c"]["externalId"], fields["OwnerId"]["relationshipName"]) == (True, "Owner")
    assert org.get(f"{AT}/sobjects/Account").json()["objectDescribe"]["name"] == "Account"
    assert org.get(f"{AT}/limits").json()["DailyApiRequests"]["Max"] == 100_000


def test_a_session_ends_when_it_is_told_to(org: httpx.Client) -> None:
    assert org.delete("/sandbox/tokens").status_code == 204

    answer = query(org, "SELECT Id FROM Account")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_above_the_days_allowance_a_call_is_forbidden() -> None:
    with one(salesforce_app(contacts(), requests_per_day=1)) as url, signed_in(url) as org:
        query(org, "SELECT Id FROM Account")
        answer = query(org, "SELECT Id FROM Account")

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/1"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "caregraph"}, "invalid_client"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "x"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_who_does_not_prove_itself_gets_no_token(org: httpx.Client, form: Any, error: str) -> None:
    answer = httpx.post(f"{org.base_url}/services/oauth2/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_the_knobs_speak_of_records_as_salesforce_does(org: httpx.Client) -> None:
    soql = f"SELECT Care_Key__c FROM Account WHERE Care_Key__c = '{ANA}'"  # noqa: S608
    org.put("/sandbox/faults", json={"mode": "foreign_row"})
    foreign = query(org, soql).json()["records"][1]
    org.put("/sandbox/faults", json={"mode": "unknown_field"})
    odd = query(org, soql).json()["records"][0]
    org.put("/sandbox/faults", json={"mode": "status", "value": 401})
    ended = query(org, soql)

    assert foreign["Care_Key__c"] == FOREIGN_CARE_KEY
    assert odd[ODD_FIELD] == "sandbox"
    assert ended.json()[0]["errorCode"] == "INVALID_SESSION_ID"
    assert httpx.post(f"{org.base_url}/services/oauth2/token", data={}).status_code == 400


def test_it_speaks_tls_to_clients_that_trust_its_certificate(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate.path))
    with one(salesforce_app(contacts()), certificate=certificate) as url:
        assert url.startswith("https://")
        with signed_in(url, verify=trusting) as org:
            found = query(org, "SELECT Id FROM Account").json()
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(url)

    assert found["totalSize"] == 3
