"""Owns the identity provider's routes: discovery, the sign-in page, tokens, and doors for scripts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import Meta, Struct
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.bodies import Answer, Unreadable, decoded, form
from sandbox.idp.clients import COMMAND_LINE, Assertions, registry
from sandbox.idp.errors import NO_STORE, OAuthError, refused
from sandbox.idp.metadata import openid_configuration, smart_configuration
from sandbox.idp.page import notice_page, sign_in_page
from sandbox.idp.personas import Persona, personas
from sandbox.idp.scopes import granted
from sandbox.idp.sign_in import SignIns, UnknownClient
from sandbox.idp.token_endpoint import TokenEndpoint, token_answer
from sandbox.idp.tokens import LIFETIME_S, Grant, Tokens

WRITER_SCOPE = ("system/*.cruds",)


class TokenOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A token for a script: a persona's for the gateway, or the sandbox's own for the EHR.

    Expiry is in seconds from now; below zero the token has expired already. `purpose` becomes its claim.
    """

    persona: str | None = None
    system: Literal["ehr"] | None = None
    scope: str | None = None
    purpose: str | None = None
    expires_in: Annotated[int, Meta(ge=-LIFETIME_S, le=LIFETIME_S)] = LIFETIME_S


def idp_app(
    issuer: str,
    *,
    gateway: str,
    ehr: str,
    backend_jwks: Mapping[str, Any],
    cast: Mapping[str, Persona] | None = None,
    tokens: Tokens | None = None,
) -> Starlette:
    """The identity provider at *issuer*.

    Args:
        gateway: URL of the gateway, the audience of the personas' tokens and the explorer's home.
        ehr: FHIR base, the audience of the backend service's tokens.
        backend_jwks: public keys of the backend service `caregraph`.
        cast: who can sign in; the six personas of the generated data by default.
        tokens: give them to verify tokens from outside.
    """
    tokens = tokens or Tokens(issuer)
    clients = registry(gateway, backend_jwks)
    sign_ins = SignIns(clients, gateway)
    endpoint = TokenEndpoint(tokens, sign_ins, Assertions(clients, f"{issuer}/token"), ehr)
    page = _SignInPage(issuer, sign_ins, personas() if cast is None else cast)
    scripts = _ScriptDoors(tokens, personas() if cast is None else cast, gateway, ehr)
    open_to_explorer = [
        Middleware(CORSMiddleware, allow_origins=clients.origins, allow_methods=["GET", "POST"], max_age=600)
    ]

    async def openid(request: Request) -> Response:
        return Answer(openid_configuration(issuer))

    async def smart(request: Request) -> Response:
        return Answer(smart_configuration(issuer))

    async def jwks(request: Request) -> Response:
        return Answer(tokens.keys.jwks(), headers={"Cache-Control": "public, max-age=60"})

    public = {
        "/.well-known/openid-configuration": (openid, "GET"),
        "/.well-known/smart-configuration": (smart, "GET"),
        "/jwks": (jwks, "GET"),
        "/token": (endpoint.token, "POST"),
        "/revoke": (endpoint.revoke, "POST"),
    }
    return Starlette(
        routes=[
            # A route answers 405 before its middleware runs, so the preflight's method is named too.
            *(
                Route(path, serve, methods=[method, "OPTIONS"], middleware=open_to_explorer)
                for path, (serve, method) in public.items()
            ),
            Route("/introspect", endpoint.introspect, methods=["POST"]),
            Route("/authorize", page.ask, methods=["GET", "POST"]),
            Route("/authorize/sign-in", page.sign_in, methods=["POST"]),
            Route("/sandbox/token", scripts.token, methods=["POST"]),
            Route("/sandbox/rotate-keys", scripts.rotate_keys, methods=["POST"]),
        ],
        exception_handlers={OAuthError: refused, Unreadable: refused},
    )


class _SignInPage:
    def __init__(self, issuer: str, sign_ins: SignIns, cast: Mapping[str, Persona]) -> None:
        self._issuer = issuer
        self._sign_ins = sign_ins
        self._cast = cast

    async def ask(self, request: Request) -> Response:
        query = dict(request.query_params) if request.method == "GET" else await form(request)
        try:
            asked = self._sign_ins.read(query)
        except UnknownClient:
            text = "The application that sent you here is not registered, or not at this address."
            return notice_page("We don't know that application", text, 400)
        except OAuthError as error:
            redirect = self._sign_ins.redirect_of(query)
            return self._back(redirect, query.get("state"), _error(error))
        id = self._sign_ins.wait(asked)
        return sign_in_page(id, "CareGraph explorer", asked.redirect_uri, self._cast.values())

    async def sign_in(self, request: Request) -> Response:
        fields = await form(request)
        asked = self._sign_ins.waiting(fields.get("request", ""))
        if asked is None:
            return notice_page("This sign-in has ended", "Go back to the application and sign in again.", 400)
        persona = self._cast.get(fields.get("persona", ""))
        try:
            if persona is None:
                raise OAuthError("access_denied", "no persona was chosen")
            answer = {"code": self._sign_ins.sign(asked, persona)}
        except OAuthError as error:
            answer = _error(error)
        return self._back(asked.redirect_uri, asked.state, answer)

    def _back(self, redirect: str, state: str | None, answer: Mapping[str, str]) -> Response:
        """Send the browser back, by GET, with the issuer's name (RFC 9207) against mixed-up providers."""
        query = {**answer, **({"state": state} if state else {}), "iss": self._issuer}
        return RedirectResponse(f"{redirect}?{urlencode(query)}", 303, NO_STORE)


class _ScriptDoors:
    """Doors that only a sandbox has: a token for the asking, and a change of keys."""

    def __init__(self, tokens: Tokens, cast: Mapping[str, Persona], gateway: str, ehr: str) -> None:
        self._tokens = tokens
        self._cast = cast
        self._gateway = gateway
        self._ehr = ehr

    async def token(self, request: Request) -> Response:
        _insist_on_json(request)
        order = decoded(await request.body(), TokenOrder)
        return Answer(token_answer(self._tokens, self._grant(order), order.expires_in), headers=NO_STORE)

    def _grant(self, order: TokenOrder) -> Grant:
        if (order.persona is None) == (order.system is None):
            raise OAuthError("invalid_request", "name a `persona` or a `system`, one of the two")
        if order.system is not None:
            scope = _narrowed(order.scope, WRITER_SCOPE)
            return Grant(COMMAND_LINE, COMMAND_LINE, self._ehr, scope)
        persona = self._cast.get(order.persona or "")
        if persona is None:
            raise OAuthError("invalid_request", f"`persona` is one of {', '.join(self._cast)}")
        scope = persona.scope if order.scope is None else _narrowed(order.scope, persona.grantable)
        return Grant(COMMAND_LINE, persona.name, self._gateway, scope, persona, order.purpose)

    async def rotate_keys(self, request: Request) -> Response:
        self._tokens.keys.rotate()
        return Answer({"kid": self._tokens.keys.current.kid})


def _insist_on_json(request: Request) -> None:
    """A page elsewhere can post forms and text here unasked, but JSON only after a preflight, which fails."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise OAuthError("invalid_request", "send Content-Type: application/json", 415)


def _narrowed(asked: str | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if asked is None:
        return allowed
    scope = granted(asked.split(), allowed)
    if not scope:
        raise OAuthError("invalid_scope", "nothing of the scope asked for can be granted")
    return scope


def _error(error: OAuthError) -> dict[str, str]:
    return {"error": error.code, "error_description": error.description}
