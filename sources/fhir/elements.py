"""Owns which type of FHIR each record of the model is, and so which elements it may come with on the wire.

https://hl7.org/fhir/R4/resourcelist.html
"""

from __future__ import annotations

from sources import model
from sources.fhir import practice
from sources.fhir.r4.definitions import DEFINITIONS, Element

_CLINICAL: tuple[type[model.Resource], ...] = (
    *(model.Patient, model.Encounter, model.Condition, model.Observation, model.MedicationRequest),
    *(model.AllergyIntolerance, model.Immunization, model.Procedure, model.CarePlan),
    *(model.DocumentReference, model.Consent, model.Practitioner, model.Organization, model.Location),
)
_PRACTICE: tuple[type[model.Resource], ...] = (
    *(practice.Appointment, practice.PractitionerRole, practice.Coverage, practice.Account),
)
_PARTS: dict[type[model.Record], str] = {
    model.PatientLink: "Patient.link",
    model.EncounterParticipant: "Encounter.participant",
    model.EncounterDiagnosis: "Encounter.diagnosis",
    model.EncounterLocation: "Encounter.location",
    model.ObservationComponent: "Observation.component",
    model.AllergyReaction: "AllergyIntolerance.reaction",
    practice.AppointmentParticipant: "Appointment.participant",
    practice.CoverageClass: "Coverage.class",
    model.DocumentContent: "DocumentReference.content",
    model.DocumentContext: "DocumentReference.context",
    model.Provision: "Consent.provision",
    model.ConsentActor: "Consent.provision.actor",
    model.ConsentData: "Consent.provision.data",
    model.Qualification: "Practitioner.qualification",
}
_DATATYPES: dict[type[model.Record], str] = {
    model.Coding: "Coding",
    model.CodeableConcept: "CodeableConcept",
    model.Period: "Period",
    model.Identifier: "Identifier",
    model.HumanName: "HumanName",
    model.ContactPoint: "ContactPoint",
    model.Address: "Address",
    model.Dosage: "Dosage",
    practice.Actor: "Reference",
    practice.MoneyValue: "Money",
    practice.Extension: "Extension",
    practice.InnerExtension: "Extension",
    model.Quantity: "Quantity",
    model.Reference: "Reference",
    model.LogicalReference: "Reference",
    model.Meta: "Meta",
    model.Attachment: "Attachment",
}

TYPES: dict[type[model.Record], str] = {
    **{kind: kind.__name__ for kind in (*_CLINICAL, *_PRACTICE)},
    **_PARTS,
    **_DATATYPES,
}
"""FHIR's name for the type of each record."""

ELEMENTS: dict[type[model.Record], tuple[Element, ...]] = {
    kind: DEFINITIONS[name] for kind, name in TYPES.items()
}
"""Every element of every record's FHIR type, in order."""

RESOURCES: dict[str, type[model.Resource]] = {kind.__name__: kind for kind in _CLINICAL}
"""The resource types that an EHR is asked for, by their FHIR name."""
