"""The EHR as an ASGI application: addresses, bearer tokens and content types around the FHIR interactions."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.ehr.capability import capability_statement, smart_configuration
from sandbox.ehr.outcomes import FHIR_JSON, Answer, Refusal
from sandbox.ehr.query import Pairs
from sandbox.ehr.quirks import NONE, Quirks
from sandbox.ehr.scopes import access_of
from sandbox.ehr.server import Asked, Server
from sandbox.ehr.store import Store
from sandbox.records import Dataset

Verify: TypeAlias = Callable[[str], Awaitable[dict[str, Any] | None]]
"""Gives the claims of a bearer token, or None for one that is not to be trusted."""

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_ISSUES = {404: "not-found", 405: "not-supported"}


def ehr_app(
    dataset: Dataset, *, verify: Verify, base_url: str, issuer: str | None = None, quirks: Quirks = NONE
) -> Starlette:
    """FHIR R4 REST at `/fhir` of *base_url* (which may end in `/fhir` itself), over *dataset*.

    Writes change the server's own records, never those of *dataset*. With *issuer*, the identity
    provider's URL, the SMART configuration is published too. *quirks* are those of the server it stands for.
    """
    base = f"{base_url.rstrip('/').removesuffix('/fhir')}/fhir"
    resources = {type_: dict(by_id) for type_, by_id in dataset.resources.items()}
    store = Store(resources, base, ZoneInfo(dataset.pms.time_zone))
    routes = [*_public(store, issuer, quirks), *_guarded(Server(store, quirks), verify, quirks)]
    return Starlette(routes=routes, exception_handlers={Refusal: _refused, HTTPException: _not_routed})


def _public(store: Store, issuer: str | None, quirks: Quirks) -> list[Route]:
    started = datetime.now(UTC)

    async def metadata(request: Request) -> Response:
        return _json(capability_statement(store.base, store.types(), issuer, started, quirks))

    async def smart(request: Request) -> Response:
        if issuer is None:
            raise Refusal(
                404, "not-found", "this server was started without an identity provider to point to"
            )
        return Response(msgspec.json.encode(smart_configuration(issuer)), media_type="application/json")

    return [Route("/fhir/metadata", metadata), Route("/fhir/.well-known/smart-configuration", smart)]


def _admission(verify: Verify) -> Callable[[Request], Awaitable[Asked]]:
    """What a request with a valid token asks."""

    async def asked_by(request: Request) -> Asked:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        claims = await verify(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        if claims is None:
            raise Refusal(401, "login", "a valid bearer token is needed", {"WWW-Authenticate": "Bearer"})
        return Asked(access_of(claims), dict(request.headers), await request.body())

    return asked_by


def _guarded(server: Server, verify: Verify, quirks: Quirks) -> list[Route]:
    asked_by = _admission(verify)

    async def instance(request: Request) -> Response:
        type_, id_ = request.path_params["type"], request.path_params["id"]
        asked = await asked_by(request)
        if request.method == "PUT":
            return _response(server.update(type_, id_, asked))
        if request.method == "DELETE":
            return _response(server.delete(type_, id_, asked))
        return _response(server.read(type_, id_, asked, _pairs(request)))

    async def kind(request: Request) -> Response:
        type_, asked = request.path_params["type"], await asked_by(request)
        if request.method == "POST":
            return _response(server.create(type_, asked))
        return _response(server.search(type_, _pairs(request), asked))

    async def search(request: Request) -> Response:
        asked = replace(await asked_by(request), is_posted=True)
        pairs = [*_pairs(request), *_form(request, asked.body)]
        return _response(server.search(request.path_params["type"], pairs, asked))

    async def history(request: Request) -> Response:
        type_, id_ = request.path_params["type"], request.path_params.get("id")
        return _response(server.history(type_, id_, await asked_by(request), _pairs(request)))

    async def batch(request: Request) -> Response:
        return _response(server.batch(await asked_by(request)))

    return [
        Route("/fhir", batch, methods=["POST"]),
        Route("/fhir/", batch, methods=["POST"]),
        *([] if quirks.get_only else [Route("/fhir/{type}/_search", search, methods=["POST"])]),
        Route("/fhir/{type}/_history", history, methods=["GET"]),
        Route("/fhir/{type}/{id}/_history", history, methods=["GET"]),
        Route("/fhir/{type}/{id}", instance, methods=["GET", "PUT", "DELETE"]),
        Route("/fhir/{type}", kind, methods=["GET", "POST"]),
    ]


def _pairs(request: Request) -> Pairs:
    return parse_qsl(request.url.query, keep_blank_values=True)


def _form(request: Request, body: bytes) -> Pairs:
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refusal(415, "structure", "a search by POST has a form body, application/x-www-form-urlencoded")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True)
    except UnicodeDecodeError:
        raise Refusal(400, "structure", "the form body is not UTF-8") from None


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, FHIR_JSON if answer.body else None)


def _json(resource: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(resource), media_type=FHIR_JSON)


async def _refused(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    return _response(refusal.answer())


async def _not_routed(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "there is nothing at this address; see /fhir/metadata"
    return _response(Refusal(status, _ISSUES.get(status, "processing"), text).answer())
