"""Opaque tokens: the issuer is asked what they stand for (RFC 7662), if the settings say how."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import httpx
import msgspec

from gateway.identity.claims import Claims, check_audience, check_times, claims_of
from gateway.identity.keys import body_of
from gateway.identity.refusals import IdentityUnavailable, Refusal, Unauthenticated
from gateway.settings import Identity as IdentitySettings
from gateway.settings import Introspection as IntrospectionSettings

AT_ONCE = 10
"""How many questions may be open: a flood of made-up tokens must not become a flood upon the issuer."""


class Introspection:
    """Asks the issuer's introspection endpoint."""

    def __init__(
        self,
        settings: IdentitySettings,
        endpoint: IntrospectionSettings,
        client: httpx.AsyncClient,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self.endpoint = endpoint
        self._client = client
        self._clock = clock
        self._places = asyncio.Semaphore(AT_ONCE)
        # RFC 6749 section 2.3.1: both are form-encoded before they go into Basic.
        self._auth = httpx.BasicAuth(
            quote_plus(endpoint.client_id), quote_plus(endpoint.client_secret.reveal())
        )

    async def claims(self, token: str) -> Claims:
        """What an active token that is meant for us stands for.

        An answer has to name us in `aud`: a token of the same issuer for somebody else is not ours to take.
        Raises Unauthenticated or IdentityUnavailable.
        """
        said = await self._said(token)
        if said.get("active") is not True:
            raise Unauthenticated(Refusal.INACTIVE)
        claims = claims_of(said, self._settings.role_claim)
        if claims.iss not in (None, self._settings.issuer):
            raise Unauthenticated(Refusal.ISSUER)
        check_audience(claims, self._settings.audience)
        check_times(claims, self._clock(), self._settings.leeway_s)
        return claims

    async def _said(self, token: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._places:
                return msgspec.json.decode(await self._ask(token), type=dict[str, Any])
        except (httpx.HTTPError, msgspec.MsgspecError, ValueError, RecursionError, TimeoutError):
            raise IdentityUnavailable("it cannot be asked about a token") from None

    async def _ask(self, token: str) -> bytes:
        form = {"token": token, "token_type_hint": "access_token"}
        headers = {"accept": "application/json"}
        async with self._client.stream(
            "POST", self.endpoint.url, data=form, headers=headers, auth=self._auth
        ) as response:
            return await body_of(response)
