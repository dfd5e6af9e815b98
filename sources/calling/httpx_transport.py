"""Owns the other transport: httpx, dearer in CPU time, but an exchange ends when its task is cancelled."""

from __future__ import annotations

import httpx

from sources.calling.tls import SYSTEM, Tls
from sources.calling.transport import Fault, Reply, Request, TransportFault

_FAULTS: tuple[tuple[type[Exception], Fault], ...] = (
    (httpx.TimeoutException, Fault.SLOW),
    (httpx.TransportError, Fault.BROKEN),
    (httpx.DecodingError, Fault.UNREADABLE),
    (httpx.InvalidURL, Fault.UNREADABLE),
)
"""What each of the client's errors means; the first that fits counts."""


class HttpxTransport:
    """Keeps its connections open between calls; reads at most *max_bytes* of an answer."""

    def __init__(self, max_bytes: int = 64 << 20, tls: Tls = SYSTEM) -> None:
        self._max_bytes = max_bytes
        headers = {"Accept-Encoding": "identity"}
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, headers=headers, verify=tls.context()
        )

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The whole answer; see `Transport.send`."""
        try:
            async with self._client.stream(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.body,
                timeout=timeout_s,
            ) as response:
                return Reply(response.status_code, response.headers, await self._body(response))
        except tuple(kind for kind, _ in _FAULTS) as error:
            raise TransportFault(_fault(error)) from None

    async def _body(self, response: httpx.Response) -> bytes:
        parts: list[bytes] = []
        room = self._max_bytes
        async for part in response.aiter_bytes():
            room -= len(part)
            if room < 0:
                raise TransportFault(Fault.TOO_BIG)
            parts.append(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()


def _fault(error: Exception) -> Fault:
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Fault.UNTRUSTED
    return next(fault for kind, fault in _FAULTS if isinstance(error, kind))
