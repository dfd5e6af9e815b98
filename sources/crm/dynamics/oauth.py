"""Owns how we sign in to Microsoft Entra ID: by a secret, or by a certificate that it knows.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import base64
import re
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import RSAKey

from sources.calling import Request, Transport, client_credentials
from sources.calling.backend_services import ASSERTION_TYPE
from sources.calling.tls import SYSTEM, Tls
from sources.calling.tokens import TokenClient, form_request

ALGORITHM = "PS256"
AUTHORITY = "https://login.microsoftonline.com"
_LIFE_S = 300
_NO_PAIR = "the PEM does not hold a private RSA key and its certificate; give both"
_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z ]+)-----.*?-----END (?P=kind)-----", re.DOTALL)


def client_secret(
    source: str,
    url: str,
    tenant: str,
    client_id: str,
    secret: str,
    *,
    authority: str = AUTHORITY,
    tls: Tls = SYSTEM,
    transport: Transport | None = None,
) -> TokenClient:
    """An authorizer for an app registration of *tenant*, an application user of the organisation at *url*."""
    token_url = _token_url(authority, tenant)
    return client_credentials(
        source, token_url, client_id, secret, [_scope(url)], in_body=True, tls=tls, transport=transport
    )


def client_certificate(
    source: str,
    url: str,
    tenant: str,
    client_id: str,
    pem: str,
    *,
    authority: str = AUTHORITY,
    tls: Tls = SYSTEM,
    transport: Transport | None = None,
) -> TokenClient:
    """The same, by a certificate: *pem* holds its private RSA key and the certificate.

    Raises:
        ValueError: it does not.
    """
    key, thumbprint = signing_pair(pem)
    token_url = _token_url(authority, tenant)

    async def grant(transport: Transport) -> Request:
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": token_url,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + _LIFE_S,
        }
        header = {"alg": ALGORITHM, "typ": "JWT", "x5t#S256": thumbprint}
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "scope": _scope(url),
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(header, claims, key, algorithms=[ALGORITHM]),
        }
        return form_request(token_url, form)

    return TokenClient(source, grant, transport, tls=tls)


def signing_pair(pem: str) -> tuple[RSAKey, str]:
    """The private key in *pem*, and the thumbprint of the certificate there.

    Raises:
        ValueError: one of them is missing, or they do not belong together; the message shows neither.
    """
    blocks = {match["kind"]: match[0] for match in _BLOCK.finditer(pem)}
    try:
        key = RSAKey.import_key(next(text for kind, text in blocks.items() if kind.endswith("PRIVATE KEY")))
        certificate = x509.load_pem_x509_certificate(blocks["CERTIFICATE"].encode())
    except Exception:  # noqa: BLE001 (whatever the libraries say may hold the key)
        raise ValueError(_NO_PAIR) from None
    if key.public_key != certificate.public_key():
        raise ValueError(_NO_PAIR)
    digest = certificate.fingerprint(SHA256())
    return key, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _scope(url: str) -> str:
    return f"{url.rstrip('/')}/.default"


def _token_url(authority: str, tenant: str) -> str:
    return f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token"
