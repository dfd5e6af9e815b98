"""A client of event streams: reads results off a real socket, with a deadline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from tests.stories.house import House

ARRIVES_WITHIN_S = 20.0


class Told(NamedTuple):
    """A `next` or `complete` event: its result, and the id to come back with."""

    name: str
    result: Any
    id: str | None


class Listener:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._events = _events(response)

    def next(self) -> Told | None:
        """The next event; None when the stream has ended."""
        return next(self._events, None)

    def told(self) -> Told:
        """The next event, which has to be a result."""
        event = self.next()
        assert event is not None
        assert event.name == "next"
        return event


@contextmanager
def listening(
    house: House,
    token: str | None,
    query: str,
    variables: dict[str, Any] | None = None,
    **headers: str,
) -> Iterator[Listener]:
    """The stream of that operation."""
    sent = {"accept": "text/event-stream", **{name.replace("_", "-"): it for name, it in headers.items()}}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"
    body = {"query": query, "variables": variables or {}}
    with (
        httpx.Client(timeout=ARRIVES_WITHIN_S) as client,
        client.stream("POST", house.url, json=body, headers=sent) as response,
    ):
        yield Listener(response)


def _events(response: httpx.Response) -> Iterator[Told]:
    found: dict[str, str] = {}
    for line in response.iter_lines():
        field, _, value = line.partition(":")
        if line == "" and "data" in found:
            data = found["data"]
            yield Told(found["event"], json.loads(data) if data else None, found.get("id"))
        if line == "":
            found = {}
        elif field:
            found[field] = value.removeprefix(" ")
