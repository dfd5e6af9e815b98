"""Why a caller is not let in, in fixed words: nothing of a token is ever repeated."""

from __future__ import annotations

from enum import Enum

REALM = "caregraph"


class Refusal(Enum):
    """What is wrong with what the caller showed. The words stand in a challenge: no quote, no backslash."""

    MISSING = "the request bears no token"
    MALFORMED = "the token cannot be read"
    TYPE = "the token is not an access token"
    ALGORITHM = "the token is signed with an algorithm that is not accepted"
    ISSUER = "the token is of another issuer"
    AUDIENCE = "the token is for another audience"
    EXPIRED = "the token has expired"
    EARLY = "the token is not valid yet"
    CLAIMS = "the token lacks a claim or has one that is malformed"
    KEY = "the token is signed with an unknown key"
    SIGNATURE = "the signature of the token is not valid"
    ROLE = "the token names no role that is known here"
    PATIENT = "the token has a patient scope but names no patient"
    INACTIVE = "the token is not active"


class Unauthenticated(Exception):
    """The caller is not let in: 401 with `challenge` as the WWW-Authenticate header (RFC 6750 section 3)."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal

    @property
    def challenge(self) -> str:
        # RFC 6750 section 3.1: a request without a token gets no error code.
        if self.refusal is Refusal.MISSING:
            return f'Bearer realm="{REALM}"'
        return f'Bearer realm="{REALM}", error="invalid_token", error_description="{self.refusal.value}"'


class IdentityUnavailable(Exception):
    """The identity provider is needed and does not answer: 503. Trying again later may work."""

    source = "identity"

    def __init__(self, why: str) -> None:
        super().__init__(f"identity provider: {why}")
        self.why = why
