"""The two populations of the upstream, each on a port of its own, and the static answers each gives.

A static answer cannot depend on what is asked, so a world answers every search with its whole population:
`worklist` has fifty patients, `patient` has one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.upstream import signing
from benchmarks.upstream.records import ZONE_OF_THE_PRACTICE, Population, Record, population

SIZES = {"worklist": 50, "patient": 1}

_FHIR, _JSON = "application/fhir+json", "application/json"
_TOKEN = {"access_token": "static", "token_type": "bearer", "expires_in": 3600, "scope": "system/*.rs"}
_SEARCH_PARAMETERS = {"Patient": ["_id", "identifier", "name"], "Encounter": ["_id", "patient", "date"]}


@dataclass(frozen=True)
class World:
    """One population behind one loopback port; its name is also the name of the query it serves."""

    name: str
    port: int

    @property
    def address(self) -> str:
        """The base URL of EHR (below /fhir), PMS, CRM and identity provider."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Answer:
    """One static answer: where it is asked for, what it holds."""

    path: str
    media_type: str
    content: Any


def answers(world: World, public_keys: Record) -> Iterator[Answer]:
    """Everything *world* answers, under the paths of the sandbox's systems."""
    people = population(SIZES[world.name])
    yield from _ehr(world.address, people)
    yield from _pms(people)
    contacts = {"status": "COMPLETE", "results": people.contacts}
    yield Answer("/crm/v3/objects/contacts/batch/read", _JSON, contacts)
    yield Answer("/oauth/v1/token", _JSON, _TOKEN)
    yield from _identity_provider(world.address, public_keys)


def write(world: World, folder: Path) -> list[tuple[str, str, Path]]:
    """Write the answers of *world* into *folder*; gives path, media type and file of each."""
    folder.mkdir(parents=True, exist_ok=True)
    routes = []
    for number, answer in enumerate(answers(world, signing.public_keys(folder.parent))):
        file = folder / f"{number:03}.json"
        file.write_text(json.dumps(answer.content, separators=(",", ":")))
        routes.append((answer.path, answer.media_type, file))
    return routes


def _ehr(base: str, people: Population) -> Iterator[Answer]:
    consents: list[Record] = []  # nobody has one on record, which is what most have
    for kind, resources in (
        ("Patient", people.patients),
        ("Encounter", people.encounters),
        ("Consent", consents),
    ):
        bundle = _searchset(base, kind, resources)
        yield Answer(f"/fhir/{kind}", _FHIR, bundle)
        yield Answer(f"/fhir/{kind}/_search", _FHIR, bundle)
    for patient in people.patients:
        yield Answer(f"/fhir/Patient/{patient['id']}", _FHIR, patient)
    yield Answer("/fhir/metadata", _FHIR, _capabilities())
    yield Answer("/fhir/.well-known/smart-configuration", _JSON, {"token_endpoint": f"{base}/token"})


def _searchset(base: str, kind: str, resources: list[Record]) -> Record:
    return {
        "resourceType": "Bundle",
        "id": f"searchset-{kind.lower()}",
        "type": "searchset",
        "total": len(resources),
        "link": [{"relation": "self", "url": f"{base}/fhir/{kind}"}],
        "entry": [
            {
                "fullUrl": f"{base}/fhir/{kind}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in resources
        ],
    }


def _capabilities() -> Record:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [{"name": name, "type": "string"} for name in names],
                    }
                    for kind, names in _SEARCH_PARAMETERS.items()
                ],
            }
        ],
    }


def _pms(people: Population) -> Iterator[Answer]:
    appointments = {"appointments": people.appointments, "next_cursor": None}
    yield Answer("/v1/appointments/search", _JSON, appointments)
    yield Answer("/v1/practice", _JSON, {"name": "Sandbox Clinic", "time_zone": ZONE_OF_THE_PRACTICE})
    yield Answer("/oauth/token", _JSON, _TOKEN)


def _identity_provider(issuer: str, public_keys: Record) -> Iterator[Answer]:
    discovery = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    yield Answer("/.well-known/openid-configuration", _JSON, discovery)
    yield Answer("/.well-known/smart-configuration", _JSON, discovery)
    yield Answer("/jwks", _JSON, public_keys)
    yield Answer("/token", _JSON, _TOKEN)
