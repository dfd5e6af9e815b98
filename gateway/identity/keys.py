"""The issuer's public keys: discovered, kept, fetched again when they age or when a token names another.

A forged `kid` costs the issuer at most one fetch a pause. An issuer that is down shuts nobody out whose
token is signed with a key we hold, until the keys are too old to be relied on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from gateway.identity.refusals import IdentityUnavailable, Refusal, Unauthenticated
from gateway.settings import Identity as IdentitySettings
from gateway.telemetry import Metrics

log = logging.getLogger(__name__)

PublicKey = RSAKey | ECKey
Held = Mapping[tuple[str, str], PublicKey]

LARGEST_ANSWER = 1_000_000
SHORTEST_MODULUS = 342
"""Base64url characters of a 2048-bit modulus: a shorter RSA key is not safe (RFC 7518 section 3.3)."""
FIRST_PAUSE_S = 1.0
"""The least time between two attempts while there is no key at all."""


UNUSABLE = (
    httpx.HTTPError,
    httpx.InvalidURL,
    msgspec.MsgspecError,
    ValueError,
    RecursionError,
    TimeoutError,
)
"""What an issuer that does not answer as it should can make a fetch raise."""


class _Discovered(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class Keys:
    """The keys of one issuer. *withdrawn* is called when one is gone: what it vouched for is void."""

    def __init__(
        self,
        settings: IdentitySettings,
        client: httpx.AsyncClient,
        metrics: Metrics,
        *,
        withdrawn: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._client = client
        self._metrics = metrics
        self._withdrawn = withdrawn
        self._clock = clock
        self._held: Held = {}
        self._fetched_at = float("-inf")
        self._failed_at = float("-inf")
        self._strange_kid_at = float("-inf")
        self._flight: asyncio.Task[bool] | None = None

    async def key(self, kid: str, kty: str) -> PublicKey:
        """The key of that id and type.

        Raises Unauthenticated (the issuer has no such key) or IdentityUnavailable (it can't be asked).
        """
        before = self._fetched_at
        await self.ready()
        held = self._held.get((kid, kty))
        if held is None:
            return await self._strange(kid, kty, is_news=self._fetched_at == before)
        pause_s = self._settings.jwks_pause_s
        if self._age() > self._settings.jwks_max_age_s and not self._failed_within(pause_s):
            _ = self._start()  # and go on with the key we hold
        return held

    async def ready(self) -> None:
        """Have keys that can be relied on. Raises IdentityUnavailable."""
        if self._age() <= self._settings.jwks_stale_limit_s:
            return
        if self._failed_within(FIRST_PAUSE_S) or not await self._fetch():
            raise IdentityUnavailable("its keys cannot be fetched")

    async def aclose(self) -> None:
        """End a fetch that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)

    async def _strange(self, kid: str, kty: str, *, is_news: bool) -> PublicKey:
        """A key we do not hold: ask the issuer, unless a strange key has made us ask a moment ago."""
        is_due = is_news and self._clock() - self._strange_kid_at >= self._settings.jwks_pause_s
        if is_due:
            self._strange_kid_at = self._clock()
        if is_due or self._flight is not None:
            await self._fetch()
        held = self._held.get((kid, kty))
        if held is not None:
            return held
        if self._failed_at > self._fetched_at:
            raise IdentityUnavailable("it cannot be asked for a key")
        raise Unauthenticated(Refusal.KEY)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _failed_within(self, seconds: float) -> bool:
        return self._failed_at > self._fetched_at and self._clock() - self._failed_at < seconds

    async def _fetch(self) -> bool:
        """Whether the keys could be fetched. However many ask at once, the issuer is asked once."""
        # A caller that leaves must not take the fetch away from the others.
        return await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[bool]:
        if self._flight is None:
            self._flight = asyncio.create_task(self._load())
            self._flight.add_done_callback(self._landed)
        return self._flight

    def _landed(self, flight: asyncio.Task[bool]) -> None:
        self._flight = None

    async def _load(self) -> bool:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                held = await self._ask()
        except UNUSABLE as error:
            self._failed_at = self._clock()
            self._metrics.key_fetches.labels("failed").inc()
            log.warning("the issuer's keys cannot be fetched", extra={"error": type(error).__name__})
            return False
        before, self._held = self._held, held
        self._fetched_at = self._clock()
        self._metrics.key_fetches.labels("fetched").inc()
        if any(held.get(name) != key for name, key in before.items()):
            self._withdrawn()
        return True

    async def _ask(self) -> Held:
        url = self._settings.jwks_url or await self._discover()
        held = _usable(msgspec.json.decode(await self._get(url), type=_KeySet).keys)
        if not held:
            raise ValueError("no key that can be used")
        return held

    async def _discover(self) -> str:
        """Where the keys are, by OpenID Connect Discovery section 4."""
        issuer = self._settings.issuer
        body = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        found = msgspec.json.decode(body, type=_Discovered)
        if found.issuer != issuer:
            raise ValueError("the document is another issuer's")
        if issuer.startswith("https:") and not found.jwks_uri.startswith("https:"):
            raise ValueError("the keys are not served over https")
        return found.jwks_uri

    async def _get(self, url: str) -> bytes:
        async with self._client.stream("GET", url, headers={"accept": "application/json"}) as response:
            return await body_of(response)


async def body_of(response: httpx.Response) -> bytes:
    """The body of a 200 of bearable size. Raises ValueError."""
    if response.status_code != httpx.codes.OK:
        raise ValueError("the answer is not 200")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise ValueError("the answer is too large")
    return bytes(body)


def _usable(raw: list[dict[str, Any]]) -> Held:
    """The public keys among them that sign, by `kid` and `kty`; what we can't read is not a key of ours."""
    held: dict[tuple[str, str], PublicKey] = {}
    for one in raw:
        key = _public(one)
        if key is not None and isinstance(one.get("kid"), str):
            held.setdefault((one["kid"], key.key_type), key)
    return held


def _public(raw: dict[str, Any]) -> PublicKey | None:
    # A secret (`oct`) in a published set is a mistake or a trap, and never a key of ours.
    if raw.get("kty") not in ("RSA", "EC") or raw.get("use", "sig") != "sig":
        return None
    try:
        if raw["kty"] == "RSA" and len(raw["n"]) < SHORTEST_MODULUS:
            return None
        return import_key(raw, "RSA") if raw["kty"] == "RSA" else import_key(raw, "EC")
    except (JoseError, ValueError, TypeError, KeyError):
        return None
