"""A client of `graphql-transport-ws`, and the practice's own hand at its book."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.stories.house import House

ARRIVES_WITHIN_S = 15.0


class Subscriber:
    """One connection with one subscription on it."""

    def __init__(self, socket: ClientConnection, house: House) -> None:
        self.socket = socket
        self._house = house
        self._subscribed = False

    def send(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def received(self) -> dict[str, Any]:
        """The next message, whatever it is. Raises TimeoutError, or ConnectionClosed with the code."""
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=ARRIVES_WITHIN_S))
        return message

    def introduce(self, token: str) -> None:
        self.send({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})

    def subscribe(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        extensions: dict[str, Any] | None = None,
    ) -> None:
        """Subscribes, and waits until the gateway counts one subscriber more."""
        before = subscribers(self._house)
        payload = {"query": query, "variables": variables or {}, "extensions": extensions or {}}
        self.send({"id": "1", "type": "subscribe", "payload": payload})
        until(lambda: subscribers(self._house) > before, "the gateway did not take the subscription")
        self._subscribed = True

    def leave(self) -> None:
        """Closes, and waits until the gateway counts one subscriber less."""
        if self._subscribed and self.socket.close_code is None:
            before = subscribers(self._house)
            self.socket.close()
            until(lambda: subscribers(self._house) < before, "the gateway did not let go of the subscription")

    def told(self) -> dict[str, Any]:
        """The data of the next change that arrives."""
        message = self.received()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message["payload"]["errors"]
        change: dict[str, Any] = message["payload"]["data"]["changes"]
        return change

    def has_been_told_nothing(self) -> bool:
        """Whether the answer to a ping is the first thing to arrive."""
        self.send({"type": "ping"})
        return self.received() == {"type": "pong"}


@contextmanager
def connected(house: House, token: str | None = None) -> Iterator[Subscriber]:
    """A connection; introduced and acknowledged, if there is a token."""
    url = house.url.replace("http://", "ws://")
    with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], close_timeout=2) as socket:
        subscriber = Subscriber(socket, house)
        if token is not None:
            subscriber.introduce(token)
            assert subscriber.received() == {"type": "connection_ack"}
        yield subscriber
        subscriber.leave()


def until(is_so: Callable[[], bool], else_: str) -> None:
    """Waits until it is so. Raises TimeoutError with the words *else_*."""
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(else_)
        time.sleep(0.02)


def subscribers(house: House) -> int:
    """How many subscriptions are open, by the gateway's own count."""
    metrics = house.client.get(f"{house.addresses.gateway}/metrics").text
    found = re.search(r"^caregraph_subscribers ([0-9.]+)$", metrics, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def change_booking(house: House, id_: int, **changed: Any) -> None:
    """Changes an appointment in the PMS, as the practice's staff would."""
    pms = house.addresses.pms
    granted = house.client.post(
        f"{pms}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=("caregraph", "sandbox-pms-secret"),
    ).raise_for_status()
    headers = {"Authorization": f"Bearer {granted.json()['access_token']}"}
    house.client.patch(f"{pms}/v1/appointments/{id_}", json=changed, headers=headers).raise_for_status()


def looks(house: House) -> int:
    """How often the gateway has asked the PMS what changed, since its requests were last forgotten."""
    found = house.client.get(f"{house.addresses.knobs('pms')}/requests").json()["requests"]
    return sum("updated_since" in call["body"] for call in found)


class Chart:
    """The EHR as its own staff write in it, past the gateway."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._base = house.addresses.ehr
        self._headers = {"Authorization": f"Bearer {house.new_token({'system': 'ehr'})}"}

    def read(self, path: str) -> dict[str, Any]:
        """The resource at *path*, such as `Patient/p1`."""
        found = self._house.client.get(f"{self._base}/{path}", headers=self._headers).raise_for_status()
        resource: dict[str, Any] = found.json()
        return resource

    def write(self, resource: dict[str, Any]) -> None:
        """Stores the resource under its id."""
        url = f"{self._base}/{resource['resourceType']}/{resource['id']}"
        self._house.client.put(url, json=resource, headers=self._headers).raise_for_status()

    def delete(self, path: str) -> None:
        self._house.client.delete(f"{self._base}/{path}", headers=self._headers).raise_for_status()
