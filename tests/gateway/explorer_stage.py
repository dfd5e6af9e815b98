"""A stage for the explorer: a made-up schema behind tokens, and a made-up identity provider."""

import asyncio
import base64
import hashlib
import json
import secrets
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

from gateway.transport.explorer import ExplorerConfig, Sample, explorer_routes

PATIENT = """query Patient($id: ID!) {
  patient(id: $id) {
    name
    conditions
    engagementScore
  }
}
"""
CHANGES = """subscription Changes {
  changes
}
"""
SAMPLES = (
    Sample("One patient across three systems", "clinician", PATIENT, {"id": "pat-000001"}),
    Sample("Engagement of one patient", "marketer", "query Engagement { engagement }\n"),
    Sample("Appointments as they change", None, CHANGES),
)
ROLES = {"clinician": "clinician", "marketer": "crm"}
SCOPES = {"clinician": "openid fhirUser user/*.rs __engagement.read", "marketer": "openid __engagement.read"}


# The gateway's part: a schema whose answers depend on the token, and the token checked on both transports.


def name_of(root: "Patient") -> str:
    return "Ada Example"


def conditions_of(root: "Patient") -> list[str] | None:
    return ["Hypertension"] if root.role == "clinician" else None


def engagement_of(root: "Patient") -> int:
    return 72


@strawberry.type
class Patient:
    role: strawberry.Private[str]
    name: str = strawberry.field(
        resolver=name_of, description="The name in use.\nData class: demographic. Needs: user/Patient.rs."
    )
    conditions: list[str] | None = strawberry.field(
        resolver=conditions_of,
        description="What the patient is treated for.\nData class: clinical. Needs: Condition.rs.",
    )
    engagement_score: int = strawberry.field(
        resolver=engagement_of,
        description="From 0 to 100.\nData class: engagement. Needs: __engagement.read.",
    )


@strawberry.type
class Query:
    @strawberry.field
    def patient(self, info: strawberry.Info[dict[str, Any]], id: strawberry.ID) -> Patient:
        return Patient(role=role_of(info.context["request"].headers.get("authorization", "")) or "")

    @strawberry.field
    def engagement(self) -> int:
        return 72


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def changes(self, info: strawberry.Info[dict[str, Any]]) -> AsyncGenerator[str, None]:
        role = role_of(info.context["connection_params"]["authorization"])
        for number in range(1, 4):
            yield f"change {number} for {role}"
            await asyncio.sleep(0.05)


def role_of(authorization: str) -> str | None:
    parts = authorization.removeprefix("Bearer ").split(".")
    if not authorization.startswith("Bearer ") or len(parts) != 3:
        return None
    return str(json.loads(base64.urlsafe_b64decode(parts[1] + "=="))["role"])


class Guarded:
    """Answers 401 where no token is, as the gateway does; counts the requests that came with one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.revoked = False
        self.seen: list[str | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        role = role_of(Request(scope).headers.get("authorization", ""))
        self.seen.append(role)
        if role is not None and not self.revoked:
            return await self.app(scope, receive, send)
        challenge = 'Bearer error="invalid_token", error_description="The token has been revoked"'
        refusal = JSONResponse(
            {"errors": [{"message": "no valid token"}]}, 401, {"WWW-Authenticate": challenge}
        )
        return await refusal(scope, receive, send)


# The identity provider's part: a page of personas, codes that are bound to a PKCE challenge, tokens.


class Identity:
    def __init__(self) -> None:
        self.codes: dict[str, tuple[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self.refuses = False
        self.lifetime = 3600

    def app(self) -> Starlette:
        routes = [
            Route("/authorize", self.authorize),
            Route("/chosen", self.chosen),
            Route("/token", self.token, methods=["POST"]),
        ]
        cors = Middleware(CORSMiddleware, allow_origins=["*"])
        return Starlette(routes=routes, middleware=[cors])

    async def authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        links = (
            f'<p><a href="/chosen?{urlencode({**query, "persona": name})}">{name}</a></p>' for name in ROLES
        )
        return HTMLResponse(f"<link rel=icon href=data:,><h1>Who are you?</h1>{''.join(links)}")

    async def chosen(self, request: Request) -> Response:
        query = request.query_params
        answer = {"state": query["state"]}
        if self.refuses:
            answer |= {"error": "access_denied", "error_description": "This persona is on holiday"}
        else:
            code = secrets.token_urlsafe()
            self.codes[code] = (query["persona"], query["code_challenge"])
            answer |= {"code": code}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}")

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        persona, challenge = self.codes.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if challenge != base64.urlsafe_b64encode(digest).rstrip(b"=").decode():
            return JSONResponse({"error": "invalid_grant", "error_description": "The code is not yours"}, 400)
        return JSONResponse(
            {
                "access_token": made_up_token(persona),
                "token_type": "Bearer",
                "expires_in": self.lifetime,
                "scope": SCOPES[persona],
            }
        )


def made_up_token(persona: str) -> str:
    claims = {"sub": persona, "role": ROLES[persona]}
    if persona == "clinician":
        claims["fhirUser"] = "Practitioner/prac-0001"
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{payload}.c2ln"


# The stage: both servers on real sockets.


@contextmanager
def served(app: ASGIApp, listening: socket.socket | None = None) -> Iterator[str]:
    """The address of *app* until the block ends, on *listening* or else on a free port."""
    listening = listening or socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


class Stage:
    def __init__(self, identity: Identity, guarded: Guarded, origin: str) -> None:
        self.identity = identity
        self.guarded = guarded
        self.origin = origin


@contextmanager
def on_stage() -> Iterator[Stage]:
    """A gateway with the explorer, and an identity provider, each on a free port."""
    identity = Identity()
    schema = strawberry.Schema(Query, subscription=Subscription)
    guarded = Guarded(GraphQL[Any, Any](schema, graphql_ide=None))
    here, there = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    idp = f"http://127.0.0.1:{there.getsockname()[1]}"
    config = ExplorerConfig(
        endpoint="/graphql",
        issuer=idp,
        authorization_endpoint=f"{idp}/authorize",
        token_endpoint=f"{idp}/token",
        client_id="explorer",
        scope="openid user/*.rs",
        samples=SAMPLES,
    )
    graphql = [Route("/graphql", guarded), WebSocketRoute("/graphql", guarded)]
    gateway = Starlette(routes=[*explorer_routes(config), *graphql])
    with ExitStack() as stack:
        stack.enter_context(served(identity.app(), there))
        yield Stage(identity, guarded, stack.enter_context(served(gateway, here)))
