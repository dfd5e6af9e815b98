"""Where the doors are: one path for HTTP, event streams and WebSocket."""

from collections.abc import Awaitable, Sequence

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

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


def ahead_of(app: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
    """*app*, but that requests to `/graphql` among *routes* go there at once.

    A router and the middleware around it cost 2 % of a small request.
    """
    graphql = next(route for route in routes if isinstance(route, Route) and route.path == PATH).app

    def front(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_graphql = scope["type"] == "http" and scope["path"] == PATH and not scope.get("root_path")
        return (graphql if is_graphql else app)(scope, receive, send)

    return front
