"""Our public keys, for servers that check what we sign: `/.well-known/jwks.json` (RFC 7517)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/.well-known/jwks.json"
MAX_AGE_S = 3600
"""How long servers may keep the keys: publish a new one at least that long before it is used."""


class SameKeyId(ValueError):
    """Two different keys bear one id: a server could not tell which of them signed."""


def jwks_route(keys: Iterable[Mapping[str, str]]) -> Route:
    """The route to *keys*, public JWKs, each once.

    Raises:
        SameKeyId: two differ and bear one `kid`.
    """
    body = msgspec.json.encode({"keys": distinct(keys)})
    headers = {"Cache-Control": f"public, max-age={MAX_AGE_S}"}

    async def published(_: Request) -> Response:
        return Response(body, media_type="application/jwk-set+json", headers=headers)

    return Route(PATH, published, methods=["GET"])


def distinct(keys: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Each key once, in the order of their ids.

    Raises:
        SameKeyId: two differ and bear one `kid`.
    """
    found: dict[str, Mapping[str, str]] = {}
    for key in keys:
        if found.setdefault(key["kid"], key) != key:
            raise SameKeyId("two private keys bear one `kid`; give each an id of its own")
    return [found[key_id] for key_id in sorted(found)]
