"""The resource types: whose their rows are, which scopes open them, what a granular scope may ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policies.scopes import PrivateScope

# fmt: off
COMPARTMENT: Mapping[str, str] = MappingProxyType({
    # What the EHR keeps.
    "Patient":            "id",
    "AllergyIntolerance": "patient",
    "CarePlan":           "subject",
    "Condition":          "subject",
    "DocumentReference":  "subject",
    "Encounter":          "subject",
    "Immunization":       "patient",
    "MedicationRequest":  "subject",
    "Observation":        "subject",
    "Procedure":          "subject",
    # What the PMS keeps, by the FHIR type whose scopes open it; a balance is an Account.
    "Account":            "patient_mrn",
    "Appointment":        "patient_mrn",
    "Coverage":           "patient_mrn",
    # What the CRM keeps.
    "Engagement":         "care_key",
})
"""The types whose rows belong to one patient, and the attribute of the record that says to whom.

By the parameter that names the subject only. FHIR's own compartment (CompartmentDefinition/patient) also lets
in what a patient performed, recorded or asserted: with a patient who is a nurse, other people's records.
"""

DIRECTORY = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location"})
"""The types outside every compartment: their rows belong to nobody; a scope on the type is all they need."""

ENGAGEMENT = PrivateScope("engagement", "read")

PRIVATE: Mapping[str, PrivateScope] = MappingProxyType({
    "Engagement": ENGAGEMENT,
    # The opaque id alone, for the engagement that hangs on it: all else needs a scope on Patient.
    "Patient":    ENGAGEMENT,
})
"""The types whose rows a private scope opens."""

FHIR_TYPES = (COMPARTMENT.keys() | DIRECTORY) - {"Engagement"}
"""The types whose rows a SMART scope opens."""

PARAMETERS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "AllergyIntolerance": {"category": "category", "clinical-status": "clinical_status", "code": "code",
                           "criticality": "criticality", "type": "type",
                           "verification-status": "verification_status"},
    "Appointment":        {"service-type": "service_type", "status": "status"},
    "CarePlan":           {"category": "category", "intent": "intent", "status": "status"},
    "Condition":          {"category": "category", "clinical-status": "clinical_status", "code": "code",
                           "severity": "severity", "verification-status": "verification_status"},
    "Coverage":           {"status": "status"},
    "DocumentReference":  {"category": "category", "status": "status", "type": "type"},
    "Encounter":          {"class": "class_", "reason-code": "reason_code", "status": "status",
                           "type": "type"},
    "Immunization":       {"status": "status", "status-reason": "status_reason",
                           "vaccine-code": "vaccine_code"},
    "Location":           {"status": "status", "type": "type"},
    "MedicationRequest":  {"category": "category", "code": "medication_codeable_concept", "intent": "intent",
                           "status": "status"},
    "Observation":        {"category": "category", "code": "code", "status": "status"},
    "Organization":       {"type": "type"},
    "Procedure":          {"category": "category", "code": "code", "status": "status"},
})
"""The token search parameters that can be re-checked on a row, and the attribute of the record each reads.

A granular scope with any other parameter grants nothing on the type. INVARIANT: Patient has none, so that a
Patient row opened by a private scope is never one that a granular scope on Patient keeps back.
"""
# fmt: on
