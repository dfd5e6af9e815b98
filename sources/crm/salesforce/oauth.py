"""Owns how we sign in to a Salesforce org: by a secret, or by an assertion signed for one of its users.

https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from msgspec import Struct

from sources.calling import Nonconforming, Reader, Request, Transport
from sources.calling.tls import SYSTEM, Tls
from sources.calling.tokens import Grant, TokenClient, form_request

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ALGORITHM = "RS256"
_LIFE_S = 120
"""How long an assertion lives; Salesforce takes at most 180 seconds."""


class _Signed(Struct, frozen=True, gc=False):
    """What a token answer says of the org."""

    instance_url: str


_SIGNED = Reader[_Signed](_Signed, "token response")


def client_credentials(
    source: str,
    url: str,
    client_id: str,
    client_secret: str,
    *,
    transport: Transport | None = None,
    tls: Tls = SYSTEM,
) -> TokenClient:
    """An authorizer for a connected app that runs as a user of the org at *url*, its My Domain.

    `login.salesforce.com` does not take this grant.
    """
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    }
    request = form_request(_token_url(url), form)

    async def grant(transport: Transport) -> Request:
        return request

    return _client(source, url, grant, transport, tls)


def jwt_bearer(
    source: str,
    url: str,
    client_id: str,
    username: str,
    private_key: str,
    *,
    audience: str = "https://login.salesforce.com",
    transport: Transport | None = None,
    tls: Tls = SYSTEM,
) -> TokenClient:
    """An authorizer for a connected app whose certificate the org knows, acting as *username*.

    *private_key* is RSA, as PEM; *audience* is `https://test.salesforce.com` for a sandbox.

    Raises:
        ValueError: the key is not a private RSA key.
    """
    key = signing_key(private_key)

    async def grant(transport: Transport) -> Request:
        claims = {"iss": client_id, "sub": username, "aud": audience, "exp": int(time.time()) + _LIFE_S}
        assertion = jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, key, algorithms=[ALGORITHM])
        return form_request(_token_url(url), {"grant_type": GRANT_TYPE, "assertion": assertion})

    return _client(source, url, grant, transport, tls)


def _client(source: str, url: str, grant: Grant, transport: Transport | None, tls: Tls) -> TokenClient:
    return TokenClient(source, grant, transport, examine=of_the_org(url), tls=tls)


def of_the_org(url: str) -> Callable[[bytes], None]:
    """A check that a token answer is from the org at *url*: a token of another org is not ours to send.

    Calls go to *url* whatever the answer says; it raises `Nonconforming` if the answer says otherwise.
    """
    mine = _origin(url)

    def examine(body: bytes) -> None:
        if _origin(_SIGNED.read(body).instance_url) != mine:
            raise Nonconforming("token response.instance_url: another org than the one configured")

    return examine


def _token_url(url: str) -> str:
    return f"{url.rstrip('/')}/services/oauth2/token"


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.netloc.lower()
    except ValueError:
        return "", ""


def signing_key(pem: str) -> RSAKey:
    """The private RSA key in *pem*.

    Raises:
        ValueError: there is none; the message does not show it.
    """
    try:
        key = RSAKey.import_key(pem)
    except Exception:  # noqa: BLE001 (whatever the library says may hold the key)
        raise ValueError(
            "the key of the connected app cannot be read; give an RSA private key as PEM"
        ) from None
    if not key.is_private:
        raise ValueError("the key of the connected app is public; give its private RSA key as PEM")
    return key
