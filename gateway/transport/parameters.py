"""The request parameters: from a body or a query string to one `Asked`, or to what the sender must mend."""

import urllib.parse
from typing import Any

import msgspec

from gateway.transport.refusals import Refusal, Refused
from gateway.transport.service import Asked

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_AT_MOST_PARAMETERS = 32

BREAK_GLASS = "breakGlass"
"""The extension that declares break-glass: its reason is free text, and belongs into no URL."""


class Parameters(msgspec.Struct, rename="camel"):
    """The well-formed request of GraphQL over HTTP; what else a client sends is passed over."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None

    def asked(self, purpose: str | None) -> Asked:
        """What is asked, if a document is there or is named; *purpose* was stated beside it.

        Raises:
            Refused: there is neither.
        """
        extensions = self.extensions or {}
        if self.query is None and "persistedQuery" not in extensions:
            raise Refused(Refusal.MISSING_QUERY)
        return Asked(self.query, self.operation_name, self.variables or {}, extensions, purpose)


_body = msgspec.json.Decoder(Parameters)
_anything = msgspec.json.Decoder()
_shapes: tuple[tuple[str, type, Refusal], ...] = (
    ("query", str, Refusal.WRONG_QUERY),
    ("operationName", str, Refusal.WRONG_OPERATION_NAME),
    ("variables", dict, Refusal.WRONG_VARIABLES),
    ("extensions", dict, Refusal.WRONG_EXTENSIONS),
)


def from_body(body: bytes, purpose: str | None) -> Asked:
    """What a POST asks, for the purpose its headers state.

    Raises:
        Refused: it is no JSON, no object, a parameter has the wrong type, or there is no document.
    """
    try:
        parameters = _body.decode(body)
    except _UNREADABLE:
        raise Refused(_fault(body)) from None
    return parameters.asked(purpose)


def from_query_string(query_string: bytes, purpose: str | None) -> Asked:
    """What a GET asks; `variables` and `extensions` are JSON in the URL. An empty parameter counts as absent.

    Raises:
        Refused: as `from_body`; or the URL is not percent-encoded UTF-8, or names a parameter twice.
    """
    try:
        pairs = urllib.parse.parse_qsl(
            query_string.decode(), errors="strict", max_num_fields=_AT_MOST_PARAMETERS
        )
    except ValueError:
        raise Refused(Refusal.MALFORMED_URL) from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise Refused(Refusal.MALFORMED_URL)
    extensions = _json_object(given.get("extensions"), Refusal.WRONG_EXTENSIONS)
    if extensions is not None and BREAK_GLASS in extensions:
        raise Refused(Refusal.BREAK_GLASS_IN_URL)
    return Parameters(
        given.get("query"),
        given.get("operationName"),
        _json_object(given.get("variables"), Refusal.WRONG_VARIABLES),
        extensions,
    ).asked(purpose)


def _json_object(text: str | None, wrong: Refusal) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = _anything.decode(text)
    except _UNREADABLE:
        raise Refused(wrong) from None
    if value is not None and not isinstance(value, dict):
        raise Refused(wrong)
    return value


def _fault(body: bytes) -> Refusal:
    """What is wrong with a body that is no `Parameters`; read again at leisure, for clear words."""
    try:
        value = _anything.decode(body)
    except _UNREADABLE:
        return Refusal.MALFORMED_JSON
    if isinstance(value, list):
        return Refusal.BATCH
    if not isinstance(value, dict):
        return Refusal.NOT_AN_OBJECT
    wrong = (
        refusal
        for name, shape, refusal in _shapes
        if value.get(name) is not None and not isinstance(value[name], shape)
    )
    return next(wrong, Refusal.MALFORMED_JSON)
