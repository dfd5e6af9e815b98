"""Request parameters for anything that may arrive: read as sent, or refused from the closed table."""

import json
import urllib.parse
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport.headers import by_name
from gateway.transport.messages import decoded
from gateway.transport.parameters import from_body, from_query_string
from gateway.transport.refusals import Refusal, Refused
from gateway.transport.service import Asked, Unauthenticated
from gateway.transport.settings import StatusProfile, TransportSettings

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(texts, values, max_size=4)
shapes = {"query": str, "operationName": str, "variables": dict, "extensions": dict}


def is_read_or_refused(read: Callable[[bytes, None], Asked], sent: bytes) -> bool:
    try:
        return isinstance(read(sent, None).variables, dict)
    except Refused as refused:
        return refused.refusal.status(StatusProfile.AUDIT_2025) == 400


@given(query=texts, name=st.none() | texts, variables=objects, extensions=objects)
def test_a_request_is_read_as_it_was_sent(
    query: str, name: str | None, variables: dict[str, Any], extensions: dict[str, Any]
) -> None:
    sent = {"query": query, "operationName": name, "variables": variables, "extensions": extensions}

    assert from_body(json.dumps(sent).encode(), None) == Asked(query, name, variables, extensions)


@given(query=texts.filter(bool), name=st.none() | texts.filter(bool), variables=objects, extensions=objects)
def test_a_url_is_read_as_it_was_sent(
    query: str, name: str | None, variables: dict[str, Any], extensions: dict[str, Any]
) -> None:
    sent = {"query": query, "variables": json.dumps(variables), "extensions": json.dumps(extensions)}
    named = {} if name is None else {"operationName": name}

    assert from_query_string(urllib.parse.urlencode({**sent, **named}).encode(), None) == Asked(
        query, name, variables, extensions
    )


@given(st.dictionaries(st.sampled_from([*shapes, "other"]), values))
def test_a_parameter_of_another_type_is_named(sent: dict[str, Any]) -> None:
    wrong = [
        name
        for name, shape in shapes.items()
        if sent.get(name) is not None and not isinstance(sent[name], shape)
    ]
    persisted = isinstance(sent.get("extensions"), dict) and "persistedQuery" in sent["extensions"]
    body = json.dumps(sent).encode()

    if wrong:
        with pytest.raises(Refused) as refused:
            from_body(body, None)
        assert f"`{wrong[0]}`" in refused.value.refusal.body.decode()
    elif sent.get("query") is None and not persisted:
        with pytest.raises(Refused) as refused:
            from_body(body, None)
        assert refused.value.refusal is Refusal.MISSING_QUERY
    else:
        assert from_body(body, None).query == sent.get("query")


@given(st.binary(max_size=100) | st.builds(lambda value: json.dumps(value).encode(), values))
def test_no_body_does_more_than_be_read_or_refused(body: bytes) -> None:
    assert is_read_or_refused(from_body, body)


@given(st.binary(max_size=100))
def test_no_query_string_does_more_than_be_read_or_refused(query_string: bytes) -> None:
    assert is_read_or_refused(from_query_string, query_string)


@given(st.text(max_size=60) | st.builds(json.dumps, values))
def test_no_text_is_a_message_of_another_protocol(text: str) -> None:
    message = decoded(text)

    assert message is None or json.loads(text)["type"] in {
        "connection_init",
        "ping",
        "pong",
        "subscribe",
        "complete",
    }


@pytest.mark.parametrize(
    "body",
    [b'{"query": "\\ud800"}', b'{"query": "{a}", "variables": {"n": 1e999}}', b'{"query": "{a}"} {}'],
    ids=["half a character", "a number too large", "more than one"],
)
def test_json_that_cannot_be_kept_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        from_body(body, None)

    assert refused.value.refusal is Refusal.MALFORMED_JSON


def test_more_parameters_than_there_can_be_are_not_read() -> None:
    with pytest.raises(Refused) as refused:
        from_query_string(b"&".join(b"p%d=1" % number for number in range(33)), None)

    assert refused.value.refusal is Refusal.MALFORMED_URL


@pytest.mark.parametrize("name", [b"authorization", b"content-type", b"host", b"origin", b"sec-fetch-site"])
def test_a_header_that_two_readers_could_read_differently_is_refused(name: bytes) -> None:
    with pytest.raises(Refused):
        by_name([(name, b"a"), (b"accept", b"b"), (name, b"a")])


def test_lists_in_parts_are_joined_in_order() -> None:
    assert by_name([(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")]) == {b"accept": b"a, b", b"x": b"1"}


@pytest.mark.parametrize("refusal", Refusal)
def test_each_refusal_is_a_response_without_data_and_with_the_next_step(refusal: Refusal) -> None:
    body = msgspec.json.decode(refusal.body)

    [error] = body.pop("errors")
    assert body == {}
    assert set(error["extensions"]) == {"code", "retryable"}
    assert error["message"].endswith(".")
    assert 400 <= refusal.status(StatusProfile.DRAFT_2026) <= 503


@pytest.mark.parametrize("challenge", ["Bearer\r\nset-cookie: a=b", "Bearer é", "Bearer \x00"])
def test_a_challenge_cannot_carry_a_second_header(challenge: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        Unauthenticated(challenge, "Sign in again.")


def test_all_faults_of_the_settings_are_told_at_once() -> None:
    origins = frozenset({"*", "https://a.example/", "HTTPS://a.example", "null", "https://good.example:8443"})
    with pytest.raises(ValueError, match="origin") as faults:
        TransportSettings(origins=origins, max_body_bytes=0, send_timeout_s=-1)

    told = str(faults.value)
    for fault in (
        "`*`",
        "`https://a.example/`",
        "`HTTPS://a.example`",
        "`null`",
        "`max_body_bytes`",
        "`send_timeout_s`",
    ):
        assert fault in told
    assert "good.example" not in told
