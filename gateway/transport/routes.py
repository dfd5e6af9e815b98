"""Where the doors are: one path for HTTP and WebSocket."""

from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.service import A, Meter, Service
from gateway.transport.settings import TransportSettings
from gateway.transport.websocket import GraphQLOverWebSocket

PATH = "/graphql"


def graphql_routes(service: Service[A], settings: TransportSettings, meter: Meter) -> list[BaseRoute]:
    """The routes of `/graphql` for a Starlette application, without middleware of their own."""
    return [
        Route(PATH, endpoint=GraphQLOverHTTP(service, settings, meter), name="graphql"),
        WebSocketRoute(PATH, endpoint=GraphQLOverWebSocket(service, settings, meter), name="graphql-ws"),
    ]
