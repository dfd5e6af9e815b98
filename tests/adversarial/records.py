"""The people of the attacks, and how an answer says no."""

from __future__ import annotations

from typing import Any

from tests.stories.house import House

ME, OTHER = "pat-000001", "pat-000007"
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


def consent(id_: str, patient: str, provision: Any) -> Any:
    """A consent about privacy, in force."""
    return {
        "resourceType": "Consent",
        "id": id_,
        "status": "active",
        "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "patient-privacy"}]},
        "category": [{"text": "Privacy"}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": "2025-01-01",
        "provision": provision,
    }


def owned(house: House, kind: str, patient: str) -> list[str]:
    """The ids of a patient's records of a type, as the EHR holds them."""
    return [
        it["id"]
        for it in house.dataset.resources[kind].values()
        if str((it.get("subject") or it["patient"])["reference"]) == f"Patient/{patient}"
    ]


def codes(answer: dict[str, Any]) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


def asking(house: House, persona: str, query: str) -> tuple[dict[str, Any], list[tuple[str, frozenset[str]]]]:
    """An answer, and what was fetched for it: of each call its target and the elements it asked for."""
    house.token(persona)
    house.forget()
    answer = house.ask(persona, query)
    return answer, [(call.target, call.elements) for call in house.asked_all()]


def refused(house: House, persona: str, query: str, code: str, variables: Any = None) -> dict[str, Any]:
    """Asks what is refused as a whole: no data, that code, and nobody was asked anything."""
    house.token(persona)
    house.forget()
    answer = house.ask(persona, query, variables)
    assert answer.get("data") is None
    assert set(codes(answer)) == {code}
    assert house.asked_all() == []
    return answer
