"""A token that is a JWT: read, checked, and its signature verified (RFC 7519, RFC 8725, RFC 9068)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from gateway.identity.claims import Claims, check_audience, check_times, claims_of
from gateway.identity.keys import Keys
from gateway.identity.refusals import Refusal, Unauthenticated
from gateway.settings import Identity as IdentitySettings

KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "ES384": "EC"}
"""The algorithms accepted. Not among them: `none`, and whatever takes a shared secret."""

ACCESS_TOKEN_TYPES = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})

REGISTRY = jws.JWSRegistry(algorithms=list(KEY_TYPES), strict_check_header=False)
REGISTRY.max_header_length = 4_096

# Whatever a stranger's bytes can make the readers raise.
UNREADABLE = (JoseError, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: object = msgspec.UNSET
    b64: object = msgspec.UNSET


class Verifier:
    """Verifies the tokens of one issuer."""

    def __init__(
        self, settings: IdentitySettings, keys: Keys, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def claims(self, token: str) -> Claims:
        """The claims of a token that is valid now.

        Raises Unauthenticated or IdentityUnavailable. What can be refused without a key is refused before one
        is asked for.
        """
        try:
            signed = jws.extract_compact(token.encode("ascii"), registry=REGISTRY)
            header = msgspec.convert(signed.protected, _Header)
            payload = msgspec.json.decode(signed.payload, type=dict[str, Any])
        except UNREADABLE:
            raise Unauthenticated(Refusal.MALFORMED) from None
        kid, kty = _checked(header)
        claims = claims_of(payload, self._settings.role_claim)
        self._check(claims)
        key = await self._keys.key(kid, kty)
        try:
            is_valid = jws.validate_compact(signed, key, registry=REGISTRY)
        except UNREADABLE:
            is_valid = False
        if not is_valid:
            raise Unauthenticated(Refusal.SIGNATURE)
        return claims

    def _check(self, claims: Claims) -> None:
        if claims.iss != self._settings.issuer:
            raise Unauthenticated(Refusal.ISSUER)
        check_audience(claims, self._settings.audience)
        check_times(claims, self._clock(), self._settings.leeway_s)
        if not claims.sub:
            raise Unauthenticated(Refusal.CLAIMS)


def _checked(header: _Header) -> tuple[str, str]:
    """The id and the type of the key to verify with."""
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        raise Unauthenticated(Refusal.MALFORMED)
    if header.alg not in KEY_TYPES:
        raise Unauthenticated(Refusal.ALGORITHM)
    if (header.typ.lower() if header.typ is not None else None) not in ACCESS_TOKEN_TYPES:
        raise Unauthenticated(Refusal.TYPE)
    if not header.kid:
        raise Unauthenticated(Refusal.KEY)
    return header.kid, KEY_TYPES[header.alg]
