"""What the EHR says it can do: the CapabilityStatement and the SMART configuration."""

from datetime import datetime
from typing import Any

from sandbox.ehr.parameters import PARAMETERS, parameters_of
from sandbox.ehr.quirks import NONE, Quirks
from sandbox.records import Json, Resource

_INTERACTIONS = ("read", "search-type", "create", "update", "delete")
_HISTORY = ("history-instance", "history-type")
_SMART_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def capability_statement(
    base: str, types: list[str], issuer: str | None, at: datetime, quirks: Quirks = NONE
) -> Resource:
    """The server's CapabilityStatement (R4), over the types it knows and those its data has."""
    security: Json = {
        "cors": False,
        "service": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                        "code": "SMART-on-FHIR",
                    }
                ]
            }
        ],
    }
    if issuer:
        uris = [{"url": name, "valueUri": f"{issuer}/{name}"} for name in ("authorize", "token")]
        security["extension"] = [{"url": _SMART_URIS, "extension": uris}]
    rest: Json = {
        "mode": "server",
        "security": security,
        "resource": [_resource(type_, quirks) for type_ in sorted({*PARAMETERS, *types} - quirks.unnamed)],
    }
    if quirks.batch:
        rest["interaction"] = [{"code": "batch"}]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": at.isoformat(timespec="seconds"),
        "kind": "instance",
        "implementation": {"description": "CareGraph sandbox EHR", "url": base},
        "software": {"name": quirks.software, "version": "1.0"},
        "fhirVersion": quirks.fhir_version,
        "format": ["json", "application/fhir+json"],
        "rest": [rest],
    }


def smart_configuration(issuer: str) -> Json:
    """The SMART App Launch 2.2 configuration, which points to the identity provider at *issuer*."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "introspection_endpoint": f"{issuer}/introspect",
        "revocation_endpoint": f"{issuer}/revoke",
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384"],
        "scopes_supported": ["openid", "fhirUser", "system/*.rs", "user/*.rs"],
        "capabilities": [
            "client-confidential-asymmetric",
            "client-public",
            "permission-user",
            "permission-v1",
            "permission-v2",
            "sso-openid-connect",
        ],
    }


def _resource(type_: str, quirks: Quirks) -> Json:
    parameters = [
        {"name": "_id", "type": "token"},
        {"name": "_lastUpdated", "type": "date"},
        *(
            {"name": name, "type": parameter.kind.value}
            for name, parameter in sorted(parameters_of(type_).items())
        ),
    ]
    searchable = quirks.searchable.get(type_)
    parameters = [it for it in parameters if searchable is None or it["name"] in searchable]
    includes = [
        f"{type_}:{name}" for name, it in sorted(parameters_of(type_).items()) if it.kind.value == "reference"
    ]
    found: dict[str, Any] = {
        "type": type_,
        "interaction": [{"code": code} for code in (*_INTERACTIONS, *(_HISTORY if quirks.history else ()))],
        "versioning": "versioned",
        "conditionalRead": "not-match",
        "searchParam": parameters,
    }
    return {**found, "searchInclude": includes} if includes else found
