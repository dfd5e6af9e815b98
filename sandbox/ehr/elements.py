"""`_elements`: a resource cut to what was asked for, and marked as cut (R4, search.html#elements)."""

from collections.abc import Set

from sandbox.records import Resource

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS = frozenset({"resourceType", "id"})
_MANDATORY: dict[str, frozenset[str]] = {
    "Encounter": frozenset({"status", "class"}),
    "Observation": frozenset({"status", "code"}),
    "Condition": frozenset({"subject"}),
    "MedicationRequest": frozenset({"status", "intent", "subject", "medication"}),
    "AllergyIntolerance": frozenset({"patient"}),
    "Immunization": frozenset({"status", "vaccineCode", "patient", "occurrence"}),
    "Procedure": frozenset({"status", "subject"}),
    "CarePlan": frozenset({"status", "intent", "subject"}),
    "DocumentReference": frozenset({"status", "content"}),
    "Appointment": frozenset({"status", "participant"}),
    "DiagnosticReport": frozenset({"status", "code"}),
    "Coverage": frozenset({"status", "beneficiary", "payor"}),
    "Provenance": frozenset({"target", "recorded", "agent"}),
}
_CHOICES = frozenset(
    {
        "value",
        "effective",
        "onset",
        "abatement",
        "medication",
        "occurrence",
        "performed",
        "deceased",
        "multipleBirth",
    }
)


def subset(resource: Resource, wanted: Set[str]) -> Resource:
    """A copy with the top-level elements *wanted*, the mandatory ones, and `meta` tagged SUBSETTED."""
    names = _ALWAYS | _MANDATORY.get(resource["resourceType"], frozenset()) | wanted
    choices = tuple(names & _CHOICES)
    cut = {
        key: value
        for key, value in resource.items()
        if key.removeprefix("_") in names or (choices and _is_choice(key.removeprefix("_"), choices))
    }
    meta = resource.get("meta", {})
    return {**cut, "meta": {**meta, "tag": [*meta.get("tag", ()), SUBSETTED]}}


def _is_choice(key: str, choices: tuple[str, ...]) -> bool:
    """Whether *key* is one of *choices* with its type behind it: `valueQuantity` for `value`."""
    return any(key.startswith(choice) and key[len(choice) : len(choice) + 1].isupper() for choice in choices)
