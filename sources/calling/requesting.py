"""Owns how a request to one source is made up: URL (of no other origin), headers and body. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from sources.calling.transport import Request

Pairs = Sequence[tuple[str, str]]
"""Names and values of a form or a query; a name may come several times."""


class Requests:
    """Makes requests to the source at *base_url*, each with *headers*."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._base_url = base_url.rstrip("/")
        self._origin = _origin(self._base_url)
        self._headers = dict(headers)

    def owns(self, url: str) -> bool:
        """Whether the absolute *url* has the origin of this source: scheme, host and port."""
        try:
            return _origin(url) == self._origin
        except ValueError:
            return False

    def made(
        self,
        method: str,
        path: str,
        *,
        query: Pairs | None = None,
        form: Pairs | None = None,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Request:
        """The request; see `Upstream.send`."""
        url = self._url(path)
        if query:
            url = f"{url}?{_encoded(query)}"
        sent = self._headers if headers is None else self._headers | dict(headers)
        if form is not None:
            sent = sent | {"Content-Type": "application/x-www-form-urlencoded"}
            return Request(method, url, sent, _encoded(form).encode())
        if json is not None:
            sent = {"Content-Type": "application/json"} | sent
            return Request(method, url, sent, msgspec.json.encode(json))
        return Request(method, url, sent, body)

    def _url(self, path: str) -> str:
        if "://" not in path:
            return f"{self._base_url}/{path}" if path else self._base_url
        if not self.owns(path):
            raise ValueError("a call to another origin would take our credentials there")
        return path


def dressed(request: Request, authorization: str | None, traceparent: str | None) -> Request:
    """*request* with what is only known when it is sent."""
    if authorization is None and traceparent is None:
        return request
    headers = dict(request.headers)
    if authorization is not None:
        headers["Authorization"] = authorization
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return request._replace(headers=headers)


def _encoded(pairs: Pairs) -> str:
    # Commas and slashes need no escape there (RFC 3986, 3.4), and a list of references without escapes is
    # many times cheaper.
    return urlencode(pairs, safe=",/")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default
