"""What a connection may cost, over real sockets: heads without end, pings and answers that nobody reads."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import ClassVar

import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from gateway.transport.connections import FRAMES, HEAD_BYTES, HttpConnection, SocketConnection
from gateway.transport.routes import graphql_routes
from gateway.transport.settings import TransportSettings
from gateway.transport.streams import Streams
from tests.gateway.transport.tiny import Counts, Tiny, until

pytestmark = pytest.mark.anyio

GET = b"GET /graphql?query={hello} HTTP/1.1\r\nhost: x\r\n"
UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n"
)
MASK = b"\0\0\0\0"
PINGS = (b"\x89\xfd" + MASK + b"p" * 125) * 1_000
EMPTY_TEXT, EMPTY_MORE = b"\x01\x80" + MASK, b"\x00\x80" + MASK
WIDE = json.dumps({"query": "subscription { wide }"}).encode()
POST = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
STREAM = (
    b"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n"
    b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(WIDE)
)


class HastyHttp(HttpConnection):
    head_s: ClassVar[float] = 0.1
    stalled_s: ClassVar[float] = 0.1


class HastySocket(SocketConnection):
    stalled_s: ClassVar[float] = 0.1


class Listening:
    """A server whose connections can be looked at."""

    def __init__(self, server: uvicorn.Server, port: int, counts: Counts) -> None:
        self._server = server
        self.port = port
        self.counts = counts

    @property
    def connections(self) -> int:
        return len(self._server.server_state.connections)

    @property
    def unsent(self) -> int:
        """The bytes that wait for their readers."""
        return sum(it.transport.get_write_buffer_size() for it in self._server.server_state.connections)


@asynccontextmanager
async def listening(
    http: type[HttpConnection] = HttpConnection,
    ws: type[SocketConnection] = SocketConnection,
    settings: TransportSettings | None = None,
) -> AsyncIterator[Listening]:
    counts = Counts()
    app = Starlette(routes=graphql_routes(Tiny(), settings or TransportSettings(), counts, Streams()))
    config = uvicorn.Config(
        app, http=http, ws=ws, ws_per_message_deflate=False, lifespan="off", log_config=None,
        access_log=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        await until(lambda: server.started)
        try:
            yield Listening(server, bound.getsockname()[1], counts)
        finally:
            server.should_exit = True
            await serving
            await until(lambda: not server.server_state.connections)


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to the server; what is not read of it is not fetched from the system either."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def said(port: int, sent: bytes = b"") -> bytes:
    """All that the server says to these bytes until it closes."""
    async with opened(port) as (reader, writer), asyncio.timeout(5):
        writer.write(sent)
        return await reader.read()


async def answered(reader: asyncio.StreamReader) -> None:
    """One answer is read."""
    seen = b""
    async with asyncio.timeout(5):
        while not seen.endswith(b'"world"}}'):
            seen += await reader.read(1_024)


@pytest.fixture
async def hasty() -> AsyncIterator[Listening]:
    async with listening(HastyHttp, HastySocket) as made:
        yield made


@pytest.mark.parametrize(
    ("head", "status", "words"),
    [
        pytest.param(b"a: " + b"v" * HEAD_BYTES + b"\r\n\r\n", 431, b"headers", id="one long header"),
        pytest.param(b"a: b\r\n" * (HEAD_BYTES // 2) + b"\r\n", 431, b"headers", id="many headers"),
        pytest.param(b"a: " + b"v" * HEAD_BYTES * 16, 431, b"headers", id="a header without an end"),
    ],
)
async def test_headers_are_read_to_a_bound_and_no_further(head: bytes, status: int, words: bytes) -> None:
    async with listening() as here:
        answer = await said(here.port, GET + head)

        assert answer.startswith(b"HTTP/1.1 %d " % status)
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert body["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "retryable": False}
        assert words in answer
        assert here.counts.statuses == {}


async def test_headers_as_long_as_may_be_are_read() -> None:
    head = GET + b"connection: close\r\na: "
    room = HEAD_BYTES - len(b"/graphql?query={hello}hostxconnectionclosea")
    async with listening() as here:
        fits = await said(here.port, head + b"v" * room + b"\r\n\r\n")
        beyond = await said(here.port, head + b"v" * (room + 1) + b"\r\n\r\n")

    assert fits.endswith(b'{"data":{"hello":"world"}}')
    assert beyond.startswith(b"HTTP/1.1 431 ")


async def test_an_address_longer_than_any_head_is_told_to_be_posted() -> None:
    async with listening() as here:
        line = b"GET /graphql?query=" + b"a" * HEAD_BYTES + b" HTTP/1.1\r\nhost: x\r\n\r\n"
        answer = await said(here.port, line)

    assert answer.startswith(b"HTTP/1.1 414 ")
    assert b"Use POST instead" in answer


@pytest.mark.parametrize(
    "begun", [b"GET /graphql HT", GET, GET + b"a: "], ids=["in its line", "between headers", "in a header"]
)
async def test_a_head_that_does_not_come_to_its_end_is_not_waited_for(hasty: Listening, begun: bytes) -> None:
    answer = await said(hasty.port, begun)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Send the request again" in answer


async def test_a_connection_on_which_nothing_is_asked_is_closed(hasty: Listening) -> None:
    assert await said(hasty.port) == b""


async def test_bytes_that_begin_no_request_keep_no_connection_open(hasty: Listening) -> None:
    async with opened(hasty.port) as (reader, writer):
        writer.write(GET + b"\r\n")
        await answered(reader)
        writer.write(b"\r\n")
        async with asyncio.timeout(5):
            assert await reader.read() == b""


async def test_what_is_left_of_a_body_that_was_refused_is_no_head_of_the_next_request() -> None:
    settings = TransportSettings(max_body_bytes=1_000)
    async with listening(settings=settings) as here, opened(here.port) as (reader, writer):
        writer.write(POST + b"content-length: %d\r\n\r\n" % (4 * HEAD_BYTES))
        seen = b""
        async with asyncio.timeout(5):
            while b"BAD_USER_INPUT" not in seen:
                seen += await reader.read(1_024)
        for _ in range(4):
            writer.write(b" " * HEAD_BYTES)
            await writer.drain()
        writer.write(GET + b"\r\n")
        await answered(reader)

    assert seen.startswith(b"HTTP/1.1 413 ")
    assert here.counts.statuses == {413: 1, 200: 1}


async def test_requests_follow_one_another_for_longer_than_a_head_may_take(hasty: Listening) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 3 * HastyHttp.head_s
    answers = 0
    async with opened(hasty.port) as (reader, writer):
        while loop.time() < until_s or answers < 3:
            writer.write(GET)
            await asyncio.sleep(0)
            writer.write(b"\r\n")
            await answered(reader)
            answers += 1

    assert hasty.counts.statuses == {200: answers}


async def test_a_socket_outlives_the_time_for_its_handshake(hasty: Listening) -> None:
    url = f"ws://127.0.0.1:{hasty.port}/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as client:
        await asyncio.sleep(3 * HastyHttp.head_s)
        await client.send('{"type":"connection_init"}')
        async with asyncio.timeout(5):
            assert await client.recv() == '{"type":"connection_ack"}'


async def test_a_handshake_that_cannot_be_read_is_told_so_and_closed() -> None:
    async with listening() as here:
        many = [("a", str(number)) for number in range(200)]
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{here.port}/graphql", additional_headers=many)

        assert refused.value.response.status_code == 431
        await until(lambda: not here.connections)


async def test_pings_are_answered_no_faster_than_the_answers_are_read() -> None:
    async with listening() as here:
        loop = asyncio.get_running_loop()
        client = await upgraded(here.port)
        taken, most = 0, 0
        # Until the server takes no more of them; without a bound it would take them all.
        while taken < 64 * 1024 * 1024:
            try:
                await asyncio.wait_for(loop.sock_sendall(client, PINGS), 0.5)
            except TimeoutError:
                break
            taken, most = taken + len(PINGS), max(most, here.unsent)
        client.close()

        assert taken < 64 * 1024 * 1024
        assert 0 < most < 1024 * 1024


async def test_pings_held_back_are_answered_when_the_answers_are_read() -> None:
    async with listening(ws=SocketConnection) as here:
        loop = asyncio.get_running_loop()
        client = await upgraded(here.port)
        total = 80 * len(PINGS)
        sending = asyncio.create_task(loop.sock_sendall(client, PINGS * 80))
        answers = 0
        async with asyncio.timeout(20):
            await until(lambda: here.unsent)
            while answers < total - 80 * 1_000 * len(MASK):  # the server masks nothing
                answers += len(await loop.sock_recv(client, 65_536))
            await sending
        client.close()


async def test_a_socket_whose_client_never_reads_is_let_go_with_all_that_is_unsent(hasty: Listening) -> None:
    loop = asyncio.get_running_loop()
    client = await upgraded(hasty.port)
    sending = asyncio.create_task(loop.sock_sendall(client, PINGS * 500))
    async with asyncio.timeout(10):
        with pytest.raises(ConnectionError):
            await sending
    await until(lambda: not hasty.connections)
    client.close()


async def test_a_stream_whose_client_never_reads_is_let_go_with_all_that_is_unsent() -> None:
    async with listening(HastyHttp) as here:
        async with opened(here.port) as (_, writer):
            writer.write(STREAM + WIDE)
            await until(lambda: here.counts.endings)
            await until(lambda: not here.connections)

        assert here.counts.endings == {"left": 1}


async def test_a_reader_who_reads_on_is_waited_for() -> None:
    class Patient(HttpConnection):
        stalled_s: ClassVar[float] = 0.5

    async with listening(Patient) as here, opened(here.port) as (reader, writer):
        writer.write(STREAM + WIDE)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + 3 * Patient.stalled_s
        while loop.time() < until_s:
            async with asyncio.timeout(5):
                assert await reader.read(65_536)
            await asyncio.sleep(0.001)

        assert here.connections == 1


async def test_a_message_in_more_frames_than_may_be_closes_with_1009() -> None:
    async with listening() as here:
        url = f"ws://127.0.0.1:{here.port}/graphql"
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")]) as client:
            client.transport.write(EMPTY_TEXT + EMPTY_MORE * FRAMES)
            async with asyncio.timeout(5):
                with pytest.raises(ConnectionClosed):
                    await client.recv()

        assert client.close_code == 1009


async def upgraded(port: int) -> socket.socket:
    """A socket whose client does not read what comes, and has little room for it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, UPGRADE + b"\r\n")
    async with asyncio.timeout(5):
        assert b" 101 " in await loop.sock_recv(client, 1_024)
    return client
