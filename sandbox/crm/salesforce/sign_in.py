"""Owns the org's connected app: by which grants it signs in, and what a token answer says."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import Response

from sandbox.admission import ClientCredentials
from sandbox.bodies import Answer, form

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_ASSERTION_S = 180
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


@dataclass(frozen=True)
class ConnectedApp:
    """Who may sign in: a client with a secret, and as *username* with a key (a public RSA JWK), if any."""

    client_id: str = "caregraph"
    secret: str = "sandbox-salesforce-secret"
    username: str = "caregraph@sandbox.example"
    key: Mapping[str, Any] | None = None


class SignIn:
    """The token endpoint of the org."""

    def __init__(self, app: ConnectedApp, sessions: ClientCredentials) -> None:
        self._app = app
        self._sessions = sessions

    async def token(self, request: Request) -> Response:
        """What `/services/oauth2/token` answers."""
        fields = await form(request)
        grant = fields.get("grant_type")
        if grant == "client_credentials":
            admitted = self._sessions.admits(fields, request.headers.get("authorization"))
            return (
                self._signed_in(request) if admitted else _no("invalid_client", "invalid client credentials")
            )
        if grant == JWT_BEARER:
            admitted = self._vouched(fields.get("assertion", ""), str(request.base_url).rstrip("/"))
            return self._signed_in(request) if admitted else _no("invalid_grant", "invalid assertion")
        return _no("unsupported_grant_type", "grant type not supported")

    def _vouched(self, assertion: str, site: str) -> bool:
        """Whether the assertion is the app's, for its user, for this org, and lives as briefly as it must."""
        if self._app.key is None:
            return False
        try:
            key = RSAKey.import_key(dict(self._app.key))
            claims = jwt.decode(assertion, key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return False
        now = time.time()
        expiry = claims.get("exp")
        return (
            claims.get("iss") == self._app.client_id
            and claims.get("sub") == self._app.username
            and claims.get("aud") in (*AUDIENCES, site)
            and isinstance(expiry, int)
            and now < expiry <= now + LONGEST_ASSERTION_S
        )

    def _signed_in(self, request: Request) -> Response:
        """There is no `expires_in`: a session lasts until it is refused."""
        site = str(request.base_url).rstrip("/")
        answer = {
            "access_token": self._sessions.issue(),
            "signature": "c2lnbmF0dXJl",
            "scope": "api",
            "instance_url": site,
            "id": f"{site}/id/00D000000000001AAA/005000000000001AAA",
            "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
            "api_instance_url": site,
        }
        return Answer(answer, headers={"Cache-Control": "no-store"})


def _no(error: str, description: str) -> Response:
    return Answer({"error": error, "error_description": description}, 400)
