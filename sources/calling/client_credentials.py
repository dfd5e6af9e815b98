"""Owns the client credentials grant with a secret (RFC 6749, 4.4)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from urllib.parse import quote_plus

from sources.calling.tls import SYSTEM, Tls
from sources.calling.tokens import TokenClient, form_request
from sources.calling.transport import Request, Transport


def client_credentials(
    source: str,
    token_url: str,
    client_id: str,
    client_secret: str,
    scopes: Sequence[str] = (),
    *,
    in_body: bool = False,
    transport: Transport | None = None,
    tls: Tls = SYSTEM,
) -> TokenClient:
    """An authorizer for a client with a secret, sent as HTTP Basic or, if *in_body*, in the form."""
    form = {"grant_type": "client_credentials"}
    if scopes:
        form["scope"] = " ".join(scopes)
    headers: dict[str, str] = {}
    if in_body:
        form |= {"client_id": client_id, "client_secret": client_secret}
    else:
        headers["Authorization"] = _basic(client_id, client_secret)
    request = form_request(token_url, form, headers)

    async def grant(transport: Transport) -> Request:
        return request

    return TokenClient(source, grant, transport, tls=tls, scope=" ".join(scopes) or None)


def _basic(client_id: str, client_secret: str) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
