"""Owns the clients that are registered, and how a backend service proves that it is one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, JWKRegistry, Key

from sandbox.idp.errors import OAuthError

EXPLORER = "explorer"
BACKEND = "caregraph"
COMMAND_LINE = "sandbox-cli"

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = {"ES384": "EC", "RS384": "RSA"}
LONGEST_ASSERTION_S = 300
SKEW_S = 5


@dataclass(frozen=True)
class Registry:
    """The explorer's redirects and origins, and the backend service's public keys (a JWKS)."""

    redirects: frozenset[str]
    origins: tuple[str, ...]
    backend_jwks: Mapping[str, Any]


def registry(gateway: str, backend_jwks: Mapping[str, Any]) -> Registry:
    """Registers the explorer at *gateway*, by name and by number if that is this machine."""
    port = urlsplit(gateway).port
    origins = (gateway, f"http://localhost:{port}") if "//127.0.0.1" in gateway else (gateway,)
    return Registry(frozenset(f"{origin}/" for origin in origins), origins, backend_jwks)


class Assertions:
    """Checks client assertions (SMART App Launch 2.2, "Asymmetric Client Authentication"; RFC 7523)."""

    def __init__(self, clients: Registry, token_url: str, now: Callable[[], float] = time.time) -> None:
        self._clients = clients
        self._token_url = token_url
        self._now = now
        self._seen: dict[str, float] = {}

    def client(self, form: Mapping[str, str]) -> str:
        """The id of the client that signed the form's assertion.

        Raises:
            OAuthError: `invalid_client`, whatever is wrong with it.
        """
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise _invalid(f"send `client_assertion` of type {ASSERTION_TYPE}")
        try:
            claims = self._claims(form.get("client_assertion", ""))
        except (JoseError, ValueError) as fault:
            raise _invalid(f"the client assertion does not hold ({type(fault).__name__})") from None
        if form.get("client_id", BACKEND) != BACKEND:
            raise _invalid("`client_id` is not the assertion's")
        self._remember(claims)
        return BACKEND

    def _claims(self, assertion: str) -> dict[str, Any]:
        found = jwt.decode(assertion, self._key_of, algorithms=[*ASSERTION_ALGORITHMS])
        who: jwt.ClaimsOption = {"essential": True, "value": BACKEND}
        now = int(self._now())
        jwt.JWTClaimsRegistry(
            now=now,
            leeway=SKEW_S,
            iss=who,
            sub=who,
            aud={"essential": True, "value": self._token_url},
            exp={"essential": True},
            jti={"essential": True},
        ).validate(found.claims)
        if found.claims["exp"] > now + LONGEST_ASSERTION_S + SKEW_S:
            raise _invalid("the client assertion may hold five minutes at most")
        return found.claims

    def _key_of(self, signature: GuestProtocol) -> Key:
        """The one registered key with the header's `kid` and the key type of its `alg`.

        `jku` would point to keys elsewhere; no client has registered an address for them.
        """
        header = signature.headers()
        if "jku" in header or not isinstance(header.get("kid"), str):
            raise ValueError("the assertion names no registered key")
        key_type = ASSERTION_ALGORITHMS.get(header["alg"])
        keys = [
            key
            for key in self._clients.backend_jwks["keys"]
            if key.get("kid") == header["kid"] and key.get("kty") == key_type
        ]
        if len(keys) != 1:
            raise ValueError("the assertion names no registered key, or several")
        return JWKRegistry.import_key(keys[0])

    def _remember(self, claims: Mapping[str, Any]) -> None:
        """Let one assertion through once."""
        now = self._now()
        self._seen = {jti: expiry for jti, expiry in self._seen.items() if expiry > now - SKEW_S}
        if claims["jti"] in self._seen:
            raise _invalid("the client assertion was used before; sign a new one for each request")
        self._seen[claims["jti"]] = claims["exp"]


def _invalid(description: str) -> OAuthError:
    return OAuthError("invalid_client", description)
