"""Owns SMART Backend Services: a client that proves itself with a signed assertion, no secret on the wire.

https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence

import msgspec
from joserfc import jwt

from sources.calling.answers import Nonconforming, Reader
from sources.calling.signing import SigningKey, signing_key
from sources.calling.tls import SYSTEM, Tls
from sources.calling.tokens import TokenClient, fetched, form_request
from sources.calling.transport import Request, Transport
from sources.errors import SourceMisread

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LIFE_S = 240
"""How long an assertion lives; servers take at most 300 seconds."""


class _SmartConfiguration(msgspec.Struct, frozen=True):
    """What is read of `/.well-known/smart-configuration`."""

    token_endpoint: str


_CONFIGURATION = Reader[_SmartConfiguration](_SmartConfiguration, "smart-configuration")


class BackendClient:
    """A grant that signs with *key*, which the server knows under *key_id*."""

    def __init__(
        self,
        source: str,
        fhir_base_url: str,
        client_id: str,
        key: SigningKey,
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
        header = {"alg": self._key.algorithm, "kid": self._key_id, "typ": "JWT"}
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": audience,
            "exp": int(time.time()) + _LIFE_S,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(header, claims, self._key.key, algorithms=[self._key.algorithm])

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
    private_key: str | Mapping[str, str | list[str]],
    key_id: str,
    scopes: Sequence[str] = ("system/*.rs",),
    *,
    token_url: str | None = None,
    transport: Transport | None = None,
    tls: Tls = SYSTEM,
) -> TokenClient:
    """An authorizer for the client whose *private_key* (JWK or PEM) the EHR knows under *key_id*.

    The token endpoint is discovered from the FHIR base unless it is given.

    Raises:
        ValueError: it is not a key that can be used; see `signing_key`.
    """
    key = signing_key(private_key)
    grant = BackendClient(source, fhir_base_url, client_id, key, key_id, scopes, token_url)
    return TokenClient(source, grant, transport, tls=tls, scope=" ".join(scopes))
