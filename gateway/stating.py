"""The purpose a request states: read from where it may stand, and held to what the caller may ask for."""

from __future__ import annotations

from gateway.errors import Code, Fault, RequestError
from gateway.transport.service import Asked
from policies import Actor, Purpose, PurposeRefused, PurposeUnknown, for_purpose

EXTENSION = "purposeOfUse"
"""The operation's own word, in the `extensions` of the request: it goes before the header's."""

UNKNOWN = (
    "The purpose of use stated is no code that is known here. State one of "
    f"{', '.join(sorted(purpose.value for purpose in Purpose))}, or none."
)


def stated(caller: Actor, asked: Asked) -> Actor:
    """The caller, asking for the purpose that the request states; as they are where it states none.

    The operation's `extensions.purposeOfUse` goes before what was stated beside it, in the `X-Purpose-Of-Use`
    header or the `connection_init` of a WebSocket.

    Raises:
        RequestError: it is no code (BAD_USER_INPUT), or not for this caller to ask for (FORBIDDEN).
    """
    own = asked.extensions.get(EXTENSION)
    purpose = asked.purpose if own is None else own
    if purpose is None:
        return caller
    if not isinstance(purpose, str):
        raise RequestError(Code.BAD_USER_INPUT, [Fault(UNKNOWN)])
    try:
        return for_purpose(caller, purpose)
    except PurposeUnknown:
        raise RequestError(Code.BAD_USER_INPUT, [Fault(UNKNOWN)]) from None
    except PurposeRefused as refused:
        raise RequestError(Code.FORBIDDEN, [Fault(_words(refused))]) from None


def _words(refused: PurposeRefused) -> str:
    may = " or ".join(purpose.value for purpose in refused.permitted) or "none"
    return f"With this token you may not ask for the purpose {refused.purpose.value}. State {may}."
