"""The front door: an Authorization header in, an `Actor` out, or a refusal."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable
from hashlib import sha256

import httpx

from gateway.identity.actors import actor_of
from gateway.identity.introspection import Introspection
from gateway.identity.keys import Keys
from gateway.identity.refusals import Refusal, Unauthenticated
from gateway.identity.tokens import Verifier
from gateway.identity.verified import Verified
from gateway.settings import Identity as IdentitySettings
from gateway.telemetry import Metrics
from policies import Actor

LONGEST_TOKEN = 16_384
TOKENS_KEPT = 10_000

_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Identity:
    """Whose request this is. One for the app's life; `aclose()` it at the end."""

    def __init__(
        self,
        settings: IdentitySettings,
        metrics: Metrics,
        *,
        client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._client = client or provider_client(settings)
        self._verified = Verified(TOKENS_KEPT)
        self._keys = Keys(settings, self._client, metrics, withdrawn=self._verified.forget, clock=monotonic)
        self._verifier = Verifier(settings, self._keys, clock=clock)
        self._introspection = (
            Introspection(settings, settings.introspection, self._client, clock=clock)
            if settings.introspection is not None
            else None
        )

    async def actor(self, authorization: str | None) -> Actor:
        """Who sent a request with that Authorization header (None: it had none).

        Raises Unauthenticated: 401, with its `challenge`. Raises IdentityUnavailable: 503, try again later.
        """
        try:
            return await self._actor(authorization)
        except Unauthenticated as refused:
            self._metrics.tokens_refused.labels(refused.refusal.name.lower()).inc()
            raise

    async def ready(self) -> None:
        """Have the issuer's keys at hand. Raises IdentityUnavailable."""
        await self._keys.ready()

    async def aclose(self) -> None:
        await self._keys.aclose()
        await self._client.aclose()

    async def _actor(self, authorization: str | None) -> Actor:
        if authorization is None:
            raise Unauthenticated(Refusal.MISSING)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated(Refusal.MISSING)
        if len(token) > LONGEST_TOKEN or not token.isascii():
            raise Unauthenticated(Refusal.MALFORMED)
        digest = sha256(token.encode()).digest()
        found = self._verified.find(digest, self._clock())
        if found is None:
            return await self._find_out(token, digest)
        if isinstance(found, Refusal):
            raise Unauthenticated(found)
        return found

    async def _find_out(self, token: str, digest: bytes) -> Actor:
        if _B64TOKEN.fullmatch(token) is None:
            raise Unauthenticated(Refusal.MALFORMED)
        if token.count(".") == 2:
            return await self._verify(token, digest)
        if self._introspection is None:
            raise Unauthenticated(Refusal.MALFORMED)
        return await self._introspect(self._introspection, token, digest)

    async def _verify(self, token: str, digest: bytes) -> Actor:
        claims = await self._verifier.claims(token)
        actor = actor_of(claims, digest.hex(), self._settings, self._metrics)
        # No longer than the keys hold, so that a withdrawn key is noticed though all tokens are known.
        self._keep(digest, actor, self._settings.jwks_max_age_s)
        return actor

    async def _introspect(self, introspection: Introspection, token: str, digest: bytes) -> Actor:
        cache_s = introspection.endpoint.cache_s
        try:
            claims = await introspection.claims(token)
            actor = actor_of(claims, digest.hex(), self._settings, self._metrics)
        except Unauthenticated as refused:
            self._verified.keep(digest, refused.refusal, self._clock() + cache_s)
            raise
        self._keep(digest, actor, cache_s)
        return actor

    def _keep(self, digest: bytes, actor: Actor, longest_s: float) -> None:
        until = min(actor.expires_at + self._settings.leeway_s, self._clock() + longest_s)
        self._verified.keep(digest, actor, until)


def provider_client(settings: IdentitySettings) -> httpx.AsyncClient:
    """A client for the identity provider: short waits, no redirects, the system's certificate authorities."""
    return httpx.AsyncClient(
        timeout=settings.timeout_s,
        follow_redirects=False,
        trust_env=False,
        verify=ssl.create_default_context(),
        headers={"user-agent": "caregraph"},
    )
