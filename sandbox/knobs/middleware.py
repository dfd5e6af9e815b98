"""Owns the middleware around a stand-in: a record of its requests, and the fault that is set."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.bodies import Answer, Unreadable, decoded
from sandbox.knobs.faults import Fault, error_body, is_for_tokens
from sandbox.knobs.hang_up import hang_up
from sandbox.knobs.rows import with_foreign_row, with_unknown_field

KEPT = 1_000
LONGEST_BODY = 100_000
DRIPS = 10

_SECRETS = ("authorization", "cookie")
_PAGE = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"


@dataclass
class Recorded:
    """One request as it came in; `status` is None until it is answered, and stays so if it never is.

    `headers` are in lower case, and those that hold secrets are not among them.
    """

    at: str
    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]
    status: int | None = None


@dataclass
class _Caught:
    """An answer held back: its head and its whole body."""

    start: Message
    body: bytes

    async def send_on(self, send: Send) -> None:
        MutableHeaders(scope=self.start)["content-length"] = str(len(self.body))
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})


class Knobs:
    """ASGI middleware around the stand-in *name* (`ehr`, `pms`, `crm`, `salesforce` or `dynamics`).

    `GET` and `DELETE /sandbox/requests` show and forget the last *kept* requests; `PUT /sandbox/faults` sets
    the fault and `GET` shows it; `DELETE /sandbox/tokens` calls *revoke*, which ends every session. Bodies of
    token requests are not kept: they hold secrets.
    """

    def __init__(
        self, app: ASGIApp, name: str, revoke: Callable[[], None] | None = None, kept: int = KEPT
    ) -> None:
        self._app = app
        self._name = name
        self._revoke = revoke
        self._fault = Fault("none")
        self._requests: deque[Recorded] = deque(maxlen=kept)
        self._controls = Starlette(
            routes=[
                Route("/sandbox/requests", self._show_requests, methods=["GET"]),
                Route("/sandbox/requests", self._forget_requests, methods=["DELETE"]),
                Route("/sandbox/faults", self._show_fault, methods=["GET"]),
                Route("/sandbox/faults", self._set_fault, methods=["PUT"]),
                *([Route("/sandbox/tokens", self._end_sessions, methods=["DELETE"])] if revoke else []),
            ],
            exception_handlers={Unreadable: _unreadable},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith("/sandbox/"):
            await self._controls(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return
        record = self._record(scope, body)

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
            await send(message)

        await self._answer(scope, _replayed(body, receive), send_and_note)

    def _record(self, scope: Scope, body: bytes) -> Recorded:
        secret = is_for_tokens(scope["path"])
        record = Recorded(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            body="" if secret else body.decode(errors="replace")[:LONGEST_BODY],
            headers={name: it for name, it in Headers(scope=scope).items() if name not in _SECRETS},
        )
        self._requests.append(record)
        return record

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._fault
        if not fault.hits(scope["path"]):
            await self._app(scope, receive, send)
            return
        fault.spend()
        if fault.mode in ("status", "html", "reset"):
            await self._instead(fault, scope, receive, send)
            return
        if fault.mode == "latency":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
            return
        caught = await self._catch(scope, receive)
        await _spoil(fault, caught, scope, receive, send)

    async def _instead(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or fail to, without asking the stand-in."""
        if fault.mode == "reset":
            hang_up(scope)(reset=True)
            await _gone(receive)
        elif fault.mode == "html":
            await HTMLResponse(_PAGE)(scope, receive, send)
        else:
            headers = {"Retry-After": "1"} if fault.status in (429, 503) else None
            body = error_body(self._name, fault.status)
            await Answer(body, fault.status, headers)(scope, receive, send)

    async def _catch(self, scope: Scope, receive: Receive) -> _Caught:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        start, *rest = messages
        return _Caught(start, b"".join(message.get("body", b"") for message in rest))

    async def _show_requests(self, request: Request) -> Response:
        return Answer({"name": self._name, "requests": list(self._requests)})

    async def _forget_requests(self, request: Request) -> Response:
        self._requests.clear()
        return Response(status_code=204)

    async def _end_sessions(self, request: Request) -> Response:
        if self._revoke is not None:
            self._revoke()
        return Response(status_code=204)

    async def _show_fault(self, request: Request) -> Response:
        return Answer(self._fault)

    async def _set_fault(self, request: Request) -> Response:
        fault = decoded(await request.body(), Fault)
        fault.check()
        self._fault = fault
        return Answer(fault)


async def _spoil(fault: Fault, caught: _Caught, scope: Scope, receive: Receive, send: Send) -> None:
    """Send what the stand-in answered, but not as it should be."""
    if fault.mode == "slow_body":
        await _drip(caught, fault.seconds, send)
    elif fault.mode == "cut":
        await _cut(caught, bool(fault.value), scope, receive, send)
    else:
        rewrite = with_unknown_field if fault.mode == "unknown_field" else with_foreign_row
        _rewrite(caught, rewrite)
        await caught.send_on(send)


def _rewrite(caught: _Caught, rewrite: Callable[[Any], Any]) -> None:
    """Change a successful JSON answer; leave any other as it is."""
    kind = Headers(scope=caught.start).get("content-type", "")
    if caught.start["status"] < 300 and "json" in kind and caught.body:
        caught.body = msgspec.json.encode(rewrite(msgspec.json.decode(caught.body)))


async def _drip(caught: _Caught, seconds: float, send: Send) -> None:
    MutableHeaders(scope=caught.start)["content-length"] = str(len(caught.body))
    await send(caught.start)
    step = max(1, -(-len(caught.body) // DRIPS))
    for begin in range(0, len(caught.body), step):
        await asyncio.sleep(seconds / DRIPS)
        drip = caught.body[begin : begin + step]
        await send({"type": "http.response.body", "body": drip, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _cut(caught: _Caught, claims_all: bool, scope: Scope, receive: Receive, send: Send) -> None:
    half = caught.body[: len(caught.body) // 2]
    if not claims_all:
        await _Caught(caught.start, half).send_on(send)
        return
    end = hang_up(scope)
    MutableHeaders(scope=caught.start)["content-length"] = str(len(caught.body))
    await send(caught.start)
    await send({"type": "http.response.body", "body": half, "more_body": True})
    end(reset=False)
    await _gone(receive)


async def _gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is gone; it would send a 500 of its own before."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body, which was read already, once more."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _unreadable(request: Request, fault: Exception) -> Response:
    return Answer({"error": str(fault)}, 400)
