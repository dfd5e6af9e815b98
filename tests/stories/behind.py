"""What each field of the graph lies behind, in the words of the sources' own APIs. Written down by hand.

It knows nothing of declarations, plans or adapters: it is what they are held to.
"""

from __future__ import annotations

from collections.abc import Mapping

from policies import Coordinate

FHIR = frozenset(
    {"Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "AllergyIntolerance"}
    | {"Immunization", "Procedure", "CarePlan", "DocumentReference", "Practitioner", "Organization"}
)
"""The types whose rows the EHR alone keeps, under the same names."""

OWNER: Mapping[str, str] = {
    "Encounter": "subject",
    "Condition": "subject",
    "Observation": "subject",
    "MedicationRequest": "subject",
    "Procedure": "subject",
    "CarePlan": "subject",
    "DocumentReference": "subject",
    "AllergyIntolerance": "patient",
    "Immunization": "patient",
}
"""The element that says whose a row is: asked for in any case."""

EDGES: Mapping[str, str] = {
    "Query.patient": "ehr Patient",
    "Query.patients": "ehr Patient",
    "Query.encounter": "ehr Encounter",
    "Query.practitioner": "ehr Practitioner",
    "Query.appointment": "pms appointments",
    "Query.appointments": "pms appointments",
    "Query.outcomes": "pms appointments",
    "Me.patient": "ehr Patient",
    "Me.encounter": "ehr Encounter",
    "Patient.generalPractitioner": "ehr Practitioner",
    "Patient.appointments": "pms appointments",
    "Patient.encounters": "ehr Encounter",
    "Patient.conditions": "ehr Condition",
    "Patient.observations": "ehr Observation",
    "Patient.medications": "ehr MedicationRequest",
    "Patient.allergies": "ehr AllergyIntolerance",
    "Patient.immunizations": "ehr Immunization",
    "Patient.procedures": "ehr Procedure",
    "Patient.carePlans": "ehr CarePlan",
    "Patient.documents": "ehr DocumentReference",
    "Patient.coverage": "pms coverages",
    "Patient.balance": "pms balances",
    "Patient.engagement": "crm contacts",
    "Appointment.patient": "ehr Patient",
    "Appointment.practitioners": "ehr Practitioner",
    "Appointment.location": "pms locations",
    "Appointment.encounter": "ehr Encounter",
    "Encounter.patient": "ehr Patient",
    "Encounter.location": "ehr Location",
    "Encounter.serviceProvider": "ehr Organization",
    "Encounter.appointment": "pms appointments",
    "Encounter.documents": "ehr DocumentReference",
    "Encounter.observations": "ehr Observation",
    "EncounterParticipant.practitioner": "ehr Practitioner",
    "EncounterDiagnosis.condition": "ehr Condition",
    "MedicationRequest.requester": "ehr Practitioner",
    "DocumentReference.encounters": "ehr Encounter",
}
"""The one call that each edge makes. Every other field is part of its row, or needs no source."""

_ELEMENTS: Mapping[str, frozenset[str]] = {
    "Patient.mrn": frozenset({"identifier"}),
    "Patient.age": frozenset({"birthDate"}),
    "Patient.postalCode": frozenset({"address"}),
    "Patient.deceased": frozenset({"deceased", "deceasedBoolean", "deceasedDateTime"}),
    "Patient.deceasedDateTime": frozenset({"deceased", "deceasedDateTime"}),
    "Patient.lastUpdated": frozenset({"meta"}),
    "Patient.appointments": frozenset({"identifier"}),
    "Patient.coverage": frozenset({"identifier"}),
    "Patient.balance": frozenset({"identifier"}),
    "Practitioner.npi": frozenset({"identifier"}),
    "Encounter.appointment": frozenset({"identifier"}),
    "Encounter.patient": frozenset({"subject"}),
    "DocumentReference.encounters": frozenset({"context"}),
}
_PARTS = frozenset(
    {"Patient.generalPractitioner", "Encounter.location", "Encounter.serviceProvider"}
    | {"MedicationRequest.requester"}
)
"""Edges whose reference is an element of the same name; the other edges' keys are the row's own id."""
_CHOICES = ("onset", "abatement", "effective", "performed", "occurrence", "value", "medication")


def elements(at: Coordinate) -> frozenset[str]:
    """The FHIR elements behind a field of a type in `FHIR`, the bare name of one with several types too."""
    name = f"{at.type}.{at.field}"
    if name in _ELEMENTS:
        return _ELEMENTS[name]
    if at.field.startswith("__") or (name in EDGES and name not in _PARTS):
        return frozenset()
    bare = {choice for choice in _CHOICES if at.field != choice and at.field.startswith(choice)}
    return frozenset({at.field, *bare})


def reached_through(edge: str, target: str) -> frozenset[str]:
    """What the rows at the end of an edge must show for their place to be found again."""
    if edge in ("Encounter.documents", "Encounter.observations"):
        return frozenset({"context" if target == "DocumentReference" else "encounter"})
    if edge in ("Appointment.patient", "Appointment.practitioners", "Appointment.encounter"):
        return frozenset({"identifier"})
    return frozenset()


_CODED: Mapping[str, frozenset[str]] = {
    "AllergyIntolerance": frozenset({"code"}),
    "CarePlan": frozenset({"category", "title"}),
    "Condition": frozenset({"code"}),
    "DocumentReference": frozenset({"type", "category"}),
    "Encounter": frozenset({"type", "serviceType", "reasonCode"}),
    "Immunization": frozenset({"vaccineCode"}),
    "MedicationRequest": frozenset(
        {"medication", "medicationCodeableConcept", "medicationReference", "reasonCode"}
    ),
    "Observation": frozenset({"code", "component", "value", "valueCodeableConcept"}),
    "Procedure": frozenset({"code", "reasonCode"}),
}


def judged_by(persona: str, kind: str) -> frozenset[str]:
    """The elements by which it is decided whether a row may be shown: labels, and to programs codes too."""
    if kind in ("Practitioner", "Organization", "Location"):
        return frozenset()
    found = {"meta"} | ({"securityLabel"} if kind == "DocumentReference" else set())
    codes = _CODED.get(kind, frozenset()) if persona in ("partner", "marketer", "ai") else frozenset()
    return frozenset(found) | codes


PROPERTIES: Mapping[str, frozenset[str]] = {
    "lifecycleStage": frozenset({"lifecyclestage"}),
    "score": frozenset({"engagement_score"}),
    "attendanceRate": frozenset({"attendance_rate"}),
    "satisfaction": frozenset({"satisfaction_score"}),
    "consents": frozenset({"email_consent", "sms_consent", "phone_consent"}),
    "lastTouch": frozenset({"last_touch_at"}),
    "owner": frozenset({"hubspot_owner_id", "owner_name"}),
}
"""The HubSpot properties behind each field of `Engagement`."""
