"""Owns what a transport is: the narrow protocol of an HTTP client, and the ways it fails."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple, Protocol


class Request(NamedTuple):
    """One HTTP request, ready to be sent; `url` is absolute."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Reply(NamedTuple):
    """One whole HTTP answer; the names in `headers` match in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes | memoryview


class Fault(Enum):
    """Why no whole answer came. The value is what an error says of it."""

    BROKEN = "no connection could be made, or it broke before the answer was whole"
    SLOW = "no answer came in time"
    TOO_BIG = "the answer is bigger than is read from a source"
    UNTRUSTED = "its TLS certificate is of no authority we trust, not valid now, or for another host"
    UNREADABLE = "the answer is not HTTP that can be read"


class TransportFault(Exception):
    """The exchange failed as *fault* says. It carries nothing of the request or of the client's own words."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Transport(Protocol):
    """An HTTP client: pooled, without redirects, without cookies, without the environment's proxies."""

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The whole answer to *request*.

        Raises:
            TransportFault: no whole answer came within *timeout_s*.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
