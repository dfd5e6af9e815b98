"""Owns `$batch`: the requests in a multipart body, and the answers to them in another. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from sandbox.crm.dynamics.refusals import malformed

MOST = 1_000
_BOUNDARY = re.compile(r'multipart/mixed;\s*boundary="?(?P<boundary>[^";\s]{1,70})"?', re.IGNORECASE)
_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/1\.1")
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 414: "URI Too Long", 429: "Too Many Requests"}


class Inner(NamedTuple):
    """One request of a batch."""

    method: str
    target: str
    prefer: str


def requests(content_type: str, body: bytes) -> list[Inner]:
    """The requests in *body*.

    Raises:
        Refused: it is no batch, holds a change set, or too many requests.
    """
    match = _BOUNDARY.fullmatch(content_type.strip())
    if match is None:
        raise malformed("The message does not have a multipart content type with a boundary.")
    text = body.decode(errors="replace").replace("\r\n", "\n")
    pieces = f"\n{text}".split(f"\n--{match['boundary']}")
    if len(pieces) < 3 or not pieces[-1].startswith("--"):
        raise malformed("The batch is not whole.")
    if len(pieces) - 2 > MOST:
        raise malformed(f"A batch can contain at most {MOST} operations.")
    return [_inner(piece) for piece in pieces[1:-1]]


def _inner(piece: str) -> Inner:
    head, _, rest = piece.lstrip("\n").partition("\n\n")
    if "application/http" not in head.lower():
        raise malformed("Each part of a batch must be application/http; change sets are not taken here.")
    first, _, lines = rest.lstrip("\n").partition("\n")
    match = _REQUEST.fullmatch(first.strip())
    if match is None:
        raise malformed("A part of the batch has no request line.")
    headers = {name.strip().lower(): value.strip() for name, _, value in map(_halves, lines.split("\n"))}
    return Inner(match["method"], match["target"], headers.get("prefer", ""))


def _halves(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def answered(
    asked: list[Inner], answer: Callable[[Inner], tuple[int, Any]], boundary: str, goes_on: bool
) -> bytes:
    """The answers in the order of the requests; the first refusal is the last answer unless it *goes on*."""
    parts = list(_parts(asked, answer, boundary, goes_on))
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _parts(
    asked: list[Inner], answer: Callable[[Inner], tuple[int, Any]], boundary: str, goes_on: bool
) -> Iterator[bytes]:
    head = f"--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    for one in asked:
        status, body = answer(one)
        lines = f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\n"
        kind = "Content-Type: application/json; odata.metadata=minimal\r\nOData-Version: 4.0\r\n\r\n"
        yield f"{head}{lines}{kind}".encode() + msgspec.json.encode(body) + b"\r\n"
        if status >= 400 and not goes_on:
            return
