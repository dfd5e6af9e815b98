"""Media types, by table and for anything a client may send."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.transport.negotiation import MediaType, accepted, is_json

RESPONSE, JSON, EVENTS = MediaType.RESPONSE, MediaType.JSON, MediaType.EVENTS
RANGES = [
    "application/graphql-response+json",
    "application/json",
    "text/event-stream",
    "application/*",
    "text/*",
    "*/*",
    "text/html",
]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        (b"*/*", JSON),
        (b"application/*", JSON),
        (b"application/json", JSON),
        (b"application/graphql-response+json", RESPONSE),
        (b"APPLICATION/GraphQL-Response+JSON ; charset=UTF-8", RESPONSE),
        (b"application/json, application/graphql-response+json", RESPONSE),
        (b"application/graphql-response+json, application/json;q=0.9", RESPONSE),
        (b"application/graphql-response+json;q=0.9, application/json", JSON),
        (b"application/graphql-response+json, */*", RESPONSE),
        (b"application/json, */*", JSON),
        (b"application/graphql-response+json;q=0.5, */*", JSON),
        (b"*/*, application/json;q=0", RESPONSE),
        (b"*/*;q=0.1, application/json;q=0.05", RESPONSE),
        (b"text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (
            b"multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9",
            RESPONSE,
        ),
        (b"application/json;q=oops, application/graphql-response+json;q=0.1", RESPONSE),
        (b"application/json;q=1.001", None),
        (b"application/json;q=0.1234", None),
        (b"application/json;q=-1", None),
        (b"application/json;q=1e0", None),
        (b"application/json;charset=utf-16", None),
        (b"application/json;q=0, */*;q=0", None),
        (b"text/event-stream", EVENTS),
        (b"text/*", EVENTS),
        (b"text/event-stream, multipart/mixed", EVENTS),
        (b"text/event-stream, */*", EVENTS),
        (b"text/event-stream;q=0, */*;q=0.1", JSON),
        # As clients send with queries: they take either, and mean the plain answer.
        (
            b"application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
            RESPONSE,
        ),
        (b"application/json, text/event-stream", JSON),
        (b"application/json;q=0.9, text/event-stream", EVENTS),
        (b"application/json, text/event-stream;q=0.9", JSON),
        (b"text/event-stream;charset=utf-16", None),
        (b"\xff, ;;,", None),
        (b"", None),
    ],
)
def test_the_best_accepted_media_type_is_given(accept: bytes | None, media_type: MediaType | None) -> None:
    assert accepted(accept) is media_type


@given(st.binary(max_size=200))
@example(b"application/json;q=" + "\u0661".encode())
def test_no_accept_header_breaks_negotiation(accept: bytes) -> None:
    assert accepted(accept) in {RESPONSE, JSON, EVENTS, None}


@given(st.lists(st.tuples(st.sampled_from(RANGES), st.integers(0, 1000)), max_size=6))
def test_what_is_given_is_accepted_and_nothing_accepted_is_better(ranges: list[tuple[str, int]]) -> None:
    header = ", ".join(f"{name};q={weight / 1000:.3f}" for name, weight in ranges)

    def weight_of(media_type: str) -> int:
        """RFC 9110 section 12.5.1, plainly: the most exact range that matches says how much."""
        for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
            weights = [weight for named, weight in ranges if named == name]
            if weights:
                return max(weights)
        return 0

    weights = {RESPONSE: weight_of(RANGES[0]), JSON: weight_of(RANGES[1]), EVENTS: weight_of(RANGES[2])}
    chosen = accepted(header.encode())

    if chosen is None:
        assert set(weights.values()) == {0}
    else:
        assert weights[chosen] == max(weights.values()) > 0


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        (b"application/json", True),
        (b"application/json; charset=utf8", True),
        (b'Application/JSON; charset="UTF-8"', True),
        (b"application/json; charset=utf-16", False),
        (b"application/graphql", False),
        (b"text/plain, application/json", False),
        (b"\xff", False),
        (b"", False),
        (None, False),
    ],
)
def test_only_json_in_utf_8_is_json(content_type: bytes | None, readable: bool) -> None:
    assert is_json(content_type) is readable
