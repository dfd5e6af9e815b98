"""Which web pages may call: cross-origin sharing, the guard against forged requests, origins of sockets."""

import urllib.parse

from gateway.transport.headers import PURPOSE_OF_USE, Headers
from gateway.transport.settings import TransportSettings

HeaderList = list[tuple[bytes, bytes]]

_ASKS_FIRST = (b"graphql-require-preflight", b"apollo-require-preflight", b"x-apollo-operation-name")
_SIMPLE_CONTENT_TYPES = frozenset(
    {b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"}
)
_SHARED: HeaderList = [
    (b"access-control-expose-headers", b"retry-after, www-authenticate"),
]
_ALLOWED = (
    b"authorization",
    b"content-type",
    b"last-event-id",
    b"traceparent",
    PURPOSE_OF_USE.lower().encode(),
    *_ASKS_FIRST,
)
_PREFLIGHT: HeaderList = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b", ".join(_ALLOWED)),
    (b"access-control-max-age", b"600"),
]
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """The configured foreign origins. Tokens travel in headers, so credentials mode is never allowed."""

    def __init__(self, settings: TransportSettings) -> None:
        self._allowed = {origin.encode() for origin in settings.origins}

    def sharing(self, headers: Headers) -> HeaderList:
        """The headers that let a page of an allowed origin read the response."""
        if not self._allowed:
            return []
        origin = headers.get(b"origin")
        vary = [(b"vary", b"Origin")]
        if origin not in self._allowed:
            return vary
        return [*vary, (b"access-control-allow-origin", origin), *_SHARED]

    def preflight(self, headers: Headers) -> HeaderList:
        """The answer to a browser that asks before it sends; nothing is allowed to an unknown origin."""
        asks = headers.get(b"origin") in self._allowed and b"access-control-request-method" in headers
        return _PREFLIGHT if asks else []

    def may_open_socket(self, headers: Headers) -> bool:
        """Whether a handshake may go on: browsers do not ask first for sockets, so the origin decides.

        Clients that are no browsers send no `Origin`; a page of our own host does not need to be listed.
        """
        origin = headers.get(b"origin")
        return origin is None or origin in self._allowed or _is_same_host(origin, headers.get(b"host"))


def is_forgeable(headers: Headers) -> bool:
    """Whether a GET could have been sent by a foreign page without the browser asking us first.

    A header that no page may add unasked rules it out, and so does the browser's own word. What remains is
    refused if any sign of a browser is there: browsers always name themselves, other clients can't be forged.
    """
    if any(name in headers for name in _ASKS_FIRST) or _has_bearer_token(headers):
        return False
    content_type = headers.get(b"content-type")
    if content_type is not None and content_type.split(b";")[0].strip().lower() not in _SIMPLE_CONTENT_TYPES:
        return False
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site != b"same-origin"
    return any(name in headers for name in (b"origin", b"referer", b"cookie")) or headers.get(
        b"user-agent", b""
    ).startswith(b"Mozilla/")


def _has_bearer_token(headers: Headers) -> bool:
    # Basic and Negotiate do not count: browsers add those to foreign requests by themselves.
    return headers.get(b"authorization", b"")[:7].lower() == b"bearer "


def _is_same_host(origin: bytes, host: bytes | None) -> bool:
    if host is None:
        return False
    try:
        page = urllib.parse.urlsplit(origin.decode("ascii"))
        ours = urllib.parse.urlsplit(f"{page.scheme}://{host.decode('ascii')}")
        default = _DEFAULT_PORTS.get(page.scheme)
        return (
            default is not None
            and page.hostname is not None
            and (page.hostname, page.port or default) == (ours.hostname, ours.port or default)
        )
    except ValueError:
        return False
