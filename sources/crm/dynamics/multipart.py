"""Owns `$batch`: several requests in one body, several answers in one. Strict, and bounded. Pure.

RFC 2046, 5.1; https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sources.calling import Nonconforming

BOUNDARY = "batch_caregraph"
"""Stands nowhere else in what we send: our requests hold keys and names of columns alone."""

_TYPE = re.compile(
    r"multipart/mixed;\s*boundary=(?P<quote>\"?)(?P<boundary>[A-Za-z0-9'()+_,./:=?-]{1,70})(?P=quote)\s*",
    re.IGNORECASE,
)
_PART_TYPE = re.compile(
    rb"(?:^|\r\n)content-type:[ \t]*application/http[ \t]*(?:;[^\r\n]*)?(?:\r\n|$)", re.IGNORECASE
)
_STATUS = re.compile(rb"HTTP/1\.1 (?P<status>[1-5][0-9]{2})(?: [^\r\n]*)?(?:\r\n|$)")
_LONGEST_HEAD = 8_192


class Part(NamedTuple):
    """One answer of a batch."""

    status: int
    body: bytes


def written(targets: Iterable[str], headers: Mapping[str, str]) -> bytes:
    """The body of a batch of GET requests, each with *headers*."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    part = f"--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    requests = (f"{part}GET {target} HTTP/1.1\r\n{head}\r\n\r\n" for target in targets)
    return f"{''.join(requests)}--{BOUNDARY}--\r\n".encode()


def parts(content_type: str, body: bytes, count: int) -> list[Part]:
    """The answers in *body*, of which there must be *count*, in the order of the requests.

    Raises:
        Nonconforming: it is no such batch.
    """
    match = _TYPE.fullmatch(content_type)
    if match is None:
        raise Nonconforming("batch: not multipart/mixed with a boundary")
    delimiter = b"\r\n--" + match["boundary"].encode()
    # What stands before the first boundary and after the last one is to be ignored.
    pieces = (b"\r\n" + body).split(delimiter)
    if not pieces[-1].startswith(b"--") or pieces[-1][2:].strip():
        raise Nonconforming("batch: it is not whole")
    if len(pieces) != count + 2:
        raise Nonconforming("batch: not as many answers as requests")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    padding, _, whole = piece.partition(b"\r\n")
    if padding.strip(b" \t"):
        raise Nonconforming("batch: a boundary with more on its line")
    head, inner = _parted(whole)
    if _PART_TYPE.search(head) is None:
        raise Nonconforming("batch: a part that is not application/http")
    answer, body = _parted(inner)
    status = _STATUS.match(answer)
    if status is None:
        raise Nonconforming("batch: a part without a status line")
    return Part(int(status["status"]), body)


def _parted(text: bytes) -> tuple[bytes, bytes]:
    """Head and body, at the first empty line; the head may not go on for long."""
    end = text.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        raise Nonconforming("batch: a part without a head, or with one too long")
    return text[:end], text[end + 4 :]
