"""Whichever way an operation comes, and however it ends, it is recorded: refused, begun, told, cut off."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import House, running
from tests.stories.sockets import Subscriber, change_booking, connected, until
from tests.stories.test_story_recorded import records

CHANGES = "subscription Watched { changes { cursor record { ... on Appointment { status } } } }"
CRM_LAST = "query Left { patients(first: 2) { nodes { id name { family } engagement { score } } } }"
LITERAL = "Zebediah"

Road = Callable[[House, str, dict[str, Any]], None]


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trail")


@pytest.fixture(scope="module")
def house(trail: Path) -> Iterator[House]:
    with running(generate(3, today=TODAY), trail=trail, poll_seconds=0.2) as made:
        made.data("clinician", "{ me { audience } }")  # so that the trail is there
        yield made


def over_http(house: House, query: str, variables: dict[str, Any]) -> None:
    house.ask("clinician", query, variables)


def over_get(house: House, query: str, variables: dict[str, Any]) -> None:
    params = {"query": query, "variables": json.dumps(variables)}
    headers = {"authorization": f"Bearer {house.token('clinician')}"}
    house.client.get(house.url, params=params, headers=headers)


def over_events(house: House, query: str, variables: dict[str, Any]) -> None:
    with listening(house, house.token("clinician"), query, variables) as stream:
        while stream.next() is not None:
            pass


def over_socket(house: House, query: str, variables: dict[str, Any]) -> None:
    with connected(house, house.token("clinician")) as socket:
        payload = {"query": query, "variables": variables}
        socket.send({"id": "1", "type": "subscribe", "payload": payload})
        while socket.received()["type"] == "next":
            pass


ROADS: dict[str, Road] = {
    "POST": over_http,
    "GET": over_get,
    "event stream": over_events,
    "WebSocket": over_socket,
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "is not GraphQL": (f"{{ {LITERAL} ", {}, "GRAPHQL_PARSE_FAILED"),
    "does not fit the schema": (f'{{ nothing(named: "{LITERAL}") }}', {}, "GRAPHQL_VALIDATION_FAILED"),
    "is too deep": ("{ node(id: 1) " + "{ id " * 20 + "}" * 21, {}, "MAX_DEPTH_LIMIT"),
    "has variables that do not fit": (
        "query V($n: Int!) { patients(first: $n) { nodes { id } } }",
        {"n": LITERAL},
        "BAD_USER_INPUT",
    ),
}


def newest(trail: Path, **wanted: str) -> dict[str, Any]:
    """The last record of that kind, once there is one."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = [it for it in records(trail) if wanted.items() <= it.items()]
        return bool(found)

    until(is_there, f"no record of {wanted}")
    return found[-1]


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("why", REFUSED)
def test_a_request_that_is_refused_is_recorded_without_what_it_said(
    house: House, trail: Path, road: str, why: str
) -> None:
    query, variables, code = REFUSED[why]
    query += f"# by {road}"  # so that it is told apart by its hash
    document = hashlib.sha256(query.encode()).hexdigest() if why != "is not GraphQL" else ""
    before = len(records(trail))
    house.forget()

    ROADS[road](house, query, variables)
    until(lambda: len(records(trail)) > before, "nothing was recorded")

    (record,) = records(trail)[before:]
    assert (record["outcome"], record["errors"]) == ("refused", {code: 1})
    assert record["document"] == document
    assert (record["audience"], record["purpose"]) == ("clinician", "TREAT")
    assert record["kind"] == ("query" if "variables" in why else "unknown")
    assert record.keys().isdisjoint({"patients", "charts", "calls", "plan"})
    assert house.asked("crm") == []
    assert LITERAL.encode() not in b"".join(file.read_bytes() for file in trail.iterdir())


def test_who_is_not_let_in_is_counted_and_not_recorded(house: House, trail: Path) -> None:
    before = len(records(trail))

    refused = house.client.post(house.url, json={"query": "{ me { audience } }"})
    metrics = house.client.get(f"{house.addresses.gateway}/metrics").text

    assert refused.status_code == 401
    assert 'caregraph_tokens_refused_total{refusal="missing"}' in metrics
    assert len(records(trail)) == before


def leave_http(house: House) -> None:
    connection = HTTPConnection("127.0.0.1", house.addresses.gateway_port, timeout=20)
    headers = {"authorization": f"Bearer {house.token('clinician')}", "content-type": "application/json"}
    connection.request("POST", "/graphql", json.dumps({"query": CRM_LAST}), headers)
    _until_asked(house)
    connection.close()


def leave_events(house: House) -> None:
    with listening(house, house.token("clinician"), CRM_LAST):
        _until_asked(house)


def complete_on_socket(house: House) -> None:
    with connected(house, house.token("clinician")) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"query": CRM_LAST}})
        _until_asked(house)
        socket.send({"id": "1", "type": "complete"})
        assert socket.has_been_told_nothing()


def leave_socket(house: House) -> None:
    with connect(
        house.url.replace("http://", "ws://"), subprotocols=[Subprotocol("graphql-transport-ws")]
    ) as socket:
        leaving = Subscriber(socket, house)
        leaving.introduce(house.token("clinician"))
        leaving.received()
        leaving.send({"id": "1", "type": "subscribe", "payload": {"query": CRM_LAST}})
        _until_asked(house)


def _until_asked(house: House) -> None:
    """Until the CRM is asked, which is when the EHR has given its patients."""
    until(lambda: house.asked("crm") != [], "the CRM was not asked")


@pytest.mark.parametrize("leave", [leave_http, leave_events, complete_on_socket, leave_socket])
def test_an_operation_that_is_cut_off_is_recorded_with_the_patients_it_had_read(
    house: House, trail: Path, leave: Callable[[House], None]
) -> None:
    house.token("clinician")
    before = len(records(trail))
    with house.faulty("crm", "latency", value=8):
        house.forget()
        leave(house)
        until(lambda: len(records(trail)) > before, "nothing was recorded")
        record = records(trail)[before]

    assert (record["outcome"], record["operation"], record["kind"]) == ("cancelled", "Left", "query")
    assert len(record["patients"]) == 2
    assert record["calls"]["ehr"] >= 1
    assert record["plan"]


def begin_events(house: House, token: str, heard: threading.Event) -> None:
    with listening(house, token, CHANGES) as stream:
        stream.told()
        heard.set()


def begin_socket(house: House, token: str, heard: threading.Event) -> None:
    with connected(house, token) as socket:
        socket.send({"id": "1", "type": "subscribe", "payload": {"query": CHANGES}})
        assert socket.received()["type"] == "next"
        heard.set()


@pytest.mark.parametrize("begin", [begin_events, begin_socket])
def test_a_subscription_is_recorded_when_it_begins_and_for_each_change_it_tells(
    house: House, trail: Path, begin: Callable[[House, str, threading.Event], None]
) -> None:
    before, heard = len(records(trail)), threading.Event()
    listener = threading.Thread(target=begin, args=(house, house.token("clinician"), heard))
    listener.start()
    until(lambda: len(records(trail)) > before, "its beginning was not recorded")
    row = house.dataset.pms.appointments[0]
    until(lambda: _moved(house, int(row["id"])) and heard.wait(1), "no change was told")
    listener.join(20)

    started, *events = records(trail)[before:]
    assert (started["kind"], started["outcome"]) == ("subscription", "started")
    assert started["operation"] == "Watched"
    assert "patients" not in started
    assert events
    for told in events:
        assert (told["kind"], told["operation"]) == ("subscription", "Watched")
        assert len(told["patients"]) == 1
        assert told["document"] == started["document"]


def _moved(house: House, id_: int) -> bool:
    change_booking(house, id_, reason=f"moved at {time.monotonic()}")
    return True


def test_a_subscription_that_begins_at_no_cursor_is_recorded_as_refused_and_not_as_begun(
    house: House, trail: Path
) -> None:
    before = len(records(trail))

    over_events(house, 'subscription { changes(after: "no cursor") { cursor } }', {})
    until(lambda: len(records(trail)) > before, "nothing was recorded")

    assert [(it["kind"], it["outcome"]) for it in records(trail)[before:]] == [("subscription", "refused")]


def test_a_source_that_fails_is_named_with_how_it_did(house: House, trail: Path) -> None:
    with house.faulty("crm", "status", value=500):
        house.ask("clinician", CRM_LAST.replace("Left", "Failing"))

    record = newest(trail, operation="Failing")
    assert record["troubles"].keys() == {"crm"}
    assert record["calls"].keys() == {"ehr", "crm"}
    assert record.get("outcome", "answered") == "answered"
