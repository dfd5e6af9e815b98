"""Owns the tenant's token endpoint: client credentials by secret, or by an assertion a certificate signed."""

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

TENANT = "00000000-0000-4000-8004-000000000001"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class AppRegistration:
    """Who may sign in: a client with a secret, or with the key (a public RSA JWK) of a certificate."""

    client_id: str = "caregraph"
    secret: str = "sandbox-dynamics-secret"
    tenant: str = TENANT
    key: Mapping[str, Any] | None = None


class SignIn:
    """The token endpoint of the tenant, which has the organisation's own host here."""

    def __init__(self, app: AppRegistration, sessions: ClientCredentials) -> None:
        self._app = app
        self._sessions = sessions

    async def token(self, request: Request) -> Response:
        """What `/<tenant>/oauth2/v2.0/token` answers."""
        if request.path_params["tenant"] != self._app.tenant:
            return _no("invalid_request", "AADSTS90002: Tenant not found.")
        fields = await form(request)
        if fields.get("grant_type") != "client_credentials":
            return _no("unsupported_grant_type", "AADSTS70003: unsupported grant type.")
        site = str(request.base_url).rstrip("/")
        if fields.get("scope") != f"{site}/.default":
            return _no("invalid_scope", "AADSTS1002012: The scope is not valid.")
        if not self._proved(fields, str(request.url)):
            return _no("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        lifetime_s = self._sessions.lifetime_s
        token = {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s}
        return Answer(
            {**token, "access_token": self._sessions.issue()}, headers={"Cache-Control": "no-store"}
        )

    def _proved(self, fields: dict[str, str], audience: str) -> bool:
        if fields.get("client_assertion_type") != JWT_BEARER:
            return self._sessions.admits(fields, None)
        if self._app.key is None:
            return False
        try:
            key = RSAKey.import_key(dict(self._app.key))
            token = jwt.decode(fields.get("client_assertion", ""), key, algorithms=["PS256", "RS256"])
        except (JoseError, ValueError):
            return False
        claims = token.claims
        mine = claims.get("iss") == claims.get("sub") == fields.get("client_id") == self._app.client_id
        return mine and claims.get("aud") == audience and bool({"x5t", "x5t#S256"} & token.header.keys())


def _no(error: str, description: str) -> Response:
    status = 401 if error == "invalid_client" else 400
    return Answer({"error": error, "error_description": description}, status)
