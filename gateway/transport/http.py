"""GraphQL over HTTP, as one ASGI application: GET and POST in, a GraphQL response or a stream of them out."""

import logging
from collections.abc import Awaitable
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec
from starlette.types import Receive, Scope, Send

from gateway.transport import parameters
from gateway.transport.attendance import Attendance, Gone
from gateway.transport.event_stream import EventStream
from gateway.transport.faults import log_fault
from gateway.transport.headers import Headers, by_name, purpose_of_use
from gateway.transport.negotiation import MediaType, accepted, is_json
from gateway.transport.origins import HeaderList, Origins, is_forgeable
from gateway.transport.refusals import Refusal, Refused, errors, response
from gateway.transport.service import (
    A,
    Answer,
    Asked,
    Meter,
    Outcome,
    Service,
    Unauthenticated,
    Unavailable,
)
from gateway.transport.settings import TransportSettings
from gateway.transport.statuses import media_type_of, status_of
from gateway.transport.streams import Streams
from sources.calling import Alarms

_log = logging.getLogger(__name__)

_OK = 200
_CLIENT_CLOSED_REQUEST = 499
_LENGTH_DIGITS = 18
_METHODS_TAKEN = frozenset({"POST", "GET"})
_METHODS = (b"allow", b"GET, POST, OPTIONS")
_ONLY_POST = (b"allow", b"POST")
_ALWAYS = [
    (b"cache-control", b"no-store"),  # answers hold health data
    (b"x-content-type-options", b"nosniff"),
]


R = TypeVar("R", covariant=True)
C = TypeVar("C", contravariant=True)


class _Reply(NamedTuple):
    status: int
    body: bytes
    extra: HeaderList


class _Serve(Protocol[C, R]):
    """What is done with a request that has passed the gates."""

    def __call__(self, caller: C, asked: Asked, *, reads_only: bool) -> Awaitable[R]: ...


class GraphQLOverHTTP(Generic[A]):
    """One endpoint. Each request passes the same gates in the same order; the first that shuts answers.

    Method, media types, forgery, identity, size, JSON, parameters; then the service. Who accepts events is
    given a stream of them once all gates are passed; whatever one of them says comes as a plain response.
    """

    def __init__(
        self, service: Service[A], settings: TransportSettings, meter: Meter, streams: Streams
    ) -> None:
        self._service = service
        self._settings = settings
        self._profile = settings.status_profile
        self._origins = Origins(settings)
        self._meter = meter
        self._streams = streams
        self._alarms = Alarms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = {}
        wanted: MediaType | None = None
        try:
            headers = by_name(scope["headers"])
            wanted = accepted(headers.get(b"accept"))
            if wanted is MediaType.EVENTS and scope["method"] in _METHODS_TAKEN:
                await self._stream(scope, headers, receive, send)
                return
            reply = await self._reply(scope, headers, wanted, receive)
        except Refused as refused:
            reply = self._refusal(refused.refusal)
        except Unauthenticated as nobody:
            body = response(errors("UNAUTHENTICATED", nobody.description, retryable=False))
            reply = _Reply(401, body, [(b"www-authenticate", nobody.challenge.encode("ascii"))])
        except Unavailable as unavailable:
            later = b"%d" % unavailable.retry_after_s
            reply = _Reply(503, Refusal.UNAVAILABLE.body, [(b"retry-after", later)])
        except Gone:
            self._meter.answered(_CLIENT_CLOSED_REQUEST)
            return
        except Exception as fault:  # noqa: BLE001 - the outermost boundary: fixed words, whatever broke
            log_fault(_log, "request failed", fault)
            reply = self._refusal(Refusal.INTERNAL)
        self._meter.answered(reply.status)
        whole = MediaType.JSON if wanted is None or wanted is MediaType.EVENTS else wanted
        await self._send(reply, headers, whole, send)

    async def _reply(
        self, scope: Scope, headers: Headers, wanted: MediaType | None, receive: Receive
    ) -> _Reply:
        method = scope["method"]
        if method == "OPTIONS":
            return _Reply(204, b"", [_METHODS, *self._origins.preflight(headers)])
        if method not in _METHODS_TAKEN:
            raise Refused(Refusal.METHOD_NOT_ALLOWED)
        if wanted is None:
            raise Refused(Refusal.NOT_ACCEPTABLE)
        answer = await self._asked(scope, headers, receive, self._execute)
        extra: HeaderList = []
        if answer.retry_after_s is not None:
            extra.append((b"retry-after", b"%d" % answer.retry_after_s))
        if answer.outcome is Outcome.NOT_A_QUERY:
            extra.append(_ONLY_POST)
        return _Reply(status_of(answer, wanted, self._profile), answer.body, extra)

    async def _stream(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        described = [*_ALWAYS, *self._origins.sharing(headers)]
        shown = _authorization(headers)
        stream = EventStream(
            self._service, self._settings, self._streams, self._meter, shown, described, send
        )
        await self._asked(scope, headers, receive, stream.serve)
        self._meter.answered(_OK)

    async def _asked(self, scope: Scope, headers: Headers, receive: Receive, serve: _Serve[A, R]) -> R:
        """What *serve* makes of the request, if it passes the gates; it is cancelled if the client leaves."""
        if scope["method"] == "POST":
            return await self._posted(headers, receive, serve)
        return await self._got(scope, headers, receive, serve)

    def _execute(self, caller: A, asked: Asked, *, reads_only: bool) -> Awaitable[Answer]:
        return self._service.execute(caller, asked, only_queries=reads_only)

    async def _posted(self, headers: Headers, receive: Receive, serve: _Serve[A, R]) -> R:
        if not is_json(headers.get(b"content-type")):
            raise Refused(Refusal.UNSUPPORTED_MEDIA_TYPE)
        caller = await self._service.authenticate(_authorization(headers))
        self._refuse_announced(headers)
        async with self._attendance(receive) as client:
            body = await client.body(self._settings.max_body_bytes)
            asked = parameters.from_body(body, purpose_of_use(headers))
            return await serve(caller, _with_place(asked, headers), reads_only=False)

    async def _got(self, scope: Scope, headers: Headers, receive: Receive, serve: _Serve[A, R]) -> R:
        if is_forgeable(headers):
            raise Refused(Refusal.CROSS_SITE)
        query_string: bytes = scope["query_string"]
        if len(query_string) > self._settings.max_body_bytes:
            raise Refused(Refusal.URL_TOO_LONG)
        caller = await self._service.authenticate(_authorization(headers))
        self._refuse_announced(headers)
        asked = parameters.from_query_string(query_string, purpose_of_use(headers))
        async with self._attendance(receive) as client:
            await client.body(self._settings.max_body_bytes)  # none is asked for, and none is used
            return await serve(caller, _with_place(asked, headers), reads_only=True)

    def _attendance(self, receive: Receive) -> Attendance:
        return Attendance(
            receive,
            self._alarms,
            watch_after_s=self._settings.watch_after_s,
            body_timeout_s=self._settings.body_timeout_s,
        )

    def _refuse_announced(self, headers: Headers) -> None:
        """Tell whoever announces too much before it is sent."""
        announced = headers.get(b"content-length", b"0")
        if len(announced) > _LENGTH_DIGITS or int(announced) > self._settings.max_body_bytes:
            raise Refused(Refusal.BODY_TOO_LARGE)

    def _refusal(self, refusal: Refusal) -> _Reply:
        allow = [_METHODS] if refusal is Refusal.METHOD_NOT_ALLOWED else []
        return _Reply(refusal.status(self._profile), refusal.body, allow)

    async def _send(self, reply: _Reply, headers: Headers, wanted: MediaType, send: Send) -> None:
        described = (
            [
                (b"content-type", media_type_of(reply.status, wanted, self._profile).value),
                (b"content-length", b"%d" % len(reply.body)),
            ]
            if reply.body
            else []
        )
        described += [*_ALWAYS, *reply.extra, *self._origins.sharing(headers)]
        await send({"type": "http.response.start", "status": reply.status, "headers": described})
        await send({"type": "http.response.body", "body": reply.body})


def _authorization(headers: Headers) -> str | None:
    value = headers.get(b"authorization")
    return None if value is None else value.decode("latin-1")


def _with_place(asked: Asked, headers: Headers) -> Asked:
    """The request with what its headers say of its place: in a stream that broke off, and in a trace."""
    last, trace = headers.get(b"last-event-id"), headers.get(b"traceparent")
    if not (last or trace):
        return asked
    return msgspec.structs.replace(
        asked,
        resume_after=last.decode("latin-1") if last else None,
        traceparent=trace.decode("latin-1") if trace else None,
    )
