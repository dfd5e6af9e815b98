"""What some patients have agreed to or forbidden: their FHIR Consents."""

from collections.abc import Iterator
from datetime import date

from sandbox.generator.datatypes import LOINC, TERMINOLOGY, concept, meta
from sandbox.records import Json, Resource

AUDIENCE = "urn:caregraph:audience"
NO_ASSISTANT, NO_PARTNER, LAPSED = 13, 19, 11
"""Every so many patients, one keeps assistants out, or partners, or has a consent that is over."""

_SCOPE = concept(f"{TERMINOLOGY}/consentscope", "patient-privacy", "Privacy Consent")
_CATEGORY = concept(LOINC, "59284-0", "Consent Document")


def consents_of(number: int, patient: Json, today: date) -> Iterator[Resource]:
    """The consents of the *number*-th patient; *patient* is a Reference."""
    if number % NO_ASSISTANT == 0:
        yield _denial(f"consent-{number:06}-ai", patient, {"actor": [_audience("ai")]})
    if number % NO_PARTNER == 0:
        yield _denial(f"consent-{number:06}-partner", patient, {"actor": [_audience("partner")]})
    if number % LAPSED == 0:
        over = {"period": {"start": f"{today.year - 3}-01-01", "end": f"{today.year - 2}-12-31"}}
        yield _denial(f"consent-{number:06}-lapsed", patient, over)


def _denial(id_: str, patient: Json, criteria: Json) -> Resource:
    return {
        "resourceType": "Consent",
        "id": id_,
        "meta": meta("2024-01-02T09:00:00.000Z"),
        "status": "active",
        "scope": _SCOPE,
        "category": [_CATEGORY],
        "patient": patient,
        "dateTime": "2024-01-02",
        "policyRule": {"coding": [{"system": f"{TERMINOLOGY}/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny", **criteria},
    }


def _audience(name: str) -> Json:
    role = concept(f"{TERMINOLOGY}/v3-ParticipationType", "IRCP", "information recipient")
    return {"role": role, "reference": {"identifier": {"system": AUDIENCE, "value": name}}}
