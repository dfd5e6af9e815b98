"""The headers of a request by name, with no room for two readings of one request."""

from collections.abc import Iterable

from gateway.transport.refusals import Refusal, Refused

Headers = dict[bytes, bytes]
"""Values by lower-case name."""

PURPOSE_OF_USE = "X-Purpose-Of-Use"
"""The header, and the key in the payload of `connection_init`, that states why a request is made."""

_PURPOSE_OF_USE = PURPOSE_OF_USE.lower().encode()

_ONCE = frozenset(
    {
        b"authorization",
        b"content-type",
        b"content-length",
        b"host",
        b"last-event-id",
        b"origin",
        b"sec-fetch-site",
        _PURPOSE_OF_USE,
    }
)


def by_name(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers as a mapping; lists that were sent in parts are joined (RFC 9110 section 5.3).

    Raises:
        Refused: a header came twice of which a proxy and this server could each believe another one.
    """
    pairs = list(headers)
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    joined: Headers = {}
    for name, value in pairs:
        if name not in joined:
            joined[name] = value
        elif name in _ONCE:
            raise Refused(Refusal.BAD_HEADERS)
        else:
            joined[name] += b", " + value
    return joined


def purpose_of_use(headers: Headers) -> str | None:
    """The purpose of use that the headers state, as it was sent."""
    value = headers.get(_PURPOSE_OF_USE)
    return None if value is None else value.decode("latin-1")
