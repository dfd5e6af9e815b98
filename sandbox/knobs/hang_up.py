"""Owns the server's end of a dropped connection, for which ASGI has no word."""

import socket
import struct
from collections.abc import Callable

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "caregraph.sandbox.hang_up"


class HangUpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with an ASGI extension by which an application may drop the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"call": self._hang_up}}

    def _hang_up(self, *, reset: bool) -> None:
        sock = self.transport.get_extra_info("socket")
        if reset and sock is not None:
            # With no time to linger, closing sends RST where it would send FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if reset:
            self.transport.abort()
        else:
            self.transport.close()


class CannotHangUp(RuntimeError):
    """The server under the stand-in is not the sandbox's own."""

    def __init__(self) -> None:
        super().__init__("this fault needs the sandbox's own server; start it by `sandbox.serve`")


def hang_up(scope: Scope) -> Callable[..., None]:
    """What drops the connection of this request: at once with `reset=True`, else once what was sent has left.

    Raises:
        CannotHangUp: the server does not offer the extension.
    """
    extension = (scope.get("extensions") or {}).get(EXTENSION)
    if extension is None:
        raise CannotHangUp
    call: Callable[..., None] = extension["call"]
    return call
