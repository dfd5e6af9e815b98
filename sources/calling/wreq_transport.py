"""Owns the transport for data calls: wreq, as cheap by CPU time a call as any, and one that can hang up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from wreq import Client, Method, Response
from wreq.exceptions import (
    BodyError,
    BuilderError,
    ConnectionError,
    ConnectionResetError,
    DecodingError,
    RedirectError,
    RequestError,
    StatusError,
    TimeoutError,
    TlsError,
)
from wreq.header import HeaderMap
from wreq.redirect import Policy
from wreq.tls import TlsVersion

from sources.calling.tls import SYSTEM, Tls
from sources.calling.transport import Fault, Reply, Request, TransportFault

if TYPE_CHECKING:
    from wreq import ClientConfig  # only its stubs have it

_FAULTS: dict[type[Exception], Fault] = {
    TimeoutError: Fault.SLOW,
    ConnectionError: Fault.BROKEN,
    ConnectionResetError: Fault.BROKEN,
    BodyError: Fault.BROKEN,
    RequestError: Fault.BROKEN,
    TlsError: Fault.BROKEN,
    BuilderError: Fault.UNREADABLE,
    DecodingError: Fault.BROKEN,  # a body that ends before its length
    RedirectError: Fault.UNREADABLE,
    StatusError: Fault.UNREADABLE,
}
"""What each of the client's errors means."""

_METHODS = {"GET": Method.GET, "POST": Method.POST, "PATCH": Method.PATCH, "PUT": Method.PUT}


class WreqTransport:
    """Keeps its connections open between calls; reads at most *max_bytes* of an answer.

    A call whose task is cancelled hangs up on the source.
    """

    def __init__(self, max_bytes: int = 64 << 20, tls: Tls = SYSTEM) -> None:
        self._max_bytes = max_bytes
        self._client = Client(**_config(tls))

    async def send(self, request: Request, timeout_s: float) -> Reply:
        """The whole answer; see `Transport.send`."""
        try:
            response = await self._client.request(
                _METHODS[request.method],
                request.url,
                headers=request.headers,
                body=request.body or b"",
                timeout=timedelta(seconds=timeout_s),
            )
            length = response.content_length
            if length is not None and length > self._max_bytes:
                await response.close()
                raise TransportFault(Fault.TOO_BIG)
            body = await response.bytes() if length is not None else await self._unannounced(response)
            return Reply(response.status.as_int(), _Headers(response.headers), body)
        except tuple(_FAULTS) as error:
            raise TransportFault(_fault(error)) from None

    async def close(self) -> None:
        """Let go of every connection."""
        self._client.close()

    async def _unannounced(self, response: Response) -> bytes:
        """The body of an answer that does not say how long it is."""
        body = bytearray()
        async with response.stream() as chunks:
            async for chunk in chunks:
                if isinstance(chunk, memoryview):
                    body += chunk
                if len(body) > self._max_bytes:
                    raise TransportFault(Fault.TOO_BIG)
        return bytes(body)


def _config(tls: Tls) -> ClientConfig:
    config: ClientConfig = {
        "redirect": Policy.none(),
        "referer": False,
        "cookie_store": False,
        "no_proxy": True,
        "tls_min_version": TlsVersion.TLS_1_2,
        # Loopback and data-centre links are faster than decompression.
        "gzip": False,
        "brotli": False,
        "deflate": False,
        "zstd": False,
    }
    if (store := tls.store()) is not None:
        config["tls_verify"] = store
    if (identity := tls.identity()) is not None:
        config["tls_identity"] = identity
    return config


def _fault(error: Exception) -> Fault:
    # The one thing for which the client has no type of its own; its words are looked at and go no further.
    if isinstance(error, ConnectionError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Fault.UNTRUSTED
    return _FAULTS[type(error)]


class _Headers(Mapping[str, str]):
    """The headers of an answer, read when asked for: most never are."""

    def __init__(self, found: HeaderMap) -> None:
        self._found = found

    def __getitem__(self, name: str) -> str:
        value = self._found.get(name)
        if value is None:
            raise KeyError(name)
        return bytes(value).decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (bytes(name).decode("latin-1") for name in self._found.keys())  # noqa: SIM118 - it is no dict

    def __len__(self) -> int:
        return self._found.keys_len()
