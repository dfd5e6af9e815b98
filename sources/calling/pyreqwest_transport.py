"""Owns the transport for data calls: pyreqwest, the cheapest real client by CPU time a call."""

from __future__ import annotations

from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.exceptions import (
    RequestError as ExchangeError,
)

from sources.calling.transport import Fault, Reply, Request, TransportFault

_FAULTS: tuple[tuple[type[PyreqwestError], Fault], ...] = (
    (RequestTimeoutError, Fault.SLOW),
    (ExchangeError, Fault.BROKEN),
    (PyreqwestError, Fault.UNREADABLE),
)
"""What each of the client's errors means; the first that fits counts."""


class PyreqwestTransport:
    """Keeps its connections open between calls; reads at most *max_bytes* of an answer.

    Its event loop is a thread of its own. A call whose task is cancelled frees the task at once; the exchange
    itself ends with its timeout at the latest, since the client has no way to abort one.
    """

    def __init__(self, max_bytes: int = 64 << 20) -> None:
        self._max_bytes = max_bytes
        self._client = _client()

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The whole answer; see `Transport.send`."""
        builder = self._client.request(request.method, request.url)
        builder = builder.headers(request.headers).timeout(timedelta(seconds=timeout_s))
        if request.body is not None:
            builder = builder.body_bytes(request.body)
        try:
            # Read whole: as a stream it costs twice the CPU. How much can come is bounded by the timeout.
            response = await builder.build().send()
            reply = Reply(response.status, response.headers, (await response.bytes()).to_bytes())
        except PyreqwestError as error:
            raise TransportFault(_fault(error)) from None
        if len(reply.body) > self._max_bytes:
            raise TransportFault(Fault.TOO_BIG)
        return reply

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.close()


def _client() -> Client:
    builder = ClientBuilder().follow_redirects(False).referer(False).no_proxy()
    # Loopback and data-centre links are faster than decompression; sources may still be asked for it later.
    return builder.gzip(False).brotli(False).zstd(False).deflate(False).build()


def _fault(error: PyreqwestError) -> Fault:
    return next(fault for kind, fault in _FAULTS if isinstance(error, kind))
