"""The stand-in CRM, over a real socket."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.crm.hubspot.contacts import Contacts
from sandbox.crm.hubspot.queries import Filter, FilterGroup, Search
from sandbox.records import Contact, Dataset
from sandbox.serve import Options, background

CONTACTS = "/crm/v3/objects/contacts"
ANA, BEN, CLEO = (letter * 40 for letter in "abc")


def contact(id: str, care_key: str, **properties: str | None) -> Contact:
    return {
        "id": id,
        "properties": {"care_key": care_key, **properties},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "archived": False,
    }


def people() -> list[Contact]:
    return [
        contact("90001", ANA, email="ana@example.org", engagement_score="9", lifecyclestage="customer"),
        contact("90002", BEN, email="ben@example.org", engagement_score="70", lifecyclestage="lead"),
        contact("90003", CLEO, email=None, engagement_score=None, lifecyclestage="Customer"),
    ]


def signed_in(url: str) -> httpx.Client:
    form = {
        "grant_type": "client_credentials",
        "client_id": "caregraph",
        "client_secret": "sandbox-crm-secret",
    }
    answer = httpx.post(f"{url}/oauth/v1/token", data=form).json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 1800)
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {answer['access_token']}"})


@pytest.fixture(scope="module")
def crm() -> Iterator[httpx.Client]:
    """A CRM to read from."""
    with background(Dataset(contacts=people())) as at, signed_in(at.crm) as client:
        yield client


@pytest.fixture
def changing_crm() -> Iterator[httpx.Client]:
    """A CRM of one's own, to change."""
    with background(Dataset(contacts=people())) as at, signed_in(at.crm) as client:
        yield client


def read(crm: httpx.Client, ids: list[str], **others: Any) -> httpx.Response:
    body = {"idProperty": "care_key", "inputs": [{"id": id} for id in ids], **others}
    return crm.post(f"{CONTACTS}/batch/read", json=body)


def test_a_batch_read_gives_the_properties_asked_for_and_no_others(crm: httpx.Client) -> None:
    answer = read(crm, [ANA], properties=["engagement_score", "no_such_property"])

    assert answer.status_code == 200
    assert answer.json()["status"] == "COMPLETE"
    assert answer.json()["results"] == [
        {
            "id": "90001",
            "properties": {"engagement_score": "9", "hs_object_id": "90001", "care_key": ANA},
            "createdAt": "2026-01-01T00:00:00.000Z",
            "updatedAt": "2026-01-01T00:00:00.000Z",
            "archived": False,
        }
    ]


def test_a_property_that_only_others_have_is_null(crm: httpx.Client) -> None:
    answer = read(crm, [CLEO], properties=["engagement_score", "email"])

    properties = answer.json()["results"][0]["properties"]
    assert (properties["engagement_score"], properties["email"]) == (None, None)


@pytest.mark.parametrize("asked", [[ANA, BEN, CLEO], [CLEO, BEN, ANA], [BEN, ANA], [ANA, BEN]])
def test_results_never_come_in_the_order_of_the_inputs(crm: httpx.Client, asked: list[str]) -> None:
    found = [row["properties"]["care_key"] for row in read(crm, asked).json()["results"]]

    assert sorted(found) == sorted(asked)
    assert found != asked


def test_an_input_given_twice_comes_once(crm: httpx.Client) -> None:
    assert len(read(crm, [ANA, ANA]).json()["results"]) == 1


def test_a_batch_with_ids_that_have_no_contact_is_answered_in_part(crm: httpx.Client) -> None:
    answer = read(crm, ["0" * 40, ANA, "1" * 40])

    assert answer.status_code == 207
    assert [row["id"] for row in answer.json()["results"]] == ["90001"]
    assert answer.json()["numErrors"] == 1
    (error,) = answer.json()["errors"]
    assert error["category"] == "OBJECT_NOT_FOUND"
    assert error["context"] == {"ids": ["0" * 40, "1" * 40]}


def test_contacts_are_read_by_object_id_where_no_property_is_named(crm: httpx.Client) -> None:
    answer = crm.post(f"{CONTACTS}/batch/read", json={"inputs": [{"id": "90002"}]}).json()

    assert answer["results"][0]["properties"] == {"hs_object_id": "90002"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"inputs": [{"id": str(n)} for n in range(101)]}, id="more than a hundred"),
        pytest.param({"inputs": []}, id="none"),
        pytest.param({"inputs": [{"id": 90001}]}, id="a number for an id"),
        pytest.param({"inputs": [{"id": "x"}], "idProperty": "lifecyclestage"}, id="not unique"),
        pytest.param({"inputs": [{"id": "x"}], "propertys": []}, id="an unknown key"),
        pytest.param([], id="a list"),
    ],
)
def test_a_batch_it_cannot_take_is_refused(crm: httpx.Client, body: Any) -> None:
    answer = crm.post(f"{CONTACTS}/batch/read", json=body)

    assert answer.status_code == 400
    assert answer.json()["status"] == "error"
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert answer.json()["correlationId"]


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        pytest.param({"operator": "EQ", "value": BEN, "propertyName": "care_key"}, ["90002"], id="EQ"),
        pytest.param({"operator": "NEQ", "value": "lead"}, ["90001", "90003"], id="NEQ, without case"),
        pytest.param({"operator": "EQ", "value": "customer"}, ["90001", "90003"], id="EQ, without case"),
        pytest.param({"operator": "IN", "values": ["lead", "x"]}, ["90002"], id="IN"),
        pytest.param({"operator": "NOT_IN", "values": ["lead"]}, ["90001", "90003"], id="NOT_IN"),
    ],
)
def test_a_search_compares_text(crm: httpx.Client, filters: dict[str, Any], ids: list[str]) -> None:
    group = {"filters": [{"propertyName": "lifecyclestage", **filters}]}

    answer = crm.post(f"{CONTACTS}/search", json={"filterGroups": [group]}).json()

    assert [row["id"] for row in answer["results"]] == ids
    assert answer["total"] == len(ids)


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        pytest.param({"operator": "GT", "value": "9"}, ["90002"], id="GT, by value and not by letters"),
        pytest.param({"operator": "GTE", "value": "9.0"}, ["90001", "90002"], id="GTE"),
        pytest.param({"operator": "LT", "value": "70"}, ["90001"], id="LT"),
        pytest.param({"operator": "LTE", "value": "70"}, ["90001", "90002"], id="LTE"),
        pytest.param({"operator": "BETWEEN", "value": "8", "highValue": "10"}, ["90001"], id="BETWEEN"),
        pytest.param({"operator": "HAS_PROPERTY"}, ["90001", "90002"], id="HAS_PROPERTY"),
        pytest.param({"operator": "NOT_HAS_PROPERTY"}, ["90003"], id="NOT_HAS_PROPERTY"),
        pytest.param({"operator": "NEQ", "value": "1"}, ["90001", "90002"], id="NEQ needs a value"),
        pytest.param({"operator": "NOT_IN", "values": ["1"]}, ["90001", "90002"], id="NOT_IN does too"),
    ],
)
def test_a_search_compares_numbers(crm: httpx.Client, filters: dict[str, Any], ids: list[str]) -> None:
    group = {"filters": [{"propertyName": "engagement_score", **filters}]}

    answer = crm.post(f"{CONTACTS}/search", json={"filterGroups": [group]}).json()

    assert [row["id"] for row in answer["results"]] == ids


def test_filters_of_a_group_must_all_pass_and_one_group_is_enough() -> None:
    lead = Filter("lifecyclestage", "EQ", "lead")
    low = Filter("engagement_score", "LT", "10")
    contacts = Contacts(people())

    both, total, _ = contacts.search(Search(groups=[FilterGroup([lead, low])]))
    either, _, _ = contacts.search(Search(groups=[FilterGroup([lead]), FilterGroup([low])]))

    assert (both, total) == ([], 0)
    assert [row["id"] for row in either] == ["90001", "90002"]


def test_a_search_goes_on_after_each_page(crm: httpx.Client) -> None:
    sorts = [{"propertyName": "engagement_score", "direction": "DESCENDING"}]
    first = crm.post(f"{CONTACTS}/search", json={"limit": 2, "sorts": sorts}).json()
    after = first["paging"]["next"]["after"]
    rest = crm.post(f"{CONTACTS}/search", json={"limit": 2, "sorts": sorts, "after": after}).json()

    assert [row["id"] for row in first["results"]] == ["90002", "90001"]
    assert [row["id"] for row in rest["results"]] == ["90003"]
    assert (first["total"], rest["total"]) == (3, 3)
    assert "paging" not in rest


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": 0},
        {"after": "-1"},
        {"after": "x"},
        {"query": "ana"},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "IN", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "BETWEEN", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": []}]},
    ],
)
def test_a_search_it_cannot_take_is_refused(crm: httpx.Client, body: dict[str, Any]) -> None:
    answer = crm.post(f"{CONTACTS}/search", json=body)

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_one_contact_is_read_by_id(crm: httpx.Client) -> None:
    by_key = crm.get(f"{CONTACTS}/{ANA}", params={"idProperty": "care_key", "properties": "email"})

    assert by_key.json()["properties"] == {
        "email": "ana@example.org",
        "hs_object_id": "90001",
        "care_key": ANA,
    }
    for properties in ("email,lifecyclestage", ["email", "lifecyclestage"]):
        shown = crm.get(f"{CONTACTS}/90001", params={"properties": properties}).json()["properties"]
        assert shown == {
            "email": "ana@example.org",
            "lifecyclestage": "customer",
            "hs_object_id": "90001",
        }
    assert crm.get(f"{CONTACTS}/90001").json()["properties"] == {"hs_object_id": "90001"}
    assert crm.get(f"{CONTACTS}/1").json()["category"] == "OBJECT_NOT_FOUND"


def test_a_change_is_seen_by_the_next_read(changing_crm: httpx.Client) -> None:
    crm = changing_crm

    changed = crm.patch(f"{CONTACTS}/90001", json={"properties": {"engagement_score": "81"}})

    assert changed.json()["properties"] == {"engagement_score": "81", "hs_object_id": "90001"}
    assert changed.json()["updatedAt"] > "2026-01-01T00:00:00.000Z"
    row = read(crm, [ANA], properties=["engagement_score"]).json()["results"][0]
    assert row["properties"]["engagement_score"] == "81"


def test_a_changed_key_finds_the_contact_and_the_old_one_does_not(changing_crm: httpx.Client) -> None:
    crm = changing_crm

    crm.patch(f"{CONTACTS}/{ANA}?idProperty=care_key", json={"properties": {"care_key": "d" * 40}})

    assert [row["id"] for row in read(crm, ["d" * 40]).json()["results"]] == ["90001"]
    assert read(crm, [ANA]).status_code == 207


@pytest.mark.parametrize(
    "properties", [{"no_such_property": "x"}, {"hs_object_id": "1"}, {"care_key": BEN}, {"email": 1}]
)
def test_a_change_it_cannot_take_is_refused(crm: httpx.Client, properties: dict[str, Any]) -> None:
    answer = crm.patch(f"{CONTACTS}/90001", json={"properties": properties})

    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
    assert crm.get(f"{CONTACTS}/90001?properties=care_key").json()["properties"]["care_key"] == ANA


def test_a_change_of_no_one_is_not_found(crm: httpx.Client) -> None:
    assert crm.patch(f"{CONTACTS}/1", json={"properties": {}}).status_code == 404


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "client_credentials", "client_id": "caregraph", "client_secret": "x"}, 401),
        ({"grant_type": "refresh_token"}, 400),
    ],
)
def test_a_client_that_does_not_prove_itself_gets_no_token(
    crm: httpx.Client, form: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{crm.base_url}/oauth/v1/token", data=form)

    assert (answer.status_code, answer.json()["status"]) == (status, "error")


@pytest.mark.parametrize("body", [{"content": "grant_type=client_credentials"}, {"json": {}}])
def test_a_token_request_that_is_no_form_is_refused(crm: httpx.Client, body: dict[str, Any]) -> None:
    assert httpx.post(f"{crm.base_url}/oauth/v1/token", **body).status_code == 400


@pytest.mark.parametrize("form", ["grant_type=a&grant_type=b", "grant_type=%ff", b"\xff=1"])
def test_a_form_that_can_be_read_two_ways_is_refused(crm: httpx.Client, form: str | bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = httpx.post(f"{crm.base_url}/oauth/v1/token", content=form, headers=headers)

    assert answer.status_code == 400


def test_nothing_is_told_without_a_token(crm: httpx.Client) -> None:
    answer = httpx.post(f"{crm.base_url}{CONTACTS}/batch/read", json={"inputs": [{"id": "90001"}]})

    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")


def test_what_is_not_there_is_said_as_hubspot_says_it(crm: httpx.Client) -> None:
    assert crm.get("/crm/v3/objects/deals").json()["status"] == "error"
    assert crm.delete(f"{CONTACTS}/90001").status_code == 405


def test_above_its_rate_it_names_the_policy() -> None:
    options = Options(crm_requests_per_ten_seconds=1)
    with background(Dataset(contacts=people()), options=options) as at, signed_in(at.crm) as crm:
        asked = (crm.get(f"{CONTACTS}/90001") for _ in range(100))
        refused = next(answer for answer in asked if answer.status_code == 429)

    assert refused.json()["category"] == "RATE_LIMITS"
    assert refused.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert refused.headers["X-HubSpot-RateLimit-Max"] == "1"
    assert refused.headers["X-HubSpot-RateLimit-Remaining"] == "0"
    assert refused.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
