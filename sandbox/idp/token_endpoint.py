"""Owns the endpoints that give, show and take back tokens."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.admission import bearer
from sandbox.bodies import Answer, form
from sandbox.idp.clients import BACKEND, EXPLORER, Assertions
from sandbox.idp.errors import NO_STORE, OAuthError
from sandbox.idp.scopes import granted
from sandbox.idp.sign_in import SignIns
from sandbox.idp.tokens import LIFETIME_S, Grant, Tokens

BACKEND_SCOPE = ("system/*.rs",)
BACKEND_LIFETIME_S = 300


class TokenEndpoint:
    """`/token`, `/introspect` and `/revoke`."""

    def __init__(self, tokens: Tokens, sign_ins: SignIns, assertions: Assertions, ehr: str) -> None:
        self._tokens = tokens
        self._sign_ins = sign_ins
        self._assertions = assertions
        self._ehr = ehr

    async def token(self, request: Request) -> Response:
        fields = await form(request)
        match fields.get("grant_type"):
            case "authorization_code":
                answer = self._by_code(fields)
            case "refresh_token":
                answer = self._by_refresh_token(fields)
            case "client_credentials":
                answer = self._by_client_credentials(fields)
            case _:
                raise OAuthError(
                    "unsupported_grant_type",
                    "send grant_type authorization_code, client_credentials or refresh_token",
                )
        return Answer(answer, headers=NO_STORE)

    def _by_code(self, fields: Mapping[str, str]) -> dict[str, Any]:
        signed = self._sign_ins.exchange(fields, self._tokens.revoke_chain)
        answer = token_answer(self._tokens, signed.grant)
        if "openid" in signed.grant.scope:
            answer["id_token"] = self._tokens.identity(signed.grant, signed.asked.nonce)
        return answer

    def _by_refresh_token(self, fields: Mapping[str, str]) -> dict[str, Any]:
        if fields.get("client_id") != EXPLORER:
            raise OAuthError("invalid_client", "no such client has refresh tokens")
        return token_answer(self._tokens, self._tokens.redeem(fields.get("refresh_token", ""), EXPLORER))

    def _by_client_credentials(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """SMART Backend Services: a short token for the EHR, never a refresh token."""
        client = self._assertions.client(fields)
        asked = fields.get("scope", "").split()
        scope = granted(asked, BACKEND_SCOPE)
        if not scope:
            raise OAuthError("invalid_scope", "ask for scopes within system/*.rs")
        return token_answer(self._tokens, Grant(client, client, self._ehr, scope), BACKEND_LIFETIME_S)

    async def introspect(self, request: Request) -> Response:
        """RFC 7662, for the backend service alone: it shows one of its own tokens, or signs an assertion."""
        fields = await form(request)
        self._backend(request, fields)
        claims = self._tokens.verify(fields.get("token", ""))
        shown = {"active": False} if claims is None else {"active": True, "token_type": "Bearer", **claims}
        return Answer(shown, headers=NO_STORE)

    def _backend(self, request: Request, fields: Mapping[str, str]) -> None:
        if "client_assertion" in fields:
            self._assertions.client(fields)
            return
        claims = self._tokens.verify(bearer(request.headers.get("authorization")) or "", self._ehr)
        if claims is None or claims["client_id"] != BACKEND:
            raise OAuthError("invalid_token", "send a token of the backend service as bearer", 401)

    async def revoke(self, request: Request) -> Response:
        """RFC 7009: the same answer whether there was such a token or not."""
        fields = await form(request)
        client = self._assertions.client(fields) if "client_assertion" in fields else EXPLORER
        if client == EXPLORER and fields.get("client_id") != EXPLORER:
            raise OAuthError("invalid_client", "name the client by `client_id` or a client assertion")
        self._tokens.revoke(fields.get("token", ""), client)
        return Response(status_code=200, headers=NO_STORE)


def token_answer(tokens: Tokens, grant: Grant, lifetime_s: int = LIFETIME_S) -> dict[str, Any]:
    """The answer that carries a grant's access token, with SMART's launch context."""
    answer: dict[str, Any] = {
        "access_token": tokens.access(grant, lifetime_s),
        "token_type": "Bearer",
        "expires_in": max(0, lifetime_s),
        "scope": " ".join(grant.scope),
    }
    context = {"patient": grant.patient, "encounter": grant.encounter}
    answer |= {name: id_ for name, id_ in context.items() if id_ is not None}
    if "offline_access" in grant.scope:
        answer["refresh_token"] = tokens.refresh(grant)
    return answer
