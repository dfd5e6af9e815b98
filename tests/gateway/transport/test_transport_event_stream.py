"""GraphQL over Server-Sent Events on real sockets: each event, each ending, and nothing left behind."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.types import Message

from gateway.transport.event_stream import EventStream
from gateway.transport.service import Asked
from gateway.transport.settings import TransportSettings
from gateway.transport.streams import Streams
from tests.gateway.transport.conftest import Serve, Served
from tests.gateway.transport.tiny import SECRET, Caller, Counts, Tiny, happens, until

pytestmark = pytest.mark.anyio

ACCEPT = {"accept": "text/event-stream"}
APP = "https://app.example.org"


class Event(NamedTuple):
    """What a client's page is given of an event; the HTML standard, "event stream interpretation"."""

    name: str
    data: str
    last_id: str

    @property
    def result(self) -> Any:
        return json.loads(self.data)


class Reader:
    """A client that reads by the standard: only complete events with data, comments passed over."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.comments = 0
        self._lines = response.aiter_lines()
        self._last_id = ""

    async def next(self) -> Event | None:
        """The next event; None when the stream ends."""
        name, data = "message", list[str]()
        async for line in self._lines:
            field, _, value = line.partition(":")
            if line == "" and data:
                return Event(name, "\n".join(data), self._last_id)
            if line == "":
                name = "message"
            elif field == "":
                self.comments += 1
            elif field == "event":
                name = value.removeprefix(" ")
            elif field == "data":
                data.append(value.removeprefix(" "))
            elif field == "id":
                self._last_id = value.removeprefix(" ")
        return None

    async def rest(self) -> list[Event]:
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found


@asynccontextmanager
async def posted(
    served: Served, query: str, headers: dict[str, str] | None = None, **more: Any
) -> AsyncIterator[Reader]:
    async with (
        asyncio.timeout(10),
        httpx.AsyncClient() as client,
        client.stream(
            "POST", served.url, json={"query": query, **more}, headers={**ACCEPT, **(headers or {})}
        ) as response,
    ):
        yield Reader(response)


def error_of(event: Event) -> dict[str, Any]:
    (error,) = event.result["errors"]
    found: dict[str, Any] = error
    return found


async def test_a_subscription_gives_results_under_their_places_then_completes(served: Served) -> None:
    query = "subscription($to: Int!) { count(to: $to) }"
    async with posted(served, query, variables={"to": 2}) as reader:
        assert reader.response.status_code == 200
        assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.response.headers["cache-control"] == "no-store"
        assert reader.response.headers["x-accel-buffering"] == "no"
        assert await reader.rest() == [
            Event("next", '{"data":{"count":1}}', "place-1"),
            Event("next", '{"data":{"count":2}}', "place-2"),
            Event("complete", "", "place-2"),
        ]

    assert served.counts.endings == {"complete": 1}
    assert served.counts.statuses == {200: 1}


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ hello }", {"hello": "world"}),
        ('{ echo(text: "a\\nb: c\\r\\n\\nevent: x") }', {"echo": "a\nb: c\r\n\nevent: x"}),
        ("mutation { bump }", {"bump": 1}),
    ],
)
async def test_a_query_or_mutation_gives_one_result(served: Served, query: str, data: object) -> None:
    async with posted(served, query) as reader:
        events = await reader.rest()

    assert [event.name for event in events] == ["next", "complete"]
    assert events[0].result == {"data": data}


@pytest.mark.parametrize("query", ["subscription { count(to: 1) }", "{ hello }"])
async def test_what_only_reads_may_come_by_get(served: Served, query: str) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.get(served.url, params={"query": query}, headers=ACCEPT)

    assert response.status_code == 200
    assert response.text.startswith(":\n\nevent: next\n")
    assert response.text.endswith("event: complete\ndata:\n\n")


async def test_a_mutation_by_get_has_no_effect(served: Served) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.get(served.url, params={"query": "mutation { bump }"}, headers=ACCEPT)

    assert response.text.count("event: next") == 1
    assert '"Use POST."' in response.text
    assert served.tiny.bumps == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": APP},
        {"sec-fetch-site": "cross-site"},
        {"user-agent": "Mozilla/5.0"},
        {"cookie": "session=1"},
    ],
    ids=str,
)
async def test_a_get_that_a_foreign_page_could_have_sent_is_refused(
    served: Served, headers: dict[str, str]
) -> None:
    async with httpx.AsyncClient() as client:
        query = {"query": "subscription { forever }"}
        response = await client.get(served.url, params=query, headers={**ACCEPT, **headers})

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert served.tiny.asked == []
    assert served.counts.endings == {}


async def test_a_post_that_a_foreign_page_could_have_sent_is_refused(served: Served) -> None:
    body = b'{"query": "subscription { forever }"}'
    async with httpx.AsyncClient() as client:
        response = await client.post(
            served.url, content=body, headers={**ACCEPT, "content-type": "text/plain"}
        )

    assert response.status_code == 415
    assert served.tiny.authorizations == []


async def test_a_page_of_an_allowed_origin_may_read_the_events_and_say_where_it_was(serve: Serve) -> None:
    asks = {
        "origin": APP,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, last-event-id",
    }
    async with serve(TransportSettings(origins=frozenset({APP}))) as served:
        async with httpx.AsyncClient() as client:
            preflight = await client.options(served.url, headers=asks)
        async with posted(served, "{ hello }", {"origin": APP}) as reader:
            await reader.rest()

    assert "last-event-id" in preflight.headers["access-control-allow-headers"].split(", ")
    assert reader.response.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"authorization": "Bearer bad"}, b'{"query": "{ hello }"}', 401),
        ({"authorization": "Bearer later"}, b'{"query": "{ hello }"}', 503),
        ({"authorization": "Bearer broken"}, b'{"query": "{ hello }"}', 500),
        ({}, b"[]", 400),
        ({}, b"{}", 400),
        ({}, b'{"query": "' + b" " * 2_000_000 + b'"}', 413),
    ],
    ids=str,
)
async def test_what_does_not_pass_the_gates_is_answered_plainly(
    served: Served, headers: dict[str, str], content: bytes, status: int
) -> None:
    sent = {**ACCEPT, "content-type": "application/json", **headers}
    async with httpx.AsyncClient() as client:
        response = await client.post(served.url, content=content, headers=sent)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert "data" not in response.json()
    assert SECRET not in response.text
    assert served.tiny.asked == []
    assert served.counts.endings == {}


async def test_a_document_that_does_not_fit_is_told_as_a_result(served: Served) -> None:
    async with posted(served, "subscription { nothing }") as reader:
        refused, complete = await reader.rest()

    assert reader.response.status_code == 200
    assert error_of(refused)["message"].startswith("Cannot query field 'nothing'")
    assert "data" not in refused.result
    assert complete.name == "complete"


async def test_a_fault_ends_the_stream_and_tells_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with posted(served, "subscription { failing }") as reader:
        events = await reader.rest()

    assert [event.name for event in events] == ["next", "next", "complete"]
    assert error_of(events[1])["extensions"] == {"code": "INTERNAL", "retryable": False}
    assert SECRET not in events[1].data + caplog.text
    assert [record.message for record in caplog.records if record.levelno >= logging.ERROR] == [
        "event stream failed"
    ]


async def test_the_last_events_id_and_the_trace_are_handed_on(served: Served) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with posted(
        served, "subscription { count(to: 1) }", {"last-event-id": "place-7", "traceparent": trace}
    ) as reader:
        await reader.rest()

    (asked,) = served.tiny.asked
    assert (asked.resume_after, asked.traceparent) == ("place-7", trace)


async def test_an_empty_last_events_id_is_none(served: Served) -> None:
    async with posted(served, "subscription { count(to: 1) }", {"last-event-id": ""}) as reader:
        await reader.rest()

    assert served.tiny.asked[0].resume_after is None


async def test_a_quiet_stream_says_that_it_is_still_there(serve: Serve) -> None:
    async with (
        serve(TransportSettings(keep_alive_s=0.01)) as served,
        posted(served, "subscription { forever }") as reader,
    ):
        await reader.next()
        # What is no event is read while the next one is waited for.
        waiting = asyncio.create_task(reader.next())
        await until(lambda: reader.comments >= 5)
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_client_that_leaves_stops_its_stream_and_leaves_nothing_running(served: Served) -> None:
    before = asyncio.all_tasks()
    async with posted(served, "subscription { forever }") as reader:
        assert await reader.next() == Event("next", '{"data":{"forever":1}}', "place-1")

    await happens(served.tiny.stopped)
    await until(lambda: asyncio.all_tasks() <= before)
    assert served.counts.endings == {"left": 1}
    assert served.counts.statuses == {499: 1}


async def test_a_client_that_leaves_stops_its_query(served: Served) -> None:
    async with posted(served, "{ slow }"):
        await happens(served.tiny.running)

    await happens(served.tiny.stopped)
    await until(lambda: served.counts.endings)
    assert served.counts.endings == {"left": 1}


class Short(Tiny):
    """Whose callers' tokens always end half a second from now."""

    def expires_at(self, caller: Caller) -> float:
        return time.time() + 0.5


async def test_a_stream_ends_with_its_token_and_says_so(serve: Serve) -> None:
    tiny = Short()
    async with serve(tiny=tiny) as served, posted(served, "subscription { forever }") as reader:
        told, expired = await reader.rest()

    assert told.result == {"data": {"forever": 1}}
    assert error_of(expired)["extensions"] == {"code": "UNAUTHENTICATED", "retryable": False}
    assert expired.last_id == "place-1"
    assert tiny.stopped.is_set()
    assert served.counts.endings == {"expired": 1}


async def test_a_token_that_has_expired_meanwhile_is_told_nothing(serve: Serve) -> None:
    tiny = Tiny(callers={"Bearer old": Caller("old", time.time() - 1)})
    async with (
        serve(tiny=tiny) as served,
        posted(served, "subscription { count(to: 1) }", {"authorization": "Bearer old"}) as reader,
    ):
        (expired,) = await reader.rest()

    assert error_of(expired)["extensions"]["code"] == "UNAUTHENTICATED"
    assert tiny.asked == []


async def test_a_caller_who_loses_their_identity_is_told_no_more(served: Served) -> None:
    async with posted(served, "subscription { expired }") as reader:
        told, expired = await reader.rest()

    assert told.result == {"data": {"expired": 1}}
    assert error_of(expired)["extensions"]["code"] == "UNAUTHENTICATED"
    assert served.counts.endings == {"expired": 1}


async def test_a_token_that_is_revoked_meanwhile_is_told_no_more(served: Served) -> None:
    async with posted(served, "subscription { twice }", {"authorization": "Bearer good"}) as reader:
        told = await reader.next()
        served.tiny.callers.clear()
        served.tiny.more.set()
        (refused,) = await reader.rest()

    assert told is not None
    assert told.result == {"data": {"twice": 1}}
    assert error_of(refused)["extensions"] == {"code": "UNAUTHENTICATED", "retryable": False}
    assert (served.counts.endings, served.tiny.stopped.is_set()) == ({"expired": 1}, True)


async def test_while_it_cannot_be_told_whether_a_token_holds_its_stream_breaks_off(served: Served) -> None:
    async with posted(served, "subscription { twice }", {"authorization": "Bearer good"}) as reader:
        await reader.next()
        served.tiny.is_away = True
        served.tiny.more.set()
        (unsure,) = await reader.rest()

    assert error_of(unsure)["extensions"] == {"code": "SOURCE_UNAVAILABLE", "retryable": True}
    assert unsure.last_id == "place-1"
    assert (served.counts.endings, served.tiny.stopped.is_set()) == ({"unsure": 1}, True)


async def test_a_process_that_stops_ends_its_streams_without_completing_them(served: Served) -> None:
    async with (
        posted(served, "subscription { forever }") as one,
        posted(served, "subscription { forever }") as other,
    ):
        await one.next()
        await other.next()
        served.streams.stop()

        assert await one.rest() == []
        assert await other.rest() == []
    async with posted(served, "subscription { forever }") as late:
        assert await late.rest() == []

    assert served.counts.endings == {"stopping": 3}


async def test_a_client_that_does_not_read_holds_back_its_stream_and_is_dropped(serve: Serve) -> None:
    async with (
        serve(TransportSettings(send_timeout_s=0.2)) as served,
        posted(served, "subscription { wide }") as reader,
    ):
        await happens(served.tiny.stopped)
        sent = served.tiny.sent
        await until(lambda: served.counts.endings)
        with pytest.raises(httpx.RemoteProtocolError):  # cut off, and not as if it were whole
            await reader.rest()

    assert served.counts.endings == {"slow": 1}
    # What fits into the buffers of the two ends, and no more: loopback sockets hold a few megabytes.
    assert served.tiny.sent == sent < 100


async def test_a_stream_with_much_to_tell_leaves_room_for_others(served: Served) -> None:
    async with posted(served, "subscription { count(to: 1000000) }") as busy:
        await busy.next()
        async with posted(served, "{ hello }") as other:
            await other.rest()

        assert served.tiny.sent < 1_000_000


async def test_a_server_that_can_send_no_more_ends_the_stream_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            raise OSError

    tiny, counts = Tiny(), Counts()
    stream = EventStream(tiny, TransportSettings(), Streams(), counts, None, [], send)
    await stream.serve(Caller("anyone"), Asked("subscription { forever }"), reads_only=False)

    assert counts.endings == {"left": 1}
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert caplog.records == []
