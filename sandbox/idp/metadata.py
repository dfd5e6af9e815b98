"""Owns what the provider publishes about itself, for OpenID Connect and for SMART."""

from typing import Any

from sandbox.idp.clients import ASSERTION_ALGORITHMS
from sandbox.idp.keys import ALGORITHM

_SCOPES = (
    "openid",
    "fhirUser",
    "launch/patient",
    "offline_access",
    "patient/*.rs",
    "user/*.rs",
    "system/*.rs",
    "__engagement.read",
    "__outcomes.read",
)
_CAPABILITIES = (
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-asymmetric",
    "sso-openid-connect",
    "context-standalone-patient",
    "permission-offline",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)


def openid_configuration(issuer: str) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0, section 3, with RFC 8414 and RFC 9207."""
    return {
        **_shared(issuer),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser"],
        "authorization_response_iss_parameter_supported": True,
    }


def smart_configuration(issuer: str) -> dict[str, Any]:
    """SMART App Launch 2.2, "Conformance"."""
    return {**_shared(issuer), "capabilities": list(_CAPABILITIES)}


def _shared(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "scopes_supported": list(_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": sorted(ASSERTION_ALGORITHMS),
    }
