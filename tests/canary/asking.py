"""Clients of all transports: they hand on every byte that came, heads, frames and reasons of closing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.canary.actors import Asker
from tests.canary.documents import Operation
from tests.canary.oracle import Who

WITHIN_S = 120.0
LIMITS = httpx.Limits(max_connections=24, keepalive_expiry=1.0)
"""A connection is let go of well before the gateway would hang up on one that lies idle."""
Told = Callable[["Asked", bytes], None]


@dataclass(frozen=True)
class Asked:
    """One operation of one actor, `who` being whom the request makes of them."""

    asker: Asker
    who: Who
    operation: Operation
    transport: str
    extensions: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> dict[str, Any]:
        given = {"query": self.operation.document, "variables": self.operation.variables}
        return given | ({"extensions": self.extensions} if self.extensions else {})


class Clients:
    """Asks, and hands what comes back to *told*. `hung_up` counts connections that ended unanswered."""

    def __init__(self, url: str, told: Told) -> None:
        self.hung_up = 0
        self._url = url
        self._told = told
        self._http = httpx.AsyncClient(timeout=WITHIN_S, limits=LIMITS)

    async def close(self) -> None:
        await self._http.aclose()

    async def _post(self, asked: Asked) -> None:
        answer = await self._http.post(self._url, content=_json(asked.payload), headers=_headers(asked))
        self._told(asked, _head(answer) + answer.content)

    async def _get(self, asked: Asked) -> None:
        given = {n: v if isinstance(v, str) else json.dumps(v) for n, v in asked.payload.items()}
        answer = await self._http.get(self._url, params=given, headers=_headers(asked))
        self._told(asked, _head(answer) + answer.content)

    async def _stream(self, asked: Asked) -> None:
        """An event stream, to its end."""
        headers = _headers(asked) | {"accept": "text/event-stream"}
        async with self._http.stream(
            "POST", self._url, content=_json(asked.payload), headers=headers
        ) as answer:
            self._told(asked, _head(answer))
            async for line in answer.aiter_lines():
                self._told(asked, line.encode())

    async def socket(self, many: list[Asked]) -> None:
        """Several operations of one actor over one WebSocket, until all have ended."""
        left = dict(enumerate(many))
        async with self._connected() as socket:
            try:
                await _introduced(socket, many[0].asker.token)
                for number, asked in left.items():
                    await socket.send(
                        _frame({"id": str(number), "type": "subscribe", "payload": asked.payload})
                    )
                while left:
                    frame = await asyncio.wait_for(socket.recv(decode=False), WITHIN_S)
                    message = json.loads(frame)
                    number = int(message["id"])
                    self._told(many[number], frame)
                    if message["type"] in ("complete", "error"):
                        del left[number]
            except ConnectionClosed as closed:
                self._told(many[0], repr(closed).encode())

    def _connected(self) -> connect:
        url = self._url.replace("http://", "ws://")
        return connect(
            url,
            subprotocols=[Subprotocol("graphql-transport-ws")],
            open_timeout=WITHIN_S,
            close_timeout=5,
            max_size=None,
        )

    async def ask(self, asked: Asked) -> None:
        """Asks; once more where the gateway hung up on a connection that lay idle."""
        road = {"post": self._post, "get": self._get, "stream": self._stream}[asked.transport]
        try:
            await road(asked)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            self.hung_up += 1
            await road(asked)


async def _introduced(socket: ClientConnection, token: str) -> None:
    await socket.send(_frame({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}))
    await asyncio.wait_for(socket.recv(decode=False), WITHIN_S)


def _frame(message: dict[str, Any]) -> str:
    return json.dumps(message)


def _json(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload).encode()


def _headers(asked: Asked) -> dict[str, str]:
    given = {"authorization": f"Bearer {asked.asker.token}", "content-type": "application/json"}
    return given | asked.headers


def _head(answer: httpx.Response) -> bytes:
    return repr((answer.status_code, answer.reason_phrase, answer.headers.multi_items())).encode()
