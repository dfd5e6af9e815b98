"""Owns access tokens: had from a token endpoint, kept until they almost expire, renewed by one at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeAlias
from urllib.parse import urlencode

import msgspec

from sources.calling.answers import Nonconforming, Reader
from sources.calling.failures import error_of
from sources.calling.tls import SYSTEM, Tls
from sources.calling.transport import Request, Transport, TransportFault
from sources.calling.wreq_transport import WreqTransport
from sources.errors import SourceMisread, SourceRejected

_MAX_BYTES = 1 << 20
_TIMEOUT_S = 10.0
"""The longest a token request may take if nothing else bounds it; a call's deadline does."""

_REFUSED = "its authorization server refuses our client; check the client id, its secret or key, the scope"
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Token(msgspec.Struct, frozen=True):
    """What a token endpoint answers (RFC 6749, 5.1); unknown fields are ignored, as it asks."""

    access_token: Annotated[str, msgspec.Meta(pattern=r"\A[\x21-\x7e]+\Z")]
    token_type: Annotated[str, msgspec.Meta(pattern=r"\A[Bb][Ee][Aa][Rr][Ee][Rr]\Z")]
    expires_in: float | None = None
    scope: str | None = None


_TOKEN = Reader[Token](Token, "token response")


Grant: TypeAlias = Callable[[Transport], Awaitable[Request]]
"""How one kind of client asks for a token: the request to send to the token endpoint."""


class TokenClient:
    """An authorizer with the tokens that *grant* asks for.

    A token is renewed when a tenth of its life, at most a minute, is left; one without `expires_in` is used
    until the source refuses it. *scope* is what is asked for, and what an answer that names none grants
    (RFC 6749, 5.1). *examine* may refuse an answer, by raising `Nonconforming`, for what a vendor
    adds to it.
    """

    def __init__(
        self,
        source: str,
        grant: Grant,
        transport: Transport | None = None,
        examine: Callable[[bytes], None] | None = None,
        tls: Tls = SYSTEM,
        scope: str | None = None,
    ) -> None:
        self._source = source
        self._scope = scope
        self._granted: str | None = None
        self._grant = grant
        self._examine = examine
        self._transport = transport or WreqTransport(_MAX_BYTES, tls)
        self._clock = time.monotonic
        self._renewing = asyncio.Lock()
        self._authorization: str | None = None
        self._renew_at = 0.0

    async def authorization(self) -> str:
        """The header's value.

        Raises:
            SourceError: the token endpoint gave none.
        """
        if self._authorization is not None and self._clock() < self._renew_at:
            return self._authorization
        async with self._renewing:
            # Another caller may have renewed it while this one waited.
            if self._authorization is None or self._clock() >= self._renew_at:
                await self._renew()
        return self._authorization or ""

    def refused(self, authorization: str) -> bool:
        """Forget the token, unless it has been renewed since."""
        if authorization == self._authorization:
            self._authorization = None
        return True

    def granted(self) -> str | None:
        """The scopes of the token in use."""
        return self._granted

    async def close(self) -> None:
        """Let go of every connection."""
        await self._transport.close()

    async def _renew(self) -> None:
        token = await self._token()
        life_s = token.expires_in if token.expires_in is not None else float("inf")
        self._renew_at = self._clock() + life_s - min(60.0, life_s / 10)
        self._authorization = f"Bearer {token.access_token}"
        self._granted = token.scope if token.scope is not None else self._scope

    async def _token(self) -> Token:
        request = await self._grant(self._transport)
        body = await fetched(self._source, self._transport, request)
        try:
            if self._examine is not None:
                self._examine(body)
            return _TOKEN.read(body)
        except Nonconforming as error:
            raise SourceMisread(self._source, str(error)) from None


async def fetched(source: str, transport: Transport, request: Request) -> bytes:
    """The body of the answer to *request* of an authorization server.

    Raises:
        SourceError: there was none; its words name the authorization server, not the source's data.
    """
    try:
        reply = await transport.send(request, _TIMEOUT_S)
    except TransportFault as fault:
        error = error_of(source, fault.fault)
        raise type(error)(source, f"its authorization server: {error.why}") from None
    if reply.status in (400, 401, 403):
        raise SourceRejected(source, f"{_REFUSED} (HTTP {reply.status})")
    if reply.status >= 300:
        error = error_of(source, reply)
        raise type(error)(source, f"its authorization server: {error.why}")
    return bytes(reply.body)


def form_request(url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
    """A POST of *form* to an authorization server."""
    return Request("POST", url, {**_FORM, **(headers or {})}, urlencode(form).encode())
