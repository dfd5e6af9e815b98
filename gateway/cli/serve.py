"""`caregraph serve`: the gateway, by its settings."""

from __future__ import annotations

import argparse
import errno
import gc
import socket
import sys

import uvicorn

from gateway.app import Gateway, create_app
from gateway.settings import Settings, SettingsError, read_settings
from gateway.telemetry import ExporterMissing, set_up_logging
from gateway.transport.connections import HttpConnection, SocketConnection


def run(chosen: argparse.Namespace) -> int:
    try:
        settings = read_settings(chosen.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    set_up_logging(settings.telemetry.log_level)
    host, port = settings.server.host, settings.server.port
    if (why := obstacle(host, port)) is not None:
        print(why, file=sys.stderr)
        return 1
    try:
        app = create_app(settings)
    except (SettingsError, ExporterMissing) as error:
        print(error, file=sys.stderr)
        return 2
    gateway = server(app, settings)
    spare_the_collector()
    gateway.run()
    return 0


def spare_the_collector() -> None:
    """What is there now stays; what requests make is mostly freed by itself, so the collector may come late.

    A full collection goes through all the schema, which takes longer than most requests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(250_000, 20, 50)


class Server(uvicorn.Server):
    """Tells the gateway that it stops before it waits for what is open: event streams end by themselves."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._gateway.stopping()
        await super().shutdown(sockets)


def server(app: Gateway, settings: Settings) -> Server:
    """The gateway's server, on uvloop and httptools; without an access log, which would hold addresses."""
    return Server(
        uvicorn.Config(
            app,
            host=settings.server.host,
            port=settings.server.port,
            loop="uvloop",
            http=HttpConnection,
            ws=SocketConnection,
            ws_max_size=settings.server.body_limit,
            ws_per_message_deflate=False,
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=settings.server.idle_s,
            timeout_graceful_shutdown=5,
        ),
        app,
    )


def obstacle(host: str, port: int) -> str | None:
    """What to say if the gateway can't listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            return _said(host, port, fault)
    return None


def _said(host: str, port: int, fault: OSError) -> str:
    if fault.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; stop what listens there, or choose another port"
    if fault.errno == errno.EACCES:
        return f"port {port} may not be used by this account; choose one above 1023, or grant it the right"
    return f"`{host}` is no address of this machine; set `server.host` to one, or to 0.0.0.0 for all"
