"""A request says what it is for: in its extensions, a header or the start of a socket; within its token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.house import House
from tests.stories.sockets import connected

PURPOSE = "{ me { purpose } }"
RECORD = "{ patients(first: 1) { nodes { id name { family } } } }"


def ask(
    house: House,
    token: str,
    query: str,
    extensions: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    answer = house.client.post(
        house.url,
        json={"query": query, **({} if extensions is None else {"extensions": extensions})},
        headers={"Authorization": f"Bearer {token}", **(headers or {})},
    )
    decoded: dict[str, Any] = answer.json()
    return decoded


def over_socket(
    house: House, token: str, query: str, introduced: dict[str, Any], extensions: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The first message about an operation sent over a socket with that introduction."""
    with connected(house) as client:
        client.send(
            {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}", **introduced}}
        )
        assert client.received() == {"type": "connection_ack"}
        client.send(
            {"id": "1", "type": "subscribe", "payload": {"query": query, "extensions": extensions or {}}}
        )
        return client.received()


@pytest.mark.parametrize(
    ("extensions", "headers", "purpose"),
    [
        pytest.param(None, {}, "TREAT", id="none stated"),
        pytest.param(None, {"X-Purpose-Of-Use": "HOPERAT"}, "HOPERAT", id="in the header"),
        pytest.param({"purposeOfUse": "COC"}, {}, "COC", id="in the extensions"),
        pytest.param(
            {"purposeOfUse": "COC"}, {"X-Purpose-Of-Use": "HOPERAT"}, "COC", id="in both: the operation's"
        ),
        pytest.param(
            {"purposeOfUse": None}, {"X-Purpose-Of-Use": "HOPERAT"}, "HOPERAT", id="null states nothing"
        ),
    ],
)
def test_a_request_is_for_the_purpose_that_it_states(
    house: House, extensions: dict[str, Any] | None, headers: dict[str, str], purpose: str
) -> None:
    answer = ask(house, house.token("clinician"), PURPOSE, extensions, headers)

    assert answer["data"] == {"me": {"purpose": purpose}}


@pytest.mark.parametrize(
    ("introduced", "extensions", "purpose"),
    [
        pytest.param({}, {}, "TREAT", id="none stated"),
        pytest.param({"X-Purpose-Of-Use": "HOPERAT"}, {}, "HOPERAT", id="in the introduction"),
        pytest.param({"x-purpose-of-use": "HOPERAT"}, {}, "HOPERAT", id="in lower case"),
        pytest.param(
            {"X-Purpose-Of-Use": "HOPERAT"}, {"purposeOfUse": "COC"}, "COC", id="in both: the operation's"
        ),
    ],
)
def test_an_operation_on_a_socket_is_for_the_purpose_stated_for_it(
    house: House, introduced: dict[str, Any], extensions: dict[str, Any], purpose: str
) -> None:
    message = over_socket(house, house.token("clinician"), PURPOSE, introduced, extensions)

    assert message["payload"]["data"] == {"me": {"purpose": purpose}}


@pytest.mark.parametrize("persona", ["clinician", "patient", "frontdesk", "partner", "marketer", "ai"])
@pytest.mark.parametrize(
    ("stated", "code"),
    [("BTG", "BAD_USER_INPUT"), ("treat", "BAD_USER_INPUT"), (["TREAT"], "BAD_USER_INPUT")],
    ids=str,
)
def test_what_is_no_purpose_is_refused_and_nothing_runs(
    house: House, persona: str, stated: Any, code: str
) -> None:
    house.forget()

    answer = ask(house, house.token(persona), RECORD, {"purposeOfUse": stated})

    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code
    assert error["message"].startswith(
        "The purpose of use stated is no code that is known here. State one of "
    )
    assert house.asked_all() == []


@pytest.mark.parametrize(
    ("persona", "stated", "may"),
    [
        ("clinician", "HMARKT", "CAREMGT or COC or HOPERAT or TREAT"),
        ("marketer", "TREAT", "HMARKT or HOPERAT"),
        ("ai", "ETREAT", "CAREMGT or COC or TREAT"),
        ("patient", "TREAT", "FAMRQT or PATRQT or PWATRNY"),
    ],
)
def test_a_purpose_that_is_not_the_audiences_is_refused_and_nothing_runs(
    house: House, persona: str, stated: str, may: str
) -> None:
    house.forget()

    answer = ask(house, house.token(persona), RECORD, headers={"X-Purpose-Of-Use": stated})
    message = over_socket(house, house.token(persona), RECORD, {"X-Purpose-Of-Use": stated})

    words = f"With this token you may not ask for the purpose {stated}. State {may}."
    assert "data" not in answer
    for error in (*answer["errors"], *message["payload"]):
        assert (error["message"], error["extensions"]["code"]) == (words, "FORBIDDEN")
    assert message["type"] == "error"
    assert house.asked_all() == []


def test_a_token_that_claims_a_purpose_may_be_narrowed_and_not_changed(house: House) -> None:
    token = house.new_token({"persona": "clinician", "purpose": "TREAT"})
    house.forget()

    narrowed = ask(house, token, PURPOSE, {"purposeOfUse": "COC"})
    changed = ask(house, token, RECORD, {"purposeOfUse": "HOPERAT"})

    assert narrowed["data"] == {"me": {"purpose": "COC"}}
    assert "data" not in changed
    assert changed["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert house.asked_all() == []


def test_a_subscription_for_a_purpose_that_is_not_the_audiences_does_not_start(house: House) -> None:
    query = "subscription { changes { cursor } }"

    message = over_socket(house, house.token("marketer"), query, {}, {"purposeOfUse": "TREAT"})

    assert message["type"] == "error"
    assert [error["extensions"]["code"] for error in message["payload"]] == ["FORBIDDEN"]


def test_a_header_that_states_two_purposes_is_refused(house: House) -> None:
    headers = [
        ("Authorization", f"Bearer {house.token('clinician')}"),
        ("X-Purpose-Of-Use", "TREAT"),
        ("X-Purpose-Of-Use", "HOPERAT"),
    ]

    answer = house.client.post(house.url, json={"query": PURPOSE}, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
