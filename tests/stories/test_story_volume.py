"""A client that asks far more than is usual at that hour is told of, and held to its usual pace if so set."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gateway.settings import Volume
from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import NEVER_S, House, running

HOUR_S = 3600.0
QUERY = "{ patients(first: 1) { nodes { id } } }"


class Clock:
    def __init__(self) -> None:
        self.now = 168 * 2_900 * HOUR_S + 600

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(clock: Clock) -> Iterator[House]:
    volume = Volume(times=3, least_requests=6, throttle=True)
    with running(
        generate(3, today=TODAY), poll_seconds=NEVER_S, source_timeout_s=20.0, clock=clock, volume=volume
    ) as made:
        yield made


def _ask(house: House) -> httpx.Response:
    return house.client.post(
        house.url,
        json={"query": QUERY},
        headers={
            "Authorization": f"Bearer {house.token('clinician')}",
            "Accept": "application/graphql-response+json",
        },
    )


def test_a_burst_after_a_quiet_week_is_told_and_held_to_the_usual_pace(house: House, clock: Clock) -> None:
    for _ in range(2):
        assert _ask(house).status_code == 200
    clock.now += 168 * HOUR_S
    for _ in range(6):
        assert _ask(house).status_code == 200
    house.forget()

    refused = _ask(house)

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1800"
    answer = refused.json()
    (error,) = answer["errors"]
    assert "data" not in answer
    assert error["extensions"]["code"] == "REQUEST_RATE_LIMITED"
    assert (error["extensions"]["retryable"], error["extensions"]["retryAfter"]) == (True, 1800)
    assert house.asked_all() == []
    page = house.client.get(f"{house.addresses.gateway}/metrics").text
    (line,) = [
        it
        for it in page.splitlines()
        if it.startswith('caregraph_volume_alarms_total{measure="req') and 'of="client"' in it
    ]
    assert line.endswith(" 1.0")

    clock.now += 1800
    assert [_ask(house).status_code for _ in range(2)] == [200, 429]
    clock.now += HOUR_S
    assert [_ask(house).status_code for _ in range(2)] == [200, 200]
