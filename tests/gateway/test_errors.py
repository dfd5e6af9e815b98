"""What a failure is called, and that its own words go nowhere."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from graphql import GraphQLError, parse_value
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from gateway.errors import (
    CODES,
    Code,
    Denied,
    ErrorBoundary,
    Fault,
    Overdue,
    RequestError,
    code_of,
    place,
    report,
    shown,
)
from gateway.identity import IdentityUnavailable, Refusal, Unauthenticated
from gateway.telemetry.logs import JsonLines
from resolvers.faults import BadInput
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable

unhurried = settings(deadline=None)  # a busy machine fails no property

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_the_codes_are_the_closed_set_and_no_two_have_the_same_words() -> None:
    names = """
        UNAUTHENTICATED FORBIDDEN BAD_USER_INPUT GRAPHQL_PARSE_FAILED GRAPHQL_VALIDATION_FAILED
        PERSISTED_QUERY_NOT_FOUND PERSISTED_QUERY_HASH_MISMATCH QUERY_NOT_IN_SAFELIST
        COST_ESTIMATED_TOO_EXPENSIVE MAX_DEPTH_LIMIT MAX_ALIASES_LIMIT REQUEST_RATE_LIMITED
        SOURCE_UNAVAILABLE SOURCE_TIMEOUT SOURCE_REJECTED SOURCE_MISREAD CONFLICT GATEWAY_TIMEOUT INTERNAL
    """
    assert list(Code.__members__) == names.split()
    assert len(list(Code)) == len(Code.__members__)


def test_every_code_has_a_heading_in_the_documentation_that_says_what_to_do() -> None:
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]

    assert [section.split("\n")[0] for section in sections] == [code.name for code in Code]
    assert all("\n*Do:* " in section for section in sections)


@pytest.mark.parametrize(
    ("failure", "extensions"),
    [
        (SourceUnavailable("pms", "503"), {"code": "SOURCE_UNAVAILABLE", "source": "pms", "retryable": True}),
        (SourceTimeout("ehr", "2 s"), {"code": "SOURCE_TIMEOUT", "source": "ehr", "retryable": True}),
        (SourceRejected("crm", "401"), {"code": "SOURCE_REJECTED", "source": "crm", "retryable": False}),
        (SourceMisread("pms", "status"), {"code": "SOURCE_MISREAD", "source": "pms", "retryable": False}),
        (IdentityUnavailable("x"), {"code": "SOURCE_UNAVAILABLE", "source": "identity", "retryable": True}),
        (Unauthenticated(Refusal.EXPIRED), {"code": "UNAUTHENTICATED", "retryable": False}),
        (BadInput("`first` must be between 0 and 100"), {"code": "BAD_USER_INPUT", "retryable": False}),
        (Overdue(), {"code": "GATEWAY_TIMEOUT", "retryable": True}),
        (ValueError("Jane Doe"), {"code": "INTERNAL", "retryable": False}),
        (SourceError("ehr", "neither"), {"code": "INTERNAL", "source": "ehr", "retryable": False}),
        (
            Denied("Patient.birthDate", ["boundary.crm"], ["user/Patient.rs"]),
            {
                "code": "FORBIDDEN",
                "reasons": ["boundary.crm"],
                "missingScopes": ["user/Patient.rs"],
                "retryable": False,
            },
        ),
    ],
)
def test_a_failure_is_shown_by_its_code(failure: Exception, extensions: dict[str, Any]) -> None:
    assert shown(failure, path=["patient", 0, "name"], locations=[(2, 3)], trace_id="t1") == {
        "message": str(failure) if isinstance(failure, BadInput) else Code[extensions["code"]].value,
        "locations": [{"line": 2, "column": 3}],
        "path": ["patient", 0, "name"],
        "extensions": {**extensions, "traceId": "t1"},
    }


def test_a_subclass_has_the_code_of_its_nearest_listed_class() -> None:
    class Refused(SourceRejected):
        """One kind of refusal."""

    assert code_of(Refused("ehr", "403")) is Code.SOURCE_REJECTED


def test_a_failure_is_known_through_the_errors_that_graphql_wraps_around_it() -> None:
    inner = GraphQLError("a", original_error=SourceTimeout("pms", "2 s"))
    outer = GraphQLError("b", original_error=inner)

    assert shown(outer, trace_id="t1")["extensions"]["code"] == "SOURCE_TIMEOUT"


SILENT = [kind for kind in CODES if not issubclass(kind, BadInput)]


def test_an_argument_that_does_not_fit_is_the_clients_to_correct_and_a_value_of_ours_is_not() -> None:
    node = parse_value("$id")
    argument = GraphQLError("Argument 'id' of required type 'ID!' was provided the variable '$id'", node)
    value = GraphQLError("Int cannot represent non-integer value: 'Jane'")

    wrapped = [GraphQLError("x", node, original_error=cause) for cause in (argument, value)]

    assert [shown(error, trace_id="t1")["message"] for error in wrapped] == [
        "A value in the request cannot be used.",
        "Something went wrong on our side.",
    ]


@unhurried
@given(words=st.text(min_size=1), kind=st.sampled_from([ValueError, KeyError, *SILENT]))
def test_no_exceptions_own_words_are_shown(words: str, kind: type[Exception]) -> None:
    marked = f"«{words}»"
    failure = kind.__new__(kind)
    Exception.__init__(failure, marked)
    if isinstance(failure, Denied):
        failure.__init__("Patient.name")  # type: ignore[misc]
    if isinstance(failure, SourceError):
        failure.__init__("ehr", marked)  # type: ignore[misc]

    assert marked not in msgspec.json.encode(shown(failure, trace_id="t1")).decode()


def test_what_is_wrong_with_an_argument_is_said_in_words_of_ours() -> None:
    said = shown(BadInput("`first` must be between 0 and 500"), trace_id="t1")

    assert said["message"] == "`first` must be between 0 and 500"
    assert said["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_request_error_shows_its_faults_and_keeps_them_out_of_its_text() -> None:
    error = RequestError(Code.BAD_USER_INPUT, [Fault("`id` is not an id", ((1, 2),)), Fault("and more")])

    assert str(error) == "BAD_USER_INPUT"
    assert "not an id" not in repr(error)
    assert code_of(error) is Code.BAD_USER_INPUT
    extensions = {"code": "BAD_USER_INPUT", "retryable": False, "traceId": "t1"}
    assert error.shown("t1") == [
        {"message": "`id` is not an id", "locations": [{"line": 1, "column": 2}], "extensions": extensions},
        {"message": "and more", "extensions": extensions},
    ]


def test_a_request_error_without_faults_shows_the_words_of_its_code() -> None:
    (only,) = RequestError(Code.MAX_DEPTH_LIMIT).shown("t1")

    assert only["message"] == Code.MAX_DEPTH_LIMIT.value


def broken() -> None:
    raise ValueError("row for Jane Doe broke")


def failure_of_ours() -> ValueError:
    try:
        broken()
    except ValueError as error:
        return error
    raise AssertionError("it did not fail")


def test_a_fault_of_ours_is_logged_by_class_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    failure = failure_of_ours()
    with caplog.at_level(logging.INFO):
        report(GraphQLError("row for Jane Doe broke", original_error=failure), "t1")

    (record,) = caplog.records
    line = msgspec.json.decode(JsonLines().format(record))
    assert line["message"] == "internal error"
    assert (line["error"], line["trace_id"]) == ("ValueError", "t1")
    assert re.fullmatch(r"[\w.]*test_errors:broken:\d+", line["at"])
    assert "Jane" not in str(record.__dict__)


def test_what_is_not_our_fault_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report(SourceTimeout("pms", "2 s"), "t1")

    assert caplog.records == []


def test_a_failure_that_was_never_raised_has_no_place() -> None:
    assert place(None) == "nowhere"


class Raising:
    """An app that sends what it is told, then fails with a record's words."""

    def __init__(self, *before: Message) -> None:
        self.before = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self.before:
            await send(message)
        raise ValueError("row for Jane Doe broke")


@pytest.mark.anyio
async def test_what_escapes_everything_is_answered_in_fixed_words() -> None:
    transport = httpx.ASGITransport(app=ErrorBoundary(Raising()))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        response = await client.get("/graphql")

    assert response.status_code == 500
    (error,) = response.json()["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"]["code"] == "INTERNAL"
    assert re.fullmatch("[0-9a-f]{32}", error["extensions"]["traceId"])


@pytest.mark.anyio
async def test_an_answer_that_had_begun_is_cut_short_without_the_words() -> None:
    started = {"type": "http.response.start", "status": 200, "headers": []}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(Exception, match=r"^$") as caught:
        await ErrorBoundary(Raising(started))({"type": "http", "state": {"trace_id": "t"}}, receive, send)

    assert sent == [started]
    assert caught.value.__suppress_context__


@pytest.mark.anyio
async def test_a_web_socket_is_closed_in_fixed_words() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) > 1:
            raise RuntimeError("closed already")

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    boundary = ErrorBoundary(Raising())
    await boundary({"type": "websocket"}, receive, send)
    await boundary({"type": "websocket"}, receive, send)

    close = {"type": "websocket.close", "code": 4500, "reason": "Internal server error"}
    assert sent == [close, close]


@pytest.mark.anyio
async def test_a_start_that_fails_is_the_servers_to_know() -> None:
    async def nothing(*_: Any) -> Any:
        return None

    with pytest.raises(ValueError, match="Jane"):
        await ErrorBoundary(Raising())({"type": "lifespan"}, nothing, nothing)
