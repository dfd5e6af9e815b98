"""Owns SMART Backend Services: a client that proves itself with a signed assertion, no secret on the wire.

https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

from sources.calling.answers import Nonconforming, Reader
from sources.calling.tokens import TokenClient, fetched, form_request
from sources.calling.transport import Request, Transport
from sources.errors import SourceMisread

ALGORITHM = "ES384"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE_S = 240
"""How long an assertion lives; servers take at most 300 seconds."""


class _SmartConfiguration(msgspec.Struct, frozen=True):
    """What is read of `/.well-known/smart-configuration`."""

    token_endpoint: str


_CONFIGURATION = Reader[_SmartConfiguration](_SmartConfiguration, "smart-configuration")


class BackendClient:
    """A grant that signs with the private EC key *key* (P-384), which the server knows under *key_id*."""

    def __init__(
        self,
        source: str,
        fhir_base_url: str,
        client_id: str,
        key: ECKey,
        key_id: str,
        scopes: Sequence[str],
        token_url: str | None = None,
    ) -> None:
        self._source = source
        self._fhir_base_url = fhir_base_url.rstrip("/")
        self._client_id = client_id
        self._key = key
        self._key_id = key_id
        self._scope = " ".join(scopes)
        self._token_url = token_url

    async def __call__(self, transport: Transport) -> Request:
        """The token request.

        Raises:
            SourceError: the token endpoint could not be discovered.
        """
        if self._token_url is None:
            self._token_url = await self._discovered(transport)
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self._assertion(self._token_url),
        }
        return form_request(self._token_url, form)

    def _assertion(self, audience: str) -> str:
        header = {"alg": ALGORITHM, "kid": self._key_id, "typ": "JWT"}
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "exp": int(time.time()) + _LIFE_S,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    async def _discovered(self, transport: Transport) -> str:
        url = f"{self._fhir_base_url}/.well-known/smart-configuration"
        request = Request("GET", url, {"Accept": "application/json"})
        try:
            endpoint = _CONFIGURATION.read(await fetched(self._source, transport, request)).token_endpoint
        except Nonconforming as error:
            raise SourceMisread(self._source, str(error)) from None
        if not endpoint.startswith(("https://", f"{self._fhir_base_url.partition('://')[0]}://")):
            raise SourceMisread(
                self._source, "smart-configuration.token_endpoint: less safe than the base URL"
            )
        return endpoint


def backend_services(
    source: str,
    fhir_base_url: str,
    client_id: str,
    private_key: str | dict[str, str | list[str]],
    key_id: str,
    scopes: Sequence[str] = ("system/*.rs",),
    *,
    token_url: str | None = None,
    transport: Transport | None = None,
) -> TokenClient:
    """An authorizer for the client whose *private_key* (JWK or PEM) the EHR knows under *key_id*.

    The token endpoint is discovered from the FHIR base unless it is given.

    Raises:
        ValueError: the key is not a private one on the curve P-384.
    """
    key = _private_key(private_key)
    grant = BackendClient(source, fhir_base_url, client_id, key, key_id, scopes, token_url)
    return TokenClient(source, grant, transport)


def _private_key(given: str | dict[str, str | list[str]]) -> ECKey:
    try:
        key = ECKey.import_key(given)
    except Exception:  # noqa: BLE001 (whatever the library says may hold the key)
        raise ValueError("the backend key cannot be read; give a P-384 private key as JWK or PEM") from None
    if not key.is_private or key.curve_name != "P-384":
        raise ValueError("the backend key is not a private key on P-384; make one for ES384")
    return key
