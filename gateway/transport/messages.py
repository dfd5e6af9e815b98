"""The messages and close codes of `graphql-transport-ws`, as types; anything else does not decode."""

from typing import Annotated, Any, NamedTuple

import msgspec

from gateway.transport.parameters import Parameters

SUBPROTOCOL = "graphql-transport-ws"

_AT_MOST_REASON_BYTES = 123
"""What fits beside the code into a close frame (RFC 6455 section 5.5)."""

OperationId = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Payload = dict[str, Any] | None


class ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    """The client introduces itself; a token may be in the payload."""

    payload: Payload = None


class Ping(msgspec.Struct, tag_field="type", tag="ping"):
    """Either side asks for a sign of life."""

    payload: Payload = None


class Pong(msgspec.Struct, tag_field="type", tag="pong"):
    """Either side gives one, asked or not."""

    payload: Payload = None


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    """The client starts an operation of any kind."""

    id: OperationId
    payload: Parameters


class Complete(msgspec.Struct, tag_field="type", tag="complete"):
    """The client stops listening."""

    id: OperationId


Message = ConnectionInit | Ping | Pong | Subscribe | Complete

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


class Close(NamedTuple):
    """Why a connection ends: what the other side reads in the close frame."""

    code: int
    reason: str


INVALID_MESSAGE = Close(4400, "Invalid message received")
UNAUTHORIZED = Close(4401, "Unauthorized")
FORBIDDEN = Close(4403, "Forbidden")
SUBPROTOCOL_NOT_ACCEPTABLE = Close(4406, "Subprotocol not acceptable")
INIT_TIMEOUT = Close(4408, "Connection initialisation timeout")
TOO_MANY_INITS = Close(4429, "Too many initialisation requests")
INTERNAL = Close(4500, "Internal server error")
# Beside the protocol's own, these of RFC 6455:
MESSAGE_TOO_LARGE = Close(1009, "Message too large")
TRY_LATER = Close(1013, "Try again later")
TOO_SLOW = Close(1013, "Messages were not read in time, connect again")


def already_exists(operation: str) -> Close:
    """A second operation under a name that is in use."""
    reason = f"Subscriber for {operation} already exists"
    fits = len(reason.encode()) <= _AT_MOST_REASON_BYTES
    return Close(4409, reason if fits else "Subscriber already exists")


def decoded(text: str) -> Message | None:
    """The message, or None if the protocol has no such message."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


ACK = '{"type":"connection_ack"}'
PONG = '{"type":"pong"}'


def complete(operation: str) -> str:
    """The operation gave all it had."""
    return _about(operation, "complete") + "}"


def error(operation: str, errors: bytes) -> str:
    """The operation ended by these errors, a JSON array."""
    return _about(operation, "error") + ',"payload":' + errors.decode() + "}"


def next_prefix(operation: str) -> str:
    """What stands before each result of an operation; a result and `}` follow."""
    return _about(operation, "next") + ',"payload":'


def _about(operation: str, kind: str) -> str:
    return f'{{"id":{msgspec.json.encode(operation).decode()},"type":"{kind}"'
