"""Owns the provider's tokens: what stands in them, who they were issued to, which of them still hold."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, Key

from sandbox.idp.errors import OAuthError
from sandbox.idp.keys import ALGORITHM, SigningKeys
from sandbox.idp.personas import Persona

Claims: TypeAlias = dict[str, Any]
Clock: TypeAlias = Callable[[], float]

ACCESS_TYPE = "at+jwt"
LIFETIME_S = 3600


def _new_chain() -> str:
    return secrets.token_urlsafe(12)


@dataclass(frozen=True)
class Grant:
    """What a client was given: for whom, for which audience, with which scopes.

    `chain` names the sign-in; every token that comes of it falls when the chain is revoked.
    """

    client_id: str
    subject: str
    audience: str
    scope: tuple[str, ...]
    persona: Persona | None = None
    purpose: str | None = None
    chain: str = field(default_factory=_new_chain)

    def __post_init__(self) -> None:
        if any(scope.startswith("patient/") for scope in self.scope) and self.patient is None:
            raise OAuthError("invalid_scope", "a `patient/` scope needs a patient in context")

    @property
    def patient(self) -> str | None:
        """The patient in context, for those who asked for one."""
        asked = any(scope == "launch/patient" or scope.startswith("patient/") for scope in self.scope)
        return (self.persona.patient or self.persona.open_patient) if self.persona and asked else None

    @property
    def encounter(self) -> str | None:
        """The encounter in context, for those who asked for one."""
        return self.persona.open_encounter if self.persona and "launch/encounter" in self.scope else None

    def claims(self) -> Claims:
        """The claims that come of the grant alone; what does not apply is left out."""
        persona = self.persona
        optional = {
            "role": persona.role if persona else None,
            "patient": self.patient,
            "encounter": self.encounter,
            "fhirUser": persona.fhir_user if persona else None,
            "purpose_of_use": self.purpose,
        }
        return {
            "sub": self.subject,
            "aud": self.audience,
            "client_id": self.client_id,
            "scope": " ".join(self.scope),
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True)
class _Issued:
    chain: str
    expires: float


class Tokens:
    """Signs tokens and knows which of them still hold: issued here, not expired, not revoked."""

    def __init__(self, issuer: str, now: Clock = time.time) -> None:
        self.issuer = issuer
        self.keys = SigningKeys()
        self._now = now
        self._issued: dict[str, _Issued] = {}
        self._refresh: dict[str, Grant] = {}
        self._spent: dict[str, str] = {}

    def access(self, grant: Grant, lifetime_s: int = LIFETIME_S) -> str:
        """An access token (RFC 9068). A lifetime below zero gives one that has expired, for tests."""
        now = int(self._now())
        self._issued = {jti: one for jti, one in self._issued.items() if one.expires > now}
        jti = secrets.token_urlsafe(16)
        self._issued[jti] = _Issued(grant.chain, now + lifetime_s)
        begun = min(now, now + lifetime_s)
        times = {"iat": begun, "nbf": begun, "exp": now + lifetime_s}
        return self._signed({"iss": self.issuer, **grant.claims(), **times, "jti": jti}, ACCESS_TYPE)

    def identity(self, grant: Grant, nonce: str | None) -> str:
        """An ID token (OpenID Connect Core section 2); `fhirUser` stands in it if its scope was granted."""
        now = int(self._now())
        claims: Claims = {
            "iss": self.issuer,
            "sub": grant.subject,
            "aud": grant.client_id,
            "iat": now,
            "auth_time": now,
            "exp": now + LIFETIME_S,
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if "fhirUser" in grant.scope and grant.persona and grant.persona.fhir_user:
            claims["fhirUser"] = grant.persona.fhir_user
        return self._signed(claims, "JWT")

    def _signed(self, claims: Claims, type_: str) -> str:
        key = self.keys.current
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": type_}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    def verify(self, token: str, audience: str | None = None) -> Claims | None:
        """The claims of an access token that holds, for *audience* if one is named; None for any other."""
        try:
            found = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
            self._registry(audience).validate(found.claims)
        except (JoseError, ValueError):
            return None
        if found.header.get("typ") != ACCESS_TYPE or found.claims["jti"] not in self._issued:
            return None
        return found.claims

    def verifier(self, audience: str) -> Callable[[str], Awaitable[Claims | None]]:
        """`verify` for one audience, as a resource server calls it."""

        async def verify(token: str) -> Claims | None:
            return self.verify(token, audience)

        return verify

    def _key_of(self, signature: GuestProtocol) -> Key:
        """The key of the header's `kid`; a header without one names no key, even when there is only one."""
        kid = signature.headers().get("kid")
        if not isinstance(kid, str):
            raise ValueError("the token names no key")
        return self.keys.published.get_by_kid(kid)

    def _registry(self, audience: str | None) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._now()),
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True} if audience is None else {"essential": True, "value": audience},
            exp={"essential": True},
            jti={"essential": True},
        )

    def refresh(self, grant: Grant) -> str:
        """A refresh token, good for one use."""
        token = secrets.token_urlsafe(32)
        self._refresh[token] = grant
        return token

    def redeem(self, token: str, client_id: str) -> Grant:
        """The grant of a refresh token, which is spent by this.

        Raises:
            OAuthError: the token is unknown or another client's; one used before revokes its whole chain, for
                either its owner or a thief has it (RFC 9700 section 4.14.2).
        """
        if (chain := self._spent.get(token)) is not None:
            self.revoke_chain(chain)
        grant = self._refresh.get(token)
        if grant is None or grant.client_id != client_id:
            raise OAuthError("invalid_grant", "the refresh token does not hold; sign in again")
        del self._refresh[token]
        self._spent[token] = grant.chain
        return grant

    def revoke(self, token: str, client_id: str) -> None:
        """Revoke the client's own token, a refresh token with its whole chain (RFC 7009)."""
        grant = self._refresh.get(token)
        if grant is not None:
            if grant.client_id == client_id:
                self.revoke_chain(grant.chain)
            return
        claims = self.verify(token)
        if claims is not None and claims["client_id"] == client_id:
            del self._issued[claims["jti"]]

    def revoke_chain(self, chain: str) -> None:
        """Revoke every token of one sign-in."""
        self._issued = {jti: one for jti, one in self._issued.items() if one.chain != chain}
        self._refresh = {token: grant for token, grant in self._refresh.items() if grant.chain != chain}
