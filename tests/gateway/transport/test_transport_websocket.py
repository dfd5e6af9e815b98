"""`graphql-transport-ws` over real sockets: each message, each close code, and nothing left behind."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.transport.settings import TransportSettings
from gateway.transport.websocket import GraphQLOverWebSocket
from tests.gateway.transport.conftest import Serve, Served
from tests.gateway.transport.tiny import SECRET, Caller, Counts, Tiny, happens, until

pytestmark = pytest.mark.anyio

GRAPHQL_WS = [Subprotocol("graphql-transport-ws")]
INIT = {"type": "connection_init"}
ACK = {"type": "connection_ack"}
APP = "https://app.example.org"


class Client:
    """A client that speaks JSON and hides nothing."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, *messages: dict[str, Any] | str | bytes) -> None:
        for message in messages:
            await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def subscribe(self, query: str, operation: str = "1", **parameters: Any) -> None:
        await self.send({"id": operation, "type": "subscribe", "payload": {"query": query, **parameters}})

    async def received(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def closed(self) -> tuple[int | None, str | None]:
        """How the server closes; nothing else may come before."""
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed):
                await self.connection.recv()
        return self.connection.close_code, self.connection.close_reason

    async def introduced(self, **payload: Any) -> "Client":
        await self.send({**INIT, "payload": payload})
        assert await self.received() == ACK
        return self


@asynccontextmanager
async def connected(served: Served, **options: Any) -> AsyncIterator[Client]:
    async with connect(served.socket_url, **{"subprotocols": GRAPHQL_WS, **options}) as connection:
        yield Client(connection)


async def test_an_introduction_is_acknowledged(served: Served) -> None:
    async with connected(served) as client:
        assert client.connection.subprotocol == "graphql-transport-ws"
        await client.introduced()

    await until(lambda: served.counts.codes)
    assert served.counts.codes == {1000: 1}


async def test_a_subscription_gives_results_then_completes(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription($to: Int!) { count(to: $to) }", variables={"to": 2})

        assert [await client.received() for _ in range(3)] == [
            {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
            {"id": "1", "type": "next", "payload": {"data": {"count": 2}}},
            {"id": "1", "type": "complete"},
        ]


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ hello }", {"hello": "world"}),
        ("mutation { bump }", {"bump": 1}),
        ("query A { hello } query B { b: hello }", {"b": "world"}),
    ],
)
async def test_a_query_or_mutation_gives_one_result(served: Served, query: str, data: object) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe(query, 'an "id" of é', operationName="B" if "B" in query else None)

        assert [await client.received() for _ in range(2)] == [
            {"id": 'an "id" of é', "type": "next", "payload": {"data": data}},
            {"id": 'an "id" of é', "type": "complete"},
        ]


async def test_operations_are_interleaved_and_an_id_may_be_used_again(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { forever }", "a")
        assert (await client.received())["id"] == "a"
        for _ in range(2):
            await client.subscribe("{ hello }", "b")
            assert [(await client.received())["type"] for _ in range(2)] == ["next", "complete"]


async def test_a_document_that_does_not_fit_is_an_error_of_its_operation(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { nothing }")
        message = await client.received()
        await client.send({"type": "ping"})

        assert (message["id"], message["type"]) == ("1", "error")
        assert message["payload"][0]["message"].startswith("Cannot query field 'nothing'")
        assert await client.received() == {"type": "pong"}


async def test_a_fault_in_a_stream_ends_that_stream_and_tells_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { failing }")
        await client.received()

        assert await client.received() == {
            "id": "1",
            "type": "error",
            "payload": [
                {
                    "message": "Something went wrong on our side.",
                    "extensions": {"code": "INTERNAL", "retryable": False},
                }
            ],
        }
        await client.subscribe("{ hello }")
        assert (await client.received())["type"] == "next"
    assert SECRET not in caplog.text
    [record] = [record for record in caplog.records if record.name == "gateway.transport.websocket"]
    assert record.getMessage() == "operation failed"


async def test_a_client_that_completes_hears_no_more_of_it(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { forever }")
        await client.received()
        await client.send({"id": "1", "type": "complete"}, {"type": "ping"})

        assert await client.received() == {"type": "pong"}
        await happens(served.tiny.stopped)
        await client.subscribe("{ hello }")
        assert (await client.received())["payload"] == {"data": {"hello": "world"}}


async def test_a_query_is_cancelled_when_its_client_completes_it(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("{ slow }")
        await happens(served.tiny.running)
        await client.send({"id": "1", "type": "complete"})

        await happens(served.tiny.stopped)


async def test_a_stream_that_takes_cancellation_for_its_end_says_nothing_more(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { stubborn }")
        await happens(served.tiny.running)
        await client.send({"id": "1", "type": "complete"})
        await happens(served.tiny.stopped)
        await client.send({"type": "ping"})

        assert await client.received() == {"type": "pong"}


async def test_to_complete_what_is_not_there_is_nothing(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.send({"id": "9", "type": "complete"}, {"type": "ping", "payload": {"at": 1}})

        assert await client.received() == {"type": "pong"}


async def test_pings_are_answered_before_the_introduction_and_pongs_need_no_answer(served: Served) -> None:
    async with connected(served) as client:
        await client.send({"type": "pong"}, {"type": "pong", "payload": None}, {"type": "ping"})

        assert await client.received() == {"type": "pong"}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "not JSON",
        "[]",
        "null",
        "{}",
        '{"type": "unknown"}',
        '{"type": "connection_ack"}',
        '{"id": "1", "type": "next", "payload": {}}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "connection_init", "payload": {"authorization": 7}}',
        '{"type": "connection_init", "payload": {"X-Purpose-Of-Use": 7}}',
        '{"type": "ping", "payload": 1}',
        '{"type": "complete"}',
        '{"id": "", "type": "complete"}',
        f'{{"id": "{"x" * 513}", "type": "complete"}}',
        '{"id": 1, "type": "subscribe", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
        '{"id": "1", "type": "subscribe"}',
        '{"id": "1", "type": "subscribe", "payload": {"query": 1}}',
        '{"id": "1", "type": "subscribe", "payload": {"query": "{ hello }", "variables": []}}',
        pytest.param("[" * 100_000, id="deep"),
        pytest.param(b'{"type": "ping"}', id="binary"),
    ],
)
async def test_what_is_no_message_of_the_protocol_closes_with_4400(
    served: Served, message: str | bytes
) -> None:
    async with connected(served) as client:
        await client.send(message)

        assert await client.closed() == (4400, "Invalid message received")
    await until(lambda: served.counts.codes)
    assert served.counts.codes == {4400: 1}


async def test_a_subscription_without_a_document_closes_with_4400(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.send({"id": "1", "type": "subscribe", "payload": {}})

        assert await client.closed() == (4400, "Invalid message received")


async def test_to_subscribe_before_the_introduction_closes_with_4401(served: Served) -> None:
    async with connected(served) as client:
        await client.subscribe("{ hello }")

        assert await client.closed() == (4401, "Unauthorized")
    assert served.tiny.asked == []


@pytest.mark.parametrize("key", ["authorization", "Authorization"])
async def test_the_token_may_come_with_the_introduction(served: Served, key: str) -> None:
    async with connected(served, additional_headers={"Authorization": "Bearer bad"}) as client:
        await client.introduced(**{key: "Bearer good"})

    assert served.tiny.authorizations == ["Bearer good"]


async def test_the_token_may_come_with_the_handshake(served: Served) -> None:
    async with connected(served, additional_headers={"Authorization": "Bearer good"}) as client:
        await client.introduced()

    assert served.tiny.authorizations == ["Bearer good"]


@pytest.mark.parametrize("how", ["payload", "header"])
async def test_a_token_that_is_not_good_closes_with_4403(served: Served, how: str) -> None:
    headers = {"Authorization": "Bearer bad"} if how == "header" else {}
    async with connected(served, additional_headers=headers) as client:
        await client.send({**INIT, "payload": {"authorization": "Bearer bad"} if how == "payload" else None})

        assert await client.closed() == (4403, "Forbidden")


@pytest.mark.parametrize("left_s", [0.1, 0.0, -1.0, float("nan")])
async def test_the_end_of_the_token_ends_the_connection_with_4403(serve: Serve, left_s: float) -> None:
    async with serve() as served:
        served.tiny.callers["Bearer short"] = Caller("short", time.time() + left_s)
        async with connected(served) as client:
            if left_s > 0:
                await client.introduced(authorization="Bearer short")
                await client.subscribe("subscription { forever }")
                await client.received()
            else:
                await client.send({**INIT, "payload": {"authorization": "Bearer short"}})

            assert await client.closed() == (4403, "Forbidden")
    assert served.tiny.stopped.is_set() is (left_s > 0)


async def test_a_token_outlives_the_time_for_the_introduction(serve: Serve) -> None:
    async with serve(TransportSettings(connection_init_timeout_s=0.05)) as served:
        served.tiny.callers["Bearer long"] = Caller("long", time.time() + 3600 * 24 * 365 * 1000)
        async with connected(served) as client:
            await client.introduced(authorization="Bearer long")
            await asyncio.sleep(0.1)
            await client.send({"type": "ping"})

            assert await client.received() == {"type": "pong"}


async def test_a_token_that_is_revoked_meanwhile_is_told_no_more(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced(authorization="Bearer good")
        await client.subscribe("subscription { twice }")
        assert (await client.received())["payload"] == {"data": {"twice": 1}}
        served.tiny.callers.clear()
        served.tiny.more.set()

        assert await client.closed() == (4403, "Forbidden")
    assert served.tiny.stopped.is_set()


async def test_while_it_cannot_be_told_whether_a_token_holds_its_client_is_to_come_again(
    served: Served,
) -> None:
    async with connected(served, additional_headers={"authorization": "Bearer good"}) as client:
        await client.introduced()
        await client.subscribe("subscription { twice }")
        await client.received()
        served.tiny.is_away = True
        served.tiny.more.set()

        assert await client.closed() == (1013, "Try again later")


async def test_a_caller_who_loses_its_identity_loses_the_connection(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { expired }")
        await client.received()

        assert await client.closed() == (4403, "Forbidden")


@pytest.mark.parametrize("offered", [None, [Subprotocol("graphql-ws")]])
async def test_another_subprotocol_closes_with_4406(
    served: Served, offered: list[Subprotocol] | None
) -> None:
    async with connected(served, subprotocols=offered) as client:
        assert await client.closed() == (4406, "Subprotocol not acceptable")


async def test_the_subprotocol_is_found_among_others(served: Served) -> None:
    async with connected(served, subprotocols=[Subprotocol("graphql-ws"), *GRAPHQL_WS]) as client:
        assert client.connection.subprotocol == "graphql-transport-ws"


async def test_no_introduction_in_time_closes_with_4408(serve: Serve) -> None:
    async with (
        serve(TransportSettings(connection_init_timeout_s=0.05)) as served,
        connected(served) as client,
    ):
        await client.send({"type": "ping"})
        await client.received()

        assert await client.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize(
    ("operation", "reason"),
    [("7", "Subscriber for 7 already exists"), ("é" * 60, "Subscriber already exists")],
)
async def test_an_id_in_use_closes_with_4409(served: Served, operation: str, reason: str) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.subscribe("subscription { forever }", operation)
        await client.received()
        await client.subscribe("{ hello }", operation)

        assert await client.closed() == (4409, reason)
    await happens(served.tiny.stopped)


async def test_a_second_introduction_closes_with_4429(served: Served) -> None:
    async with connected(served) as client:
        await client.introduced()
        await client.send(INIT)

        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_a_fault_of_ours_closes_with_4500_and_tells_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "gateway"):
        async with connected(served) as client:
            await client.send({**INIT, "payload": {"authorization": "Bearer broken"}})

            assert await client.closed() == (4500, "Internal server error")
    assert SECRET not in caplog.text
    [record] = [record for record in caplog.records if record.name == "gateway.transport.websocket"]
    assert (record.getMessage(), vars(record)["error"]) == ("connection failed", "RuntimeError")


async def test_when_identity_cannot_be_told_the_client_may_come_again(served: Served) -> None:
    async with connected(served) as client:
        await client.send({**INIT, "payload": {"authorization": "Bearer later"}})

        assert await client.closed() == (1013, "Try again later")


async def test_a_message_too_large_closes_with_1009(serve: Serve) -> None:
    async with serve(TransportSettings(max_body_bytes=100)) as served, connected(served) as client:
        await client.send('{"type": "ping"}' + " " * 84)
        assert await client.received() == {"type": "pong"}
        await client.send('{"type": "ping"}' + " " * 85)

        assert await client.closed() == (1009, "Message too large")


async def test_more_operations_than_allowed_are_errors_until_one_ends(serve: Serve) -> None:
    async with (
        serve(TransportSettings(max_operations_per_connection=2)) as served,
        connected(served) as client,
    ):
        await client.introduced()
        for operation in ("a", "b"):
            await client.subscribe("subscription { forever }", operation)
            assert (await client.received())["type"] == "next"
        await client.subscribe("{ hello }", "c")
        refused = await client.received()
        await client.send({"id": "a", "type": "complete"})
        await happens(served.tiny.stopped)
        await client.subscribe("{ hello }", "c")

        assert (refused["id"], refused["type"]) == ("c", "error")
        assert refused["payload"][0]["extensions"] == {"code": "REQUEST_RATE_LIMITED", "retryable": True}
        assert (await client.received())["type"] == "next"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        pytest.param(None, True, id="no browser"),
        pytest.param(APP, True, id="listed"),
        pytest.param("https://app.example.org:444", False, id="another port"),
        pytest.param("http://app.example.org", False, id="another scheme"),
        pytest.param("https://app.example.org.evil.example", False, id="a longer name"),
        pytest.param("null", False, id="null"),
        pytest.param("", False, id="empty"),
        pytest.param("http://[", False, id="malformed"),
        pytest.param("http://127.0.0.1", False, id="our host, another port"),
    ],
)
async def test_only_known_origins_may_open_a_socket(serve: Serve, origin: str | None, allowed: bool) -> None:
    async with serve(TransportSettings(origins=frozenset({APP}))) as served:
        headers = {} if origin is None else {"Origin": origin}
        if allowed:
            async with connected(served, additional_headers=headers) as client:
                await client.introduced()
            return
        with pytest.raises(InvalidStatus) as refused:
            async with connected(served, additional_headers=headers):
                pass

    assert refused.value.response.status_code == 403
    assert b"allowed origins" in bytes(refused.value.response.body or b"")
    assert served.counts.codes == {403: 1}
    assert served.tiny.authorizations == []


async def test_a_page_of_our_own_host_may_open_a_socket(served: Served) -> None:
    async with connected(served, origin=Origin(f"http://127.0.0.1:{served.port}")) as client:
        await client.introduced()


async def test_a_client_that_vanishes_leaves_nothing_running(served: Served) -> None:
    before = asyncio.all_tasks()
    async with connected(served) as client:
        await client.introduced()
        for number in range(10):
            await client.subscribe("subscription { forever }", str(number))
            await client.received()
        client.connection.transport.abort()

    await until(lambda: served.counts.codes)
    await until(lambda: asyncio.all_tasks() <= before)
    assert [code for code in served.counts.codes if code in {1005, 1006}] == list(served.counts.codes)


async def test_a_client_that_does_not_read_holds_back_its_stream_and_is_dropped(serve: Serve) -> None:
    settings, unread = TransportSettings(send_timeout_s=0.2), {"max_queue": 1, "close_timeout": 0.1}
    async with serve(settings) as served, connected(served, **unread) as client:
        await client.introduced()
        await client.subscribe("subscription { wide }")
        await happens(served.tiny.stopped)
        sent = served.tiny.sent
        await until(lambda: served.counts.codes)

    assert served.counts.codes == {1013: 1}
    # What fits into the buffers of the two ends, and no more: loopback sockets hold a few megabytes.
    assert served.tiny.sent == sent < 100


async def test_a_slow_reader_is_told_why_when_it_reads_on(serve: Serve) -> None:
    async with (
        serve(TransportSettings(send_timeout_s=0.3)) as served,
        connected(served, max_queue=1) as client,
    ):
        await client.introduced()
        await client.subscribe("subscription { wide }")
        await happens(served.tiny.stopped)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await client.connection.recv()

        assert client.connection.close_code == 1013


async def test_a_stream_with_much_to_tell_leaves_room_for_others(served: Served) -> None:
    async with connected(served) as client, connected(served) as other:
        await client.introduced()
        await client.subscribe("subscription { count(to: 1000000) }")
        assert (await client.received())["payload"] == {"data": {"count": 1}}
        await other.introduced()

        assert served.tiny.sent < 1_000_000


async def test_a_server_that_can_send_no_more_ends_the_connection_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    incoming = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": json.dumps(INIT)}]
    sent: list[Message] = []

    async def receive() -> Message:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "websocket.send":
            raise OSError

    counts = Counts()
    scope = {"type": "websocket", "headers": [], "subprotocols": GRAPHQL_WS}
    async with asyncio.timeout(5):
        await GraphQLOverWebSocket(Tiny(), TransportSettings(), counts)(scope, receive, send)

    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert counts.codes == {1006: 1}
    assert caplog.records == []


async def test_a_server_without_words_for_a_refused_handshake_closes_it() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    counts = Counts()
    scope = {"type": "websocket", "headers": [(b"origin", b"null")], "subprotocols": GRAPHQL_WS}
    await GraphQLOverWebSocket(Tiny(), TransportSettings(), counts)(scope, receive, send)

    assert sent == [{"type": "websocket.close"}]
    assert counts.codes == {403: 1}


async def test_the_meter_counts_each_connection_once(serve: Serve) -> None:
    async with serve(tiny=Tiny()) as served:
        for _ in range(3):
            async with connected(served) as client:
                await client.introduced()
        await until(lambda: served.counts.codes[1000] == 3)

    assert served.counts.codes == {1000: 3}
