"""GraphQL over HTTP, over real sockets: each status with what brings it about."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
from starlette.types import Message

from gateway.transport.attendance import Attendance, Gone
from gateway.transport.service import Answer, Outcome
from gateway.transport.settings import StatusProfile, TransportSettings
from sources.calling import Alarms
from tests.gateway.transport.conftest import Serve, Served
from tests.gateway.transport.tiny import SECRET, Tiny, happens, until

pytestmark = pytest.mark.anyio

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
DRAFT = TransportSettings(status_profile=StatusProfile.DRAFT_2026)
EXECUTED = '{ "query": "{ hello }" }'
POST = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
PARTIAL = '{ "query": "{ hello broken }" }'
NOTHING_LEFT = '{ "query": "{ never }" }'
UNPARSED = '{ "query": "{" }'
INVALID = '{ "query": "{ nothing }" }'
UNCOERCED = '{ "query": "query Q($t: String!) { echo(text: $t) }", "variables": { "t": null } }'


async def post(served: Served, content: str | bytes, **headers: str) -> httpx.Response:
    given = {"content-type": JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with httpx.AsyncClient() as client:
        return await client.post(served.url, content=content, headers=given)


async def get(served: Served, params: dict[str, str], **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient() as client:
        return await client.get(served.url, params=params, headers=given)


async def raw(served: Served, request: bytes) -> tuple[int, bytes]:
    """The status and the rest of the response to exactly these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(request)
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
    writer.close()
    return int(head.split(b" ", 2)[1]), body


def code(response: httpx.Response) -> str:
    body = response.json()
    assert "data" not in body
    return str(body["errors"][0]["extensions"]["code"])


async def test_a_query_is_answered_and_may_not_be_stored(served: Served) -> None:
    response = await post(served, EXECUTED, accept=RESPONSE)

    assert response.status_code == 200
    assert response.json() == {"data": {"hello": "world"}}
    assert response.headers["content-type"] == f"{RESPONSE}; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-length"] == str(len(response.content))
    assert "access-control-allow-origin" not in response.headers
    assert served.counts.statuses == {200: 1}


@pytest.mark.parametrize(
    ("content", "accept", "audit_2025", "draft_2026"),
    [
        pytest.param(EXECUTED, RESPONSE, 200, 200, id="executed"),
        pytest.param(EXECUTED, JSON, 200, 200, id="executed, plain JSON"),
        pytest.param(PARTIAL, RESPONSE, 200, 294, id="partial success"),
        pytest.param(PARTIAL, JSON, 200, 200, id="partial success, plain JSON"),
        pytest.param(UNPARSED, RESPONSE, 400, 400, id="parse error"),
        pytest.param(UNPARSED, JSON, 200, 400, id="parse error, plain JSON"),
        pytest.param(INVALID, RESPONSE, 400, 422, id="validation"),
        pytest.param(INVALID, JSON, 200, 422, id="validation, plain JSON"),
        pytest.param(UNCOERCED, RESPONSE, 400, 422, id="coercion"),
        pytest.param(UNCOERCED, JSON, 200, 422, id="coercion, plain JSON"),
        pytest.param('{ "qeury": "{ hello }" }', RESPONSE, 400, 422, id="no query"),
        pytest.param('{ "qeury": "{ hello }" }', JSON, 400, 422, id="no query, plain JSON"),
        pytest.param("{", RESPONSE, 400, 400, id="malformed JSON"),
        pytest.param("{", JSON, 400, 400, id="malformed JSON, plain JSON"),
    ],
)
async def test_the_profile_chooses_the_status(
    serve: Serve, content: str, accept: str, audit_2025: int, draft_2026: int
) -> None:
    async with serve() as old, serve(DRAFT) as new:
        assert (await post(old, content, accept=accept)).status_code == audit_2025
        assert (await post(new, content, accept=accept)).status_code == draft_2026


async def test_a_null_data_entry_beside_errors_is_an_execution(served: Served) -> None:
    response = await post(served, NOTHING_LEFT, accept=RESPONSE)

    assert (response.status_code, response.json()["data"]) == (200, None)


async def test_the_draft_keeps_plain_json_for_successes(serve: Serve) -> None:
    async with serve(DRAFT) as served:
        success = await post(served, PARTIAL, accept=JSON)
        failure = await post(served, INVALID, accept=JSON)

    assert success.headers["content-type"] == f"{JSON}; charset=utf-8"
    assert failure.headers["content-type"] == f"{RESPONSE}; charset=utf-8"


@pytest.mark.parametrize(
    ("outcome", "audit_2025", "draft_2026"),
    [
        (Outcome.RATE_LIMITED, 429, 429),
        (Outcome.TIMED_OUT, 504, 504),
        (Outcome.FAILED, 500, 500),
        (Outcome.NOT_A_QUERY, 405, 405),
    ],
)
@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_other_outcomes_have_one_status_for_every_client(
    serve: Serve, outcome: Outcome, audit_2025: int, draft_2026: int, accept: str
) -> None:
    tiny = Tiny(answer=Answer(b'{"errors":[]}', outcome))
    async with serve(tiny=tiny) as old, serve(DRAFT, tiny) as new:
        assert (await post(old, EXECUTED, accept=accept)).status_code == audit_2025
        assert (await post(new, EXECUTED, accept=accept)).status_code == draft_2026


async def test_who_must_wait_is_told_how_long(serve: Serve) -> None:
    tiny = Tiny(answer=Answer(b'{"errors":[]}', Outcome.RATE_LIMITED, retry_after_s=30))
    async with serve(tiny=tiny) as served:
        response = await post(served, EXECUTED)

    assert (response.status_code, response.headers["retry-after"]) == (429, "30")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "The request body is not JSON in UTF-8. Send one JSON object."),
        (b'{"query": "\xff"}', "The request body is not JSON in UTF-8. Send one JSON object."),
        (b"\xef\xbb\xbf" + EXECUTED.encode(), "The request body is not JSON in UTF-8. Send one JSON object."),
        (f"[{EXECUTED}]", "Batches are not taken here. Send one request at a time."),
        ('"{ hello }"', "The request must be one JSON object with a `query`."),
        ("{}", "There is no `query`. Send the GraphQL document in the `query` parameter."),
        ('{"query": null}', "There is no `query`. Send the GraphQL document in the `query` parameter."),
        ('{"query": 1}', "`query` must be a string."),
        ('{"query": "{ hello }", "operationName": []}', "`operationName` must be a string or null."),
        ('{"query": "{ hello }", "variables": "x"}', "`variables` must be a JSON object or null."),
        ('{"query": "{ hello }", "extensions": false}', "`extensions` must be a JSON object or null."),
    ],
)
async def test_a_malformed_body_is_told_what_to_mend(
    served: Served, content: str | bytes, words: str
) -> None:
    response = await post(served, content)

    assert response.status_code == 400
    assert response.json() == {
        "errors": [{"message": words, "extensions": {"code": "BAD_USER_INPUT", "retryable": False}}]
    }
    assert served.tiny.asked == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('{"query": "{ hello }", "variables": {"a": ' + "[" * 100_000, id="deep, cut off"),
        pytest.param(
            '{"query": "{ hello }", "variables": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}}", id="deep"
        ),
    ],
)
async def test_nesting_without_end_is_refused(served: Served, content: str) -> None:
    response = await post(served, content)

    assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")


async def test_a_persisted_query_needs_no_document(serve: Serve) -> None:
    tiny = Tiny(answer=Answer(b'{"data":{}}'))
    async with serve(tiny=tiny) as served:
        response = await post(served, '{"extensions": {"persistedQuery": {"sha256Hash": "ab"}}}')

    assert response.status_code == 200
    assert tiny.asked[0].query is None
    assert tiny.asked[0].extensions == {"persistedQuery": {"sha256Hash": "ab"}}


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "application/json; charset=latin-1",
        "application/jsonp",
    ],
)
async def test_only_json_in_utf_8_is_read(served: Served, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    async with httpx.AsyncClient() as client:
        response = await client.post(served.url, content=EXECUTED, headers=headers)

    assert (response.status_code, code(response)) == (415, "BAD_USER_INPUT")
    assert served.tiny.authorizations == []


@pytest.mark.parametrize(
    "content_type", [JSON, "APPLICATION/JSON;charset=UTF-8", 'application/json; charset="utf-8"']
)
async def test_json_may_be_named_in_every_way_that_is_json(served: Served, content_type: str) -> None:
    assert (await post(served, EXECUTED, content_type=content_type)).status_code == 200


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "application/json;charset=latin-1", ""]
)
async def test_a_client_that_accepts_nothing_of_ours_is_told_so(served: Served, accept: str) -> None:
    response = await post(served, EXECUTED, accept=accept)

    assert (response.status_code, code(response)) == (406, "BAD_USER_INPUT")
    assert served.tiny.asked == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
async def test_other_methods_are_refused_with_those_that_are_not(served: Served, method: str) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.request(method, served.url)

    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST, OPTIONS")


async def test_a_get_runs_a_query(served: Served) -> None:
    response = await get(
        served,
        {
            "query": "query Q($t: String!) { echo(text: $t) }",
            "variables": '{"t": "é+&"}',
            "operationName": "Q",
        },
    )

    assert (response.status_code, response.json()) == (200, {"data": {"echo": "é+&"}})


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_a_get_never_runs_a_mutation(served: Served, accept: str) -> None:
    response = await get(served, {"query": "mutation { bump }"}, accept=accept)

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert served.tiny.bumps == 0


@pytest.mark.parametrize(
    ("query_string", "words"),
    [
        ("", "There is no `query`. Send the GraphQL document in the `query` parameter."),
        ("query=%FF", "The query string cannot be read. Percent-encode UTF-8 and give each parameter once."),
        (
            "query={hello}&query={slow}",
            "The query string cannot be read. Percent-encode UTF-8 and give each parameter once.",
        ),
        ("query={hello}&variables=[1]", "`variables` must be a JSON object or null."),
        ("query={hello}&variables={", "`variables` must be a JSON object or null."),
        ("query={hello}&extensions=1", "`extensions` must be a JSON object or null."),
    ],
)
async def test_a_malformed_query_string_is_told_what_to_mend(
    served: Served, query_string: str, words: str
) -> None:
    status, body = await raw(served, f"GET /graphql?{query_string} HTTP/1.1\r\nhost: x\r\n\r\n".encode())

    assert status == 400
    assert words in body.decode()
    assert served.tiny.asked == []


@pytest.mark.parametrize(
    "blank", ["variables=", "variables=null", "operationName=", "extensions=", "other=1"]
)
async def test_a_blank_or_unknown_parameter_is_no_parameter(served: Served, blank: str) -> None:
    status, body = await raw(
        served, f"GET /graphql?query={{hello}}&{blank} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
    )

    assert (status, body) == (200, b'{"data":{"hello":"world"}}')


@pytest.mark.parametrize("authorization", ["Bearer bad", "Basic Zm9v", ""])
async def test_a_caller_without_identity_is_challenged_before_the_body_is_read(
    served: Served, authorization: str
) -> None:
    # The body is announced and never comes: whoever waited for it would not answer.
    request = (
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"authorization: {authorization}\r\ncontent-length: 100\r\n\r\n"
    )
    status, body = await raw(served, request.encode())

    assert status == 401
    assert b'{"message":"Sign in again.","extensions":{"code":"UNAUTHENTICATED","retryable":false}}' in body


async def test_the_challenge_is_the_services(served: Served) -> None:
    response = await post(served, "not JSON", authorization="Bearer bad")

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="tiny", error="invalid_token"'


async def test_two_tokens_are_no_token(served: Served) -> None:
    status, _ = await raw(
        served,
        POST + b"content-length: 22\r\n"
        b'authorization: Bearer good\r\nauthorization: Bearer bad\r\n\r\n{ "query": "{hello}" }',
    )

    assert status == 400
    assert served.tiny.authorizations == []


async def test_an_accept_header_in_two_parts_is_one_list(served: Served) -> None:
    response = await served_twice(served)

    assert response.headers["content-type"] == f"{RESPONSE}; charset=utf-8"


async def served_twice(served: Served) -> httpx.Response:
    headers = [("content-type", JSON), ("accept", "text/html"), ("accept", RESPONSE)]
    async with httpx.AsyncClient() as client:
        request = client.build_request("POST", served.url, content=EXECUTED)
        request.headers = httpx.Headers([("host", "x"), ("content-length", str(len(EXECUTED))), *headers])
        return await client.send(request)


async def test_when_identity_cannot_be_told_the_client_may_try_again(served: Served) -> None:
    response = await post(served, EXECUTED, authorization="Bearer later")

    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    assert code(response) == "SOURCE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("content", "authorization"), [('{"query": "{ fault }"}', "Bearer good"), (EXECUTED, "Bearer broken")]
)
async def test_a_fault_of_ours_tells_nothing_of_itself(
    served: Served, caplog: pytest.LogCaptureFixture, content: str, authorization: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = await post(served, content, authorization=authorization)

    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert SECRET not in response.text + caplog.text
    [record] = [record for record in caplog.records if record.name == "gateway.transport.http"]
    assert (record.getMessage(), vars(record)["error"]) == ("request failed", "RuntimeError")
    assert str(vars(record)["at"]).startswith("tiny:")


async def test_a_body_as_large_as_allowed_is_read(serve: Serve) -> None:
    async with serve(TransportSettings(max_body_bytes=len(EXECUTED))) as served:
        assert (await post(served, EXECUTED)).status_code == 200
        assert (await post(served, EXECUTED + " ")).status_code == 413


async def test_a_body_announced_too_large_is_refused_before_it_comes(served: Served) -> None:
    status, body = await raw(
        served,
        POST + b"content-length: 1048577\r\nexpect: 100-continue\r\n\r\n",
    )

    assert status == 413
    assert b"BAD_USER_INPUT" in body


async def test_a_stream_that_grows_too_large_is_refused_while_it_comes(served: Served) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = POST + b"transfer-encoding: chunked\r\n\r\n"
    status, _ = await raw(served, head + chunk * 17)  # and no end

    assert status == 413
    assert served.tiny.asked == []


async def test_a_body_in_small_pieces_is_put_together(served: Served) -> None:
    async def pieces() -> Any:
        for character in EXECUTED:
            yield character.encode()
            await asyncio.sleep(0)

    async with httpx.AsyncClient() as client:
        response = await client.post(served.url, content=pieces(), headers={"content-type": JSON})

    assert response.json() == {"data": {"hello": "world"}}


async def test_a_body_that_does_not_come_is_not_waited_for(serve: Serve) -> None:
    async with serve(TransportSettings(body_timeout_s=0.05)) as served:
        status, body = await raw(
            served,
            POST + b"content-length: 9\r\n\r\n{",
        )

    assert status == 408
    assert b"BAD_USER_INPUT" in body


async def test_a_query_string_too_long_for_us_is_refused(serve: Serve) -> None:
    async with serve(TransportSettings(max_body_bytes=100)) as served:
        response = await get(served, {"query": "{ hello }" + " " * 100})

    assert (response.status_code, code(response)) == (414, "BAD_USER_INPUT")


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize(
    "request_line",
    [
        POST + b'content-length: 21\r\n\r\n{"query": "{ slow }"}',
        b"GET /graphql?query={slow} HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["POST", "GET"],
)
async def test_a_client_that_leaves_ends_its_execution(
    serve: Serve, request_line: bytes, swallows: bool
) -> None:
    async with serve(tiny=Tiny(swallows_cancellation=swallows)) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request_line)
        await happens(served.tiny.running)
        writer.close()

        await happens(served.tiny.stopped)
        await until(lambda: served.counts.statuses)

    assert served.counts.statuses == {499: 1}


async def test_a_client_that_leaves_after_a_late_body_ends_its_execution(serve: Serve) -> None:
    async with serve(TransportSettings(watch_after_s=0.001)) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(POST + b"content-length: 21\r\n\r\n")
        await until(lambda: served.tiny.authorizations)
        await asyncio.sleep(0.02)  # so that the body is late, whatever else the machine does
        writer.write(b'{"query": "{ slow }"}')
        await happens(served.tiny.running)
        writer.close()

        await happens(served.tiny.stopped)
        await until(lambda: served.counts.statuses)
    assert served.counts.statuses == {499: 1}


async def test_a_client_that_leaves_while_it_sends_is_counted(served: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(POST + b"content-length: 9\r\n\r\n{")
    await until(lambda: served.tiny.authorizations)
    writer.close()
    await until(lambda: served.counts.statuses)

    assert served.counts.statuses == {499: 1}
    assert served.tiny.asked == []


async def test_an_answered_request_is_watched_no_more() -> None:
    received = 0

    async def receive() -> Message:
        nonlocal received
        received += 1
        return {"type": "http.request", "body": EXECUTED.encode(), "more_body": False}

    async with Attendance(receive, Alarms(), watch_after_s=0.001, body_timeout_s=1) as client:
        await client.body(100)
    await asyncio.sleep(0.01)

    assert received == 1


async def test_the_task_of_a_client_that_left_can_go_on() -> None:
    messages: list[Message] = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return messages.pop(0)

    async def attended() -> None:
        async with Attendance(receive, Alarms(), watch_after_s=0.001, body_timeout_s=1) as client:
            await client.body(100)
            await asyncio.Event().wait()

    with pytest.raises(Gone):
        await attended()

    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"accept": "*/*", "user-agent": "node", "sec-fetch-mode": "cors"},
        {"user-agent": "Mozilla/5.0", "sec-fetch-site": "same-origin"},
        {"user-agent": "Mozilla/5.0", "sec-fetch-site": "cross-site", "graphql-require-preflight": "1"},
        {"user-agent": "Mozilla/5.0", "origin": "https://a.example", "apollo-require-preflight": "1"},
        {"user-agent": "Mozilla/5.0", "referer": "https://a.example/", "x-apollo-operation-name": "Q"},
        {"user-agent": "Mozilla/5.0", "sec-fetch-site": "cross-site", "content-type": "application/json"},
        {"user-agent": "Mozilla/5.0", "sec-fetch-site": "cross-site", "authorization": "Bearer good"},
    ],
)
async def test_a_get_that_no_foreign_page_could_send_is_run(served: Served, headers: dict[str, str]) -> None:
    response = await get(served, {"query": "{ hello }"}, **headers)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": "Mozilla/5.0"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://a.example"},
        {"referer": "https://a.example/"},
        {"cookie": "a=b"},
        {"user-agent": "Mozilla/5.0", "content-type": "text/plain; x=application/json"},
        {"user-agent": "Mozilla/5.0", "authorization": "Basic Zm9v"},
    ],
)
async def test_a_get_that_a_foreign_page_could_send_is_refused(
    served: Served, headers: dict[str, str]
) -> None:
    response = await get(served, {"query": "{ hello }"}, **headers)

    assert (response.status_code, code(response)) == (400, "BAD_USER_INPUT")
    assert "GraphQL-Require-Preflight" in response.text
    assert served.tiny.asked == []


APP = "https://app.example.org"


async def test_a_page_of_an_allowed_origin_may_call_and_read(serve: Serve) -> None:
    async with serve(TransportSettings(origins=frozenset({APP}))) as served, httpx.AsyncClient() as client:
        asks = {"origin": APP, "access-control-request-method": "POST"}
        preflight = await client.options(served.url, headers=asks)
        response = await post(served, EXECUTED, origin=APP)

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == APP
    assert preflight.headers["access-control-allow-methods"] == "GET, POST"
    assert {"authorization", "content-type", "x-purpose-of-use", "traceparent"} <= set(
        preflight.headers["access-control-allow-headers"].split(", ")
    )
    assert response.headers["access-control-allow-origin"] == APP
    assert response.headers["access-control-expose-headers"] == "retry-after, www-authenticate"
    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in {*preflight.headers, *response.headers}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://app.example.org.evil.example", "*"]
)
@pytest.mark.parametrize("origins", [frozenset({APP}), frozenset[str]()])
async def test_a_page_of_another_origin_may_not_read(
    serve: Serve, origin: str, origins: frozenset[str]
) -> None:
    async with serve(TransportSettings(origins=origins)) as served, httpx.AsyncClient() as client:
        asks = {"origin": origin, "access-control-request-method": "POST"}
        preflight = await client.options(served.url, headers=asks)
        response = await post(served, EXECUTED, origin=origin)

    assert not [name for name in (*preflight.headers, *response.headers) if name.startswith("access-control")]


async def test_a_refusal_can_be_read_by_an_allowed_page(serve: Serve) -> None:
    async with serve(TransportSettings(origins=frozenset({APP}))) as served:
        response = await post(served, EXECUTED, origin=APP, authorization="Bearer bad")

    assert (response.status_code, response.headers["access-control-allow-origin"]) == (401, APP)


async def test_options_without_a_question_tells_the_methods(served: Served) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.options(served.url)

    assert (response.status_code, response.headers["allow"]) == (204, "GET, POST, OPTIONS")
