"""`_elements`: a resource cut to what was asked for, and marked as cut (R4, search.html#elements)."""

from functools import lru_cache

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
    "Account": frozenset({"status"}),
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


def subset(resource: Resource, wanted: frozenset[str]) -> Resource:
    """A copy with the top-level elements *wanted*, the mandatory ones, and `meta` tagged SUBSETTED."""
    kept = _kept(resource["resourceType"], wanted)
    cut = {key: value for key, value in resource.items() if kept[key]}
    meta = resource.get("meta", {})
    return {**cut, "meta": {**meta, "tag": [*meta.get("tag", ()), SUBSETTED]}}


class _Kept(dict[str, bool]):
    """Which elements of a type stay: by name, or by a choice with its type behind it (`valueQuantity`).

    Worked out when an element is first seen, as there are many resources and few different elements.
    """

    def __init__(self, type_: str, wanted: frozenset[str]) -> None:
        super().__init__()
        self._names = _ALWAYS | _MANDATORY.get(type_, frozenset()) | wanted

    def __missing__(self, key: str) -> bool:
        name = key.removeprefix("_")
        choices = (choice for choice in self._names & _CHOICES if name.startswith(choice))
        found = self[key] = name in self._names or any(name[len(choice)].isupper() for choice in choices)
        return found


_kept = lru_cache(maxsize=1_000)(_Kept)
