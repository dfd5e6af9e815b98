"""The stand-in of Dataverse, over a real socket."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.crm.dynamics import dynamics_app
from sandbox.crm.dynamics.sign_in import TENANT
from sandbox.knobs import Knobs
from sandbox.knobs.rows import FOREIGN_CARE_KEY, ODD_FIELD
from sandbox.records import Contact
from sandbox.serving import one

ROOT = "/api/data/v9.2"
SECRET = "sandbox-dynamics-secret"
ANA, BEN, CLEO = (letter * 40 for letter in "abc")
SHOWN = "OData.Community.Display.V1.FormattedValue"


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
        contact(1, ANA, "Ana", engagement_score="9", lifecyclestage="customer", **owner),
        contact(2, BEN, "Ben O'Hara", engagement_score="70", email_consent="true"),
        contact(3, CLEO, "Cleo", last_touch_at="2026-11-18T21:55:00.000Z"),
    ]


def form(url: str, **changed: str) -> dict[str, str]:
    asked = {"grant_type": "client_credentials", "client_id": "caregraph", "client_secret": SECRET}
    return {**asked, "scope": f"{url}/.default", **changed}


def signed_in(url: str) -> httpx.Client:
    answer = httpx.post(f"{url}/{TENANT}/oauth2/v2.0/token", data=form(url)).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {answer['access_token']}"})


@pytest.fixture(scope="module")
def running() -> Iterator[httpx.Client]:
    with one(Knobs(dynamics_app(contacts()), "dynamics")) as url, signed_in(url) as client:
        yield client


@pytest.fixture
def org(running: httpx.Client) -> httpx.Client:
    running.put("/sandbox/faults", json={"mode": "none"})
    return running


def query(org: httpx.Client, prefer: str = "", **options: str) -> httpx.Response:
    named = {f"${name}": value for name, value in options.items()}
    return org.get(f"{ROOT}/contacts", params=named, headers={"Prefer": prefer} if prefer else {})


def names(org: httpx.Client, **options: str) -> list[str]:
    answer = query(org, select="firstname", **options)
    assert answer.status_code == 200, answer.text
    return [row["firstname"] for row in answer.json()["value"]]


def test_a_query_gives_the_columns_asked_for_and_the_primary_key(org: httpx.Client) -> None:
    keys = f"PropertyName='cg_carekey',PropertyValues=['{CLEO}','{'f' * 40}']"
    answer = query(org, select="cg_carekey,cg_lasttouch", filter=f"Microsoft.Dynamics.CRM.In({keys})")

    assert answer.headers["OData-Version"] == "4.0"
    site = str(org.base_url).rstrip("/")
    assert answer.json() == {
        "@odata.context": f"{site}{ROOT}/$metadata#contacts(cg_carekey,cg_lasttouch)",
        "value": [
            {
                "@odata.etag": 'W/"1000003"',
                "cg_carekey": CLEO,
                "cg_lasttouch": "2026-11-18T21:55:00Z",
                "contactid": "00000000-0000-4000-8000-000000000003",
            }
        ],
    }


def test_what_is_shown_for_values_comes_on_demand(org: httpx.Client) -> None:
    chosen = "_ownerid_value,cg_lifecyclestage,cg_engagementscore"
    filter = f"cg_carekey eq '{ANA}'"
    plain = query(org, select=chosen, filter=filter).json()["value"][0]
    shown = query(org, f'odata.include-annotations="{SHOWN}"', select=chosen, filter=filter).json()["value"][
        0
    ]
    all_of_it = query(org, 'odata.include-annotations="*"', select=chosen, filter=filter).json()["value"][0]

    assert (plain["cg_lifecyclestage"], plain["_ownerid_value"][-3:]) == (100_000_002, "701")
    assert {name: value for name, value in shown.items() if name.endswith(SHOWN)} == {
        f"_ownerid_value@{SHOWN}": "Jamie Park",
        f"cg_lifecyclestage@{SHOWN}": "Customer",
        f"cg_engagementscore@{SHOWN}": "9.00",
    }
    assert not [name for name in plain if SHOWN in name]
    assert all_of_it["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "systemuser"


def test_a_query_of_more_rows_goes_on_at_its_next_link(org: httpx.Client) -> None:
    first = query(org, "odata.maxpagesize=2", select="firstname", count="true").json()
    rest = org.get(first["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=2"}).json()

    assert first["@odata.count"] == 3
    assert [row["firstname"] for row in (*first["value"], *rest["value"])] == ["Ana", "Ben O'Hara", "Cleo"]
    assert "@odata.nextLink" not in rest


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("firstname eq 'ana'", ["Ana"]),
        ("firstname eq 'Ben O''Hara'", ["Ben O'Hara"]),
        ("firstname ne 'Ana'", ["Ben O'Hara", "Cleo"]),
        ("cg_engagementscore ge 9 and cg_engagementscore lt 70", ["Ana"]),
        ("cg_engagementscore eq null or cg_emailconsent eq true", ["Ben O'Hara", "Cleo"]),
        ("not (cg_engagementscore eq 9) and statecode eq 0", ["Ben O'Hara", "Cleo"]),
        ("contactid eq 00000000-0000-4000-8000-000000000001", ["Ana"]),
    ],
)
def test_conditions_are_understood(org: httpx.Client, filter: str, found: list[str]) -> None:
    assert names(org, filter=filter) == found


def test_order_and_a_number_of_rows_are_understood(org: httpx.Client) -> None:
    assert names(org, orderby="firstname desc", top="2") == ["Cleo", "Ben O'Hara"]


@pytest.mark.parametrize(
    "options",
    [
        {"select": "shoesize"},
        {"filter": "shoesize eq 1"},
        {"filter": "firstname in ('Ana')"},
        {"filter": "firstname eq 'Ana"},
        {"filter": "Microsoft.Dynamics.CRM.In(PropertyName='cg_carekey',PropertyValues=[])"},
        {"filter": "firstname eq 'Ana' nonsense"},
        {"filter": ""},
        {"search": "Ana"},
    ],
)
def test_a_query_it_cannot_answer_is_refused_with_a_code(org: httpx.Client, options: dict[str, str]) -> None:
    answer = query(org, **options)

    assert answer.status_code == 400
    assert re.fullmatch(r"0x[0-9a-f]{8}", answer.json()["error"]["code"])


def test_one_record_is_read_by_its_id_or_its_alternate_key(org: httpx.Client) -> None:
    by_key = org.get(f"{ROOT}/contacts(cg_carekey='{BEN}')?$select=firstname").json()
    by_id = org.get(f"{ROOT}/contacts({by_key['contactid']})?$select=firstname").json()

    assert by_key == by_id
    assert (by_id["firstname"], by_id["@odata.context"].partition("#")[2]) == (
        "Ben O'Hara",
        "contacts(firstname)/$entity",
    )


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"contacts(cg_carekey='{'f' * 40}')", 404, "0x80060891"),
        ("contacts(00000000-0000-4000-8000-000000000009)", 404, "0x80040217"),
        ("contacts(firstname='Ana')", 400, "0x80060888"),
        ("incidents", 404, "0x80060888"),
    ],
)
def test_what_is_not_there_is_told_apart_by_its_code(
    org: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = org.get(f"{ROOT}/{path}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def batched(org: httpx.Client, *targets: str, prefer: str = "", method: str = "GET") -> httpx.Response:
    part = "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    requests = "".join(
        f"{part}{method} {target} HTTP/1.1\r\nAccept: application/json\r\n\r\n" for target in targets
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b", **({"Prefer": prefer} if prefer else {})}
    return org.post(f"{ROOT}/$batch", content=f"{requests}--b--\r\n", headers=headers)


def statuses(answer: httpx.Response) -> list[int]:
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3})", answer.text)]


def test_a_batch_is_answered_in_its_order_up_to_the_first_refusal_or_to_its_end(org: httpx.Client) -> None:
    targets = [
        f"{ROOT}/contacts(cg_carekey='{ANA}')?$select=firstname",
        f"{org.base_url}{ROOT}/contacts(cg_carekey='{'f' * 40}')",
        f"contacts(cg_carekey='{BEN}')?$select=firstname",
    ]
    stops, goes_on = batched(org, *targets), batched(org, *targets, prefer="odata.continue-on-error")

    assert goes_on.headers["content-type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert (statuses(stops), statuses(goes_on)) == ([200, 404], [200, 404, 200])
    assert re.findall(r'"firstname":"([^"]*)"', goes_on.text) == ["Ana", "Ben O'Hara"]


def test_a_batch_takes_no_changes_and_no_more_than_a_thousand_requests(org: httpx.Client) -> None:
    assert statuses(batched(org, f"{ROOT}/contacts", method="DELETE")) == [405]
    assert batched(org, *[f"{ROOT}/WhoAmI"] * 1_001).status_code == 400
    assert org.post(f"{ROOT}/$batch", content="x", headers={"Content-Type": "text/plain"}).status_code == 400


def test_the_organisation_says_who_asks_and_what_there_is(org: httpx.Client) -> None:
    who = org.get(f"{ROOT}/WhoAmI()").json()
    assert who["UserId"] == org.get(f"{ROOT}/WhoAmI").json()["UserId"] != who["OrganizationId"]
    assert org.get(f"{ROOT}/").json()["value"] == [
        {"name": "contacts", "kind": "EntitySet", "url": "contacts"}
    ]


def test_above_its_limit_it_says_when_to_come_back() -> None:
    with one(dynamics_app(contacts(), requests_per_window=1)) as url, signed_in(url) as org:
        first, second = query(org, select="firstname"), query(org, select="firstname")

    assert first.headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "0"
    assert (second.status_code, second.json()["error"]["code"]) == (429, "0x80072322")
    assert 0 < int(second.headers["Retry-After"]) <= 300


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"scope": "https://other.example/.default"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_who_does_not_prove_itself_gets_no_token(
    org: httpx.Client, changed: dict[str, str], error: str
) -> None:
    url = str(org.base_url).rstrip("/")
    answer = httpx.post(f"{url}/{TENANT}/oauth2/v2.0/token", data=form(url, **changed))

    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error
    assert httpx.post(f"{url}/nobody/oauth2/v2.0/token", data=form(url)).json()["error"] == "invalid_request"


def test_nothing_is_told_without_a_token(org: httpx.Client) -> None:
    answer = httpx.get(f"{org.base_url}{ROOT}/contacts")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "0x80072560")


def test_the_knobs_speak_of_rows_as_dataverse_does(org: httpx.Client) -> None:
    def asked(**fault: Any) -> httpx.Response:
        org.put("/sandbox/faults", json=fault)
        return query(org, select="cg_carekey", filter=f"cg_carekey eq '{ANA}'")

    assert asked(mode="foreign_row").json()["value"][1]["cg_carekey"] == FOREIGN_CARE_KEY
    assert asked(mode="unknown_field").json()["value"][0][ODD_FIELD] == "sandbox"
    assert asked(mode="status", value=429).json()["error"]["code"] == "0x80072322"
