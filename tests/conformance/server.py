"""The transport on the small schema of its tests, for clients that are not ours: prints its port, runs on."""

import asyncio
import socket
import sys

import uvicorn
from starlette.applications import Starlette

from gateway.transport.routes import graphql_routes
from gateway.transport.settings import TransportSettings
from gateway.transport.streams import Streams
from tests.gateway.transport.tiny import Counts, Tiny


def main() -> None:
    app = Starlette(routes=graphql_routes(Tiny(), TransportSettings(), Counts(), Streams()))
    config = uvicorn.Config(app, ws="websockets-sansio", lifespan="off", log_level="error")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
