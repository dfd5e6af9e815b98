"""What is no request, no GraphQL, or does not fit the schema is refused, and says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stories.house import House

ME = {"query": "{ me { audience } }"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"query": "{ me { audience } }"', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"query": "\xff"}', "not JSON"),
        (b"[]", "Batches"),
        (b'"query"', "one JSON object"),
        (b"{}", "no `query`"),
        (b'{"query": null}', "no `query`"),
        (b'{"query": 1}', "`query` must be a string"),
        (b'{"query": "{ me { audience } }", "variables": "x"}', "`variables` must be a JSON object"),
        (b'{"query": "{ me { audience } }", "operationName": 1}', "`operationName` must be"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=lambda it: str(it)[:40],
)
def test_a_body_that_is_no_request_is_400_and_says_what_is_wrong(
    house: House, body: bytes, words: str
) -> None:
    answer = house.client.post(house.url, content=body, headers=_headers(house))

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert words in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_is_not_here_leads_nowhere_else(house: House, method: str) -> None:
    """A redirect to the address without the slash would be to plain HTTP, behind a proxy that ends TLS."""
    answer = house.client.request(method, f"{house.url}/", json=ME, headers=_headers(house))

    assert (answer.status_code, answer.headers.get("location")) == (404, None)
    assert "/graphql" in answer.text


def test_a_body_of_another_media_type_is_415(house: House) -> None:
    headers = _headers(house) | {"Content-Type": "text/plain"}

    assert house.client.post(house.url, content=json.dumps(ME), headers=headers).status_code == 415


def test_a_body_that_is_too_large_is_413(house: House) -> None:
    body = {"query": "{ me { audience } }", "variables": {"x": "y" * 1_100_000}}

    assert house.client.post(house.url, json=body, headers=_headers(house)).status_code == 413


@pytest.mark.parametrize(
    "query",
    ["{", "{ me { audience }", "query {", "{ me { audience } } }", "\u0000", "{ me(: 1) }"],
)
def test_what_is_not_graphql_says_where(house: House, query: str) -> None:
    answer = house.ask("clinician", query)

    assert "data" not in answer
    assert _codes(answer) == ["GRAPHQL_PARSE_FAILED"]
    assert answer["errors"][0]["locations"]


@pytest.mark.parametrize(
    "query",
    [
        "{ patients { nodes { ssn } } }",
        "{ patient { id } }",
        "{ me { audience { x } } }",
        "{ patients(first: 1, frist: 2) { nodes { id } } }",
        '{ patients(search: { nam: "x" }) { nodes { id } } }',
        '{ patients(first: "3") { nodes { id } } }',
        "{ patients(first: 1.5) { nodes { id } } }",
        "{ patients(first: 99999999999) { nodes { id } } }",
        "query ($x: Nothing) { me { audience } }",
        "{ ...nothing }",
        "fragment F on Patient { ...F } query { patients { nodes { ...F } } }",
    ],
)
def test_what_does_not_fit_the_schema_is_refused_before_any_call_and_nothing_is_suggested(
    house: House, query: str
) -> None:
    house.forget()

    answer = house.ask("clinician", query)

    assert "data" not in answer
    assert set(_codes(answer)) == {"GRAPHQL_VALIDATION_FAILED"}
    assert "Did you mean" not in json.dumps(answer)
    assert house.asked_all() == []


def _headers(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.token('clinician')}", "Content-Type": "application/json"}


def _codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]
