"""The closed table of error codes and words: what a client is told, and what a log is told, of a failure."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

import msgspec
from graphql import GraphQLError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.identity.refusals import IdentityUnavailable, Unauthenticated
from gateway.telemetry import trace_id as new_trace_id
from resolvers.faults import BadInput, TooMuch
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable

log = logging.getLogger(__name__)

FormattedError: TypeAlias = dict[str, Any]
Path: TypeAlias = Sequence[str | int]


class Code(Enum):
    """What a client may branch on, with its words. To add one changes the schema; to rename one breaks it."""

    UNAUTHENTICATED = "Sign in: the request bears no access token that is valid here."
    FORBIDDEN = "You may not read this field."
    BAD_USER_INPUT = "A value in the request cannot be used."
    GRAPHQL_PARSE_FAILED = "The document is not GraphQL."
    GRAPHQL_VALIDATION_FAILED = "The document does not fit the schema."
    PERSISTED_QUERY_NOT_FOUND = "The persisted document is not known here. Send the whole document once."
    PERSISTED_QUERY_HASH_MISMATCH = "The hash is not that of the document."
    QUERY_NOT_IN_SAFELIST = "Only registered documents may be run here."
    COST_ESTIMATED_TOO_EXPENSIVE = "The operation asks for too much at once. Ask for less."
    MAX_DEPTH_LIMIT = "The operation is nested too deeply."
    MAX_ALIASES_LIMIT = "The operation has too many aliases."
    REQUEST_RATE_LIMITED = "Too many requests. Slow down, then try again."
    SOURCE_UNAVAILABLE = "A system this comes from did not answer. Try again later."
    SOURCE_TIMEOUT = "A system this comes from did not answer in time. Try again later."
    SOURCE_REJECTED = "A system this comes from refused our request."
    SOURCE_MISREAD = "A system this comes from sent data that cannot be relied on."
    CONFLICT = "The record has changed meanwhile. Read it again, then try again."
    GATEWAY_TIMEOUT = "The operation took too long. Ask for less, or try again later."
    INTERNAL = "Something went wrong on our side."

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        Code.PERSISTED_QUERY_NOT_FOUND,
        Code.REQUEST_RATE_LIMITED,
        Code.SOURCE_UNAVAILABLE,
        Code.SOURCE_TIMEOUT,
        Code.GATEWAY_TIMEOUT,
    }
)


class Denied(Exception):
    """Policy refuses a field. *reasons* are rule ids, *missing_scopes* the fewest that would suffice."""

    def __init__(
        self, coordinate: str, reasons: Sequence[str] = (), missing_scopes: Sequence[str] = ()
    ) -> None:
        super().__init__(f"{coordinate} is denied")
        self.coordinate = coordinate
        self.reasons = tuple(reasons)
        self.missing_scopes = tuple(missing_scopes)


class Overdue(Exception):
    """An operation did not end within its deadline."""


class Unrecorded(Exception):
    """What tells of a patient could not be recorded, so it is not told; trying again later may work."""


class Fault(NamedTuple):
    """One thing wrong with a request, in words made only of what its sender sent."""

    message: str
    locations: tuple[tuple[int, int], ...] = ()


class RequestError(Exception):
    """A request that is not run. Its text is its code: *faults* are for the sender, never for a log.

    `retry_after_s` is after how many seconds the same request may be run.
    """

    def __init__(
        self,
        code: Code,
        faults: Sequence[Fault] = (),
        *,
        retryable: bool = False,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(code.name)
        self.retry_after_s = retry_after_s
        self.code = code
        self.retryable = retryable
        self.faults = tuple(faults) or (Fault(code.value),)

    def shown(self, trace_id: str) -> list[FormattedError]:
        """Its faults as GraphQL errors."""
        extra = {} if self.retry_after_s is None else {"retryAfter": self.retry_after_s}
        return [
            _formatted(
                fault.message,
                self.code,
                trace_id,
                locations=fault.locations,
                extra=extra,
                retryable=self.retryable,
            )
            for fault in self.faults
        ]


CODES: dict[type[BaseException], Code] = {
    Unauthenticated: Code.UNAUTHENTICATED,
    IdentityUnavailable: Code.SOURCE_UNAVAILABLE,
    Denied: Code.FORBIDDEN,
    BadInput: Code.BAD_USER_INPUT,
    TooMuch: Code.COST_ESTIMATED_TOO_EXPENSIVE,
    Overdue: Code.GATEWAY_TIMEOUT,
    Unrecorded: Code.INTERNAL,
    SourceUnavailable: Code.SOURCE_UNAVAILABLE,
    SourceTimeout: Code.SOURCE_TIMEOUT,
    SourceRejected: Code.SOURCE_REJECTED,
    SourceMisread: Code.SOURCE_MISREAD,
}


def code_of(exc: BaseException) -> Code:
    """The code of the nearest class along the cause's MRO that has one, else INTERNAL."""
    exc = cause_of(exc)
    if isinstance(exc, RequestError):
        return exc.code
    if isinstance(exc, GraphQLError) and exc.nodes:
        # It points at a node where an argument does not fit, and at none where a value of ours does not.
        return Code.BAD_USER_INPUT
    return next((CODES[kind] for kind in type(exc).__mro__ if kind in CODES), Code.INTERNAL)


def cause_of(exc: BaseException) -> BaseException:
    """What was raised in a resolver, out of the GraphQLErrors around it."""
    while isinstance(exc, GraphQLError) and exc.original_error is not None:
        exc = exc.original_error
    return exc


def shown(
    exc: BaseException,
    *,
    path: Path | None = None,
    locations: Sequence[tuple[int, int]] = (),
    trace_id: str,
) -> FormattedError:
    """The failure as a GraphQL error: the code's own words, never an exception's that may hold a value."""
    cause = cause_of(exc)
    code = code_of(cause)
    extra: dict[str, Any] = {}
    if isinstance(cause, SourceError | IdentityUnavailable):
        extra["source"] = cause.source
    if isinstance(cause, Denied):
        extra["reasons"] = list(cause.reasons)
        extra["missingScopes"] = list(cause.missing_scopes)
    # What is wrong with an argument is said in words of ours that name it (`resolvers.faults`).
    words = str(cause) if isinstance(cause, BadInput) else code.value
    retryable = isinstance(cause, Unrecorded)
    return _formatted(words, code, trace_id, path=path, locations=locations, extra=extra, retryable=retryable)


def _formatted(
    message: str,
    code: Code,
    trace_id: str,
    *,
    path: Path | None = None,
    locations: Sequence[tuple[int, int]] = (),
    extra: dict[str, Any] | None = None,
    retryable: bool = False,
) -> FormattedError:
    formatted: FormattedError = {"message": message}
    if locations:
        formatted["locations"] = [{"line": line, "column": column} for line, column in locations]
    if path is not None:
        formatted["path"] = list(path)
    formatted["extensions"] = {
        "code": code.name,
        **(extra or {}),
        "retryable": code.retryable or retryable,
        "traceId": trace_id,
    }
    return formatted


def report(exc: BaseException, trace_id: str) -> None:
    """Log a failure that is ours (INTERNAL): its class and where in the code, never its text."""
    cause = cause_of(exc)
    if code_of(cause) is Code.INTERNAL:
        log.error(
            "internal error",
            extra={"error": type(cause).__name__, "at": place(cause.__traceback__), "trace_id": trace_id},
        )


def place(traceback: TracebackType | None) -> str:
    """Where a failure was raised: `module:function:line`."""
    if traceback is None:
        return "nowhere"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}:{traceback.tb_lineno}"


class ErrorBoundary:
    """The outermost layer of the app: what escapes everything else is logged without its text, and answered.

    Without it the server would log the exception's own words, which may hold a record's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as exc:  # noqa: BLE001 - the one place that takes all: nothing is above it
            trace_id = str(scope.get("state", {}).get("trace_id") or new_trace_id())
            report(exc, trace_id)
            await _last_words(scope["type"], exc, trace_id, send, started=started)


async def _last_words(kind: str, exc: BaseException, trace_id: str, send: Send, *, started: bool) -> None:
    if kind == "websocket":
        with suppress(RuntimeError):  # it may be closed already
            await send({"type": "websocket.close", "code": 4500, "reason": "Internal server error"})
    elif started:
        # An answer cut short has to look cut short: an empty last chunk would make it look whole.
        raise _CutShort from None
    else:
        body = msgspec.json.encode({"errors": [shown(exc, trace_id=trace_id)]})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _CutShort(Exception):
    """The answer had begun; the server closes the connection."""
