"""Owns signing in: authorization requests, the codes that come of them, and PKCE (RFC 7636, S256 only)."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.idp.clients import EXPLORER, Registry
from sandbox.idp.errors import OAuthError
from sandbox.idp.personas import Persona
from sandbox.idp.scopes import granted
from sandbox.idp.tokens import Grant

REQUEST_S = 600
CODE_S = 60
MOST_PENDING = 1_000

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class UnknownClient(Exception):
    """The client or its redirect is not registered: nothing may be sent there (RFC 6749 section 4.1.2.1)."""


@dataclass(frozen=True)
class Asked:
    """An authorization request that was found in order; `scope` None asks for what the persona has."""

    redirect_uri: str
    state: str
    challenge: str
    scope: tuple[str, ...] | None
    nonce: str | None


@dataclass(frozen=True)
class Signed:
    """What a code stands for: the request, what was granted for it, and when the code expires."""

    asked: Asked
    grant: Grant
    expires: float


class SignIns:
    """Requests that wait for someone to choose a persona, and codes that wait to be exchanged."""

    def __init__(self, clients: Registry, gateway: str, now: Callable[[], float] = time.time) -> None:
        self._clients = clients
        self._gateway = gateway
        self._now = now
        self._pending: dict[str, tuple[Asked, float]] = {}
        self._codes: dict[str, Signed] = {}
        self._spent: dict[str, str] = {}

    def redirect_of(self, query: Mapping[str, str]) -> str:
        """Where the answer to an authorization request goes.

        Raises:
            UnknownClient: nowhere.
        """
        redirect = query.get("redirect_uri", "")
        if query.get("client_id") != EXPLORER or redirect not in self._clients.redirects:
            raise UnknownClient
        return redirect

    def read(self, query: Mapping[str, str]) -> Asked:
        """An authorization request, checked.

        Raises:
            UnknownClient: the client or its redirect is not registered.
            OAuthError: anything else is wrong with it.
        """
        redirect = self.redirect_of(query)
        if query.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "ask for response_type=code")
        if query.get("response_mode", "query") != "query":
            raise OAuthError("invalid_request", "the answer comes in the query only")
        challenge = query.get("code_challenge", "")
        if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
            raise OAuthError("invalid_request", "send a code_challenge by method S256 (PKCE)")
        if not query.get("state"):
            raise OAuthError("invalid_request", "send a `state` that cannot be guessed")
        if query.get("aud", self._gateway).rstrip("/") != self._gateway:
            raise OAuthError("invalid_request", "`aud` is not the gateway this provider issues tokens for")
        if query.get("prompt") == "none":
            raise OAuthError(
                "login_required", "the sandbox keeps no session; someone has to choose a persona"
            )
        scope = tuple(query.get("scope", "").split()) or None
        return Asked(redirect, query["state"], challenge, scope, query.get("nonce"))

    def wait(self, asked: Asked) -> str:
        """Keep a request until someone has chosen; gives the id to ask them with."""
        now = self._now()
        fresh = [(id, one) for id, one in self._pending.items() if one[1] > now]
        id = secrets.token_urlsafe(24)
        self._pending = dict([*fresh[-MOST_PENDING + 1 :], (id, (asked, now + REQUEST_S))])
        return id

    def waiting(self, id: str) -> Asked | None:
        """Take out the request that waits under *id*; None if none does, or not any more."""
        asked, expires = self._pending.pop(id, (None, 0.0))
        return asked if expires > self._now() else None

    def sign(self, asked: Asked, persona: Persona) -> str:
        """The code for a persona's consent.

        Raises:
            OAuthError: `invalid_scope`; the persona may have nothing of what was asked for.
        """
        scope = persona.scope if asked.scope is None else grantable(asked.scope, persona)
        grant = Grant(EXPLORER, persona.name, self._gateway, scope, persona)
        code = secrets.token_urlsafe(32)
        self._codes[code] = Signed(asked, grant, self._now() + CODE_S)
        return code

    def exchange(self, form: Mapping[str, str], revoke_chain: Callable[[str], None]) -> Signed:
        """What a code stands for, once. A code that comes twice revokes what came of it the first time.

        Raises:
            OAuthError: `invalid_grant`, whatever is wrong with it.
        """
        code = form.get("code", "")
        if (chain := self._spent.get(code)) is not None:
            revoke_chain(chain)
        signed = self._codes.pop(code, None)
        if signed is None:
            raise OAuthError("invalid_grant", "the code is unknown or was used before")
        self._spent[code] = signed.grant.chain
        if signed.expires <= self._now():
            raise OAuthError("invalid_grant", "the code has expired; sign in again")
        if form.get("client_id") != EXPLORER or form.get("redirect_uri") != signed.asked.redirect_uri:
            raise OAuthError("invalid_grant", "the code was given to another client or redirect")
        if not proves(form.get("code_verifier", ""), signed.asked.challenge):
            raise OAuthError("invalid_grant", "the code_verifier does not fit the code_challenge")
        return signed


def grantable(requested: tuple[str, ...], persona: Persona) -> tuple[str, ...]:
    """What a persona can be granted of a request; `offline_access` on top, for it adds nothing to read.

    Raises:
        OAuthError: `invalid_scope`; nothing.
    """
    scope = granted(requested, (*persona.grantable, "offline_access"))
    if not set(scope) - {"offline_access"}:
        raise OAuthError("invalid_scope", "this persona may have nothing of what was asked for")
    return scope


def proves(verifier: str, challenge: str) -> bool:
    """Whether *verifier* is the secret that *challenge* was made of (RFC 7636 section 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)
