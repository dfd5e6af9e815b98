"""Owns who may call a stand-in and how often: OAuth client credentials, bearer tokens, request rates."""

import base64
import binascii
import hmac
import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Clock = Callable[[], float]


class ClientCredentials:
    """One client of an OAuth 2.0 server and its opaque tokens, held in memory (RFC 6749 section 4.4)."""

    def __init__(
        self, client_id: str, secret: str, *, lifetime_s: int = 3600, now: Clock = time.monotonic
    ) -> None:
        self.lifetime_s = lifetime_s
        self._pair = (client_id, secret)
        self._now = now
        self._expiries: dict[str, float] = {}

    def admits(self, form: Mapping[str, str], authorization: str | None) -> bool:
        """Whether the client has proved itself, by HTTP Basic or, failing that, in the form."""
        given = basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        return all(
            hmac.compare_digest(mine.encode(), theirs.encode())
            for mine, theirs in zip(self._pair, given, strict=True)
        )

    def issue(self) -> str:
        """A new token, good for `lifetime_s` seconds."""
        now = self._now()
        self._expiries = {token: expiry for token, expiry in self._expiries.items() if expiry > now}
        token = secrets.token_urlsafe(32)
        self._expiries[token] = now + self.lifetime_s
        return token

    def revoke(self) -> None:
        """End every session: the tokens given out so far are refused."""
        self._expiries.clear()

    def accepts(self, authorization: str | None) -> bool:
        """Whether an Authorization header carries a bearer token of ours that has not expired."""
        token = bearer(authorization)
        return token is not None and self._expiries.get(token, -math.inf) > self._now()


def bearer(authorization: str | None) -> str | None:
    """The token of a Bearer header (RFC 6750 section 2.1), or None."""
    kind, _, token = (authorization or "").partition(" ")
    return (token.strip() or None) if kind.lower() == "bearer" else None


def basic(authorization: str | None) -> tuple[str, str] | None:
    """Client id and secret of a Basic header, form-decoded as RFC 6749 section 2.3.1 says, or None."""
    kind, _, packed = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(packed.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(client_id), unquote_plus(secret)


@dataclass(frozen=True)
class Allowance:
    """What one more request found: the limit, what is left of it, and seconds to wait if nothing was."""

    limit: int
    remaining: int
    retry_after_s: int | None


class RateLimit:
    """Lets so many requests through in each window of `window_s` seconds."""

    def __init__(self, requests: int, window_s: float, now: Clock = time.monotonic) -> None:
        if requests < 1:
            raise ValueError("a rate limit lets at least one request through; give None for no limit")
        self._requests = requests
        self._window_s = window_s
        self._now = now
        self._opened = -math.inf
        self._taken = 0

    def take(self) -> Allowance:
        """Count one request; one that is turned away does not count."""
        now = self._now()
        if now - self._opened >= self._window_s:
            self._opened, self._taken = now, 0
        if self._taken >= self._requests:
            wait_s = math.ceil(self._opened + self._window_s - now)
            return Allowance(self._requests, 0, max(1, wait_s))
        self._taken += 1
        return Allowance(self._requests, self._requests - self._taken, None)


class Admission:
    """ASGI: behind *prefix*, counts a request, then asks for its token; each vendor words its own no."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        prefix: str,
        credentials: ClientCredentials,
        rate: RateLimit | None,
        rate_headers: Callable[[Allowance], Mapping[str, str]],
        too_many: Callable[[], Response],
        unauthorized: Callable[[], Response],
    ) -> None:
        self._app = app
        self._prefix = prefix
        self._credentials = credentials
        self._rate = rate
        self._rate_headers = rate_headers
        self._too_many = too_many
        self._unauthorized = unauthorized

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        answer, headers = self._app, dict[str, str]()
        if self._rate is not None:
            allowance = self._rate.take()
            headers = dict(self._rate_headers(allowance))
            if allowance.retry_after_s is not None:
                answer = self._too_many()
        if answer is self._app and not self._credentials.accepts(Headers(scope=scope).get("authorization")):
            answer = self._unauthorized()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await answer(scope, receive, send_with_headers)
