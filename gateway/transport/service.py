"""The service that answers behind the doors: what the transport asks of it and what it may say back."""

import enum
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

A = TypeVar("A")
"""The caller, as the service knows it; the transport only carries it."""


class Asked(msgspec.Struct, frozen=True):
    """One GraphQL request (GraphQL over HTTP, "Request parameters"), shapes checked, meaning not.

    `query` is None only when `extensions` names a persisted query. `purpose` is the purpose of use as it was
    stated beside the request: in a header, or when the connection was opened. `resume_after` is the cursor of
    the last result that the client has of a stream that broke off; `traceparent` is the trace that the
    request is part of (W3C Trace Context), as it was sent.
    """

    query: str | None
    operation_name: str | None = None
    variables: dict[str, Any] = {}
    extensions: dict[str, Any] = {}
    purpose: str | None = None
    resume_after: str | None = None
    traceparent: str | None = None


class Outcome(enum.Enum):
    """How far a request came; each has its HTTP statuses in `statuses`."""

    EXECUTED = enum.auto()
    """It ran: the response has a `data` entry, maybe null, maybe beside `errors`."""
    PARSE_FAILED = enum.auto()
    """The document is not GraphQL."""
    REQUEST_REFUSED = enum.auto()
    """Validation, limits, an operation that cannot be told, variables that do not fit: nothing ran."""
    NOT_A_QUERY = enum.auto()
    """Only queries were allowed (GET) and the operation is another kind: nothing ran."""
    RATE_LIMITED = enum.auto()
    """This caller must wait before it asks again: nothing ran."""
    TIMED_OUT = enum.auto()
    """The gateway's own deadline passed, and there is no data to show."""
    FAILED = enum.auto()
    """The gateway failed, and there is no data to show."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole GraphQL response, encoded.

    `partial` says that the body holds both data and errors. `retry_after_s` becomes `Retry-After`.
    """

    body: bytes
    outcome: Outcome = Outcome.EXECUTED
    partial: bool = False
    retry_after_s: int | None = None


class Result(NamedTuple):
    """One result of a stream: a whole GraphQL response, encoded, on one line.

    Who comes back with `cursor`, printable ASCII, is given what came after it.
    """

    body: bytes
    cursor: str | None = None


class Unauthenticated(Exception):
    """The caller has no identity here, or no longer has.

    `challenge` is the value of `WWW-Authenticate` (RFC 6750 section 3). `description` is what the client
    reads: a sentence from a fixed set, never a part of the token.
    """

    def __init__(self, challenge: str, description: str) -> None:
        super().__init__(description)
        if not (challenge.isascii() and challenge.isprintable()):
            raise ValueError("a challenge is printable ASCII; build it from fixed words")
        self.challenge = challenge
        self.description = description


class Unavailable(Exception):
    """It cannot be told now who the caller is; the same request may work later."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("identity is unavailable")
        self.retry_after_s = retry_after_s


class RequestRefused(Exception):
    """A subscription that does not start, or ends by an error.

    `errors` is a JSON array of GraphQL errors, ready to send.
    """

    def __init__(self, errors: bytes) -> None:
        super().__init__("the request was refused")
        self.errors = errors


class Service(Protocol[A]):
    """Identity, operations, policy and execution, as one thing to the transport."""

    async def authenticate(self, authorization: str | None) -> A:
        """The caller that this `Authorization` value stands for; None when there was no such header.

        Raises:
            Unauthenticated: nobody, expired, forged, or meant for another audience.
            Unavailable: it cannot be told now.
        """
        ...

    async def execute(self, caller: A, asked: Asked, *, only_queries: bool) -> Answer:
        """Run one operation. With `only_queries`, anything else is `NOT_A_QUERY`, before it has an effect.

        The call is cancelled when the client leaves, and must let that through.
        """
        ...

    def subscribe(self, caller: A, asked: Asked, *, reads_only: bool = False) -> AsyncGenerator[Result, None]:
        """The results of one operation of any kind; with `reads_only`, of any but a mutation.

        A query or a mutation gives one item. The generator is pulled only as fast as the client reads, and
        is closed when the client stops listening or leaves.

        Raises:
            RequestRefused: instead of an item; it ends the operation.
            Unauthenticated: the caller lost its identity; it ends the connection.
        """
        ...

    def expires_at(self, caller: A) -> float:
        """When this identity ends, in seconds since the epoch; connections end with it."""
        ...


class Meter(Protocol):
    """Counts how requests and connections ended."""

    def answered(self, status: int) -> None:
        """One HTTP request ended with this status; 499 means that its client left first."""
        ...

    def closed(self, code: int) -> None:
        """One WebSocket ended with this close code; 403 means that the handshake was refused."""
        ...

    def streamed(self, ending: str) -> None:
        """One event stream ended so (`event_stream.Ending`)."""
        ...
