"""One subscription more than may be open is refused, by whichever way it comes; who leaves makes room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from gateway.settings import Limits
from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.events import listening
from tests.stories.house import NEVER_S, House, running
from tests.stories.sockets import connected, subscribers, until

CHANGES = "subscription { changes { cursor } }"
BOUNDS = {
    "client": Limits(streams=50, streams_of_client=2),
    "process": Limits(streams=2, streams_of_client=50),
}
WORDS = {
    "client": "This client has 2 streams open, as many as it may have. Close one before you open another.",
    "process": "As many streams are open here as there may be. Try again later.",
}


@pytest.fixture(scope="module", params=BOUNDS)
def bound(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def crowded(bound: str) -> Iterator[House]:
    with running(generate(3, today=TODAY), poll_seconds=NEVER_S, limits=BOUNDS[bound]) as made:
        yield made


@pytest.fixture
def full(crowded: House) -> Iterator[ExitStack]:
    """A socket and an event stream of one client are open; left when the stack is closed."""
    token = crowded.token("clinician")
    with ExitStack() as held:
        held.enter_context(connected(crowded, token)).subscribe(CHANGES)
        held.enter_context(listening(crowded, token, CHANGES))
        until(lambda: subscribers(crowded) == 2, "two did not subscribe")
        yield held
    until(lambda: subscribers(crowded) == 0, "who left is still subscribed")


def refusals(house: House, bound: str) -> float:
    metrics = house.client.get(f"{house.addresses.gateway}/metrics").text
    found = re.search(
        rf'^caregraph_streams_refused_total{{bound="{bound}"}} ([0-9.]+)$', metrics, re.MULTILINE
    )
    return float(found[1]) if found is not None else 0.0


def by_socket(house: House, token: str) -> dict[str, Any]:
    """The error of one more subscription on a socket of its own."""
    with connected(house, token) as more:
        more.send({"id": "1", "type": "subscribe", "payload": {"query": CHANGES}})
        message = more.received()
        assert message["type"] == "error"
        (error,) = message["payload"]
    return dict(error)


def by_event_stream(house: House, token: str) -> dict[str, Any]:
    """The error of one more subscription as an event stream."""
    with listening(house, token, CHANGES) as more:
        told, end = more.told(), more.next()
    assert end is not None
    assert end.name == "complete"
    assert "data" not in told.result
    (error,) = told.result["errors"]
    return dict(error)


@pytest.mark.parametrize("way", [by_socket, by_event_stream])
def test_one_more_is_refused_with_a_code_and_counted(
    crowded: House, full: ExitStack, bound: str, way: Any
) -> None:
    before = refusals(crowded, bound)

    error = way(crowded, crowded.token("clinician"))

    assert error["message"] == WORDS[bound]
    assert error["extensions"]["code"] == "REQUEST_RATE_LIMITED"
    assert error["extensions"]["retryable"] is True
    assert subscribers(crowded) == 2
    assert refusals(crowded, bound) == before + 1


def test_queries_are_answered_by_the_same_ways_all_the_same(crowded: House, full: ExitStack) -> None:
    with listening(crowded, crowded.token("clinician"), "{ me { audience } }") as asked:
        assert asked.told().result["data"] == {"me": {"audience": "clinician"}}


def test_who_leaves_makes_room(crowded: House, full: ExitStack) -> None:
    full.close()
    until(lambda: subscribers(crowded) == 0, "who left is still subscribed")

    with connected(crowded, crowded.token("clinician")) as again:
        again.subscribe(CHANGES)
        assert subscribers(crowded) == 1


def test_a_refused_subscription_takes_no_room(crowded: House) -> None:
    token = crowded.token("clinician")
    for _ in range(3):
        with listening(crowded, token, 'subscription { changes(after: "no cursor") { cursor } }') as wrong:
            assert wrong.told().result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"

    with connected(crowded, token) as one:
        one.subscribe(CHANGES)
        assert subscribers(crowded) == 1
