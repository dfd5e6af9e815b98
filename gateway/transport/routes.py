"""Where the doors are: one path for HTTP, event streams and WebSocket."""

from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.transport.http import GraphQLOverHTTP
from gateway.transport.service import A, Meter, Service
from gateway.transport.settings import TransportSettings
from gateway.transport.streams import Streams
from gateway.transport.websocket import GraphQLOverWebSocket

PATH = "/graphql"


def graphql_routes(
    service: Service[A], settings: TransportSettings, meter: Meter, streams: Streams
) -> list[BaseRoute]:
    """The routes of `/graphql` for a Starlette application, without middleware of their own.

    *streams* is told when the process is about to stop.
    """
    return [
        Route(PATH, endpoint=GraphQLOverHTTP(service, settings, meter, streams), name="graphql"),
        WebSocketRoute(PATH, endpoint=GraphQLOverWebSocket(service, settings, meter), name="graphql-ws"),
    ]
