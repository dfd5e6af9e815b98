"""The ASGI application of the textbook service: Strawberry's view on Starlette, one httpx client."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from benchmarks.textbook.graph import Query
from benchmarks.textbook.loading import Context


class View(GraphQL[Context, None]):
    """Strawberry's view with our loaders as its context."""

    http: httpx.AsyncClient

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        return Context(self.http)


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
view = View(schema, graphql_ide=None)


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """One client for the life of the process, with room for every connection of the load."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    headers = {"Authorization": "Bearer static"}
    async with httpx.AsyncClient(
        base_url=os.environ["UPSTREAM"], headers=headers, limits=limits
    ) as view.http:
        yield


app = Starlette(routes=[Route("/graphql", view)], lifespan=lifespan)
