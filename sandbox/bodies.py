"""Owns message bodies: the forms and JSON the stand-ins read, the JSON they write."""

import re
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T")

FORM = "application/x-www-form-urlencoded"

_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_WHERE = re.compile(r" - at `\$\.([A-Za-z_]+)")


class Unreadable(ValueError):
    """A body or parameter is not what the interface takes; `field` names the one at fault, if one is."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Answer(Response):
    """An answer in JSON."""

    media_type: str | None = "application/json"

    def render(self, content: object) -> bytes:
        return msgspec.json.encode(content)


def decoded(body: bytes, into: type[T]) -> T:
    """*body* as one *into*.

    Raises:
        Unreadable: not JSON, an unknown field, or a value of the wrong type.
    """
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.DecodeError as fault:
        raise _unreadable(fault) from None


def converted(parameters: dict[str, str], into: type[T]) -> T:
    """Query parameters, all text on the wire, as one *into*.

    Raises:
        Unreadable: an unknown parameter, or a value of the wrong type.
    """
    try:
        return msgspec.convert(parameters, into, strict=False)
    except msgspec.ValidationError as fault:
        raise _unreadable(fault) from None


async def form(request: Request) -> dict[str, str]:
    """The fields of a URL-encoded form; RFC 6749 section 3.2 forbids to send one twice.

    Raises:
        Unreadable: another content type, not UTF-8, or a field sent twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Unreadable(f"send the request as {FORM}")
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    except ValueError:
        raise Unreadable("the form is not UTF-8") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unreadable("a field of the form is sent twice; send each once")
    return fields


def _unreadable(fault: msgspec.DecodeError) -> Unreadable:
    text = str(fault)
    found = next((match for p in (_UNKNOWN, _MISSING, _WHERE) if (match := p.search(text))), None)
    return Unreadable(text, found[1] if found else None)
