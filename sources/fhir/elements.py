"""Owns the names of the R4 elements that may come on the wire, for each record of the model.

In the order of the specification; a primitive element carries its type behind a colon and may come with a
sibling (`_birthDate`) for its id and extensions. https://hl7.org/fhir/R4/resourcelist.html
"""

from __future__ import annotations

from typing import NamedTuple

from sources import model
from sources.fhir import practice


class Element(NamedTuple):
    """An element's JSON name and, if it is a primitive, its FHIR type."""

    name: str
    primitive: str | None


_RESOURCE = "id:id meta implicitRules:uri language:code text contained extension modifierExtension"
_BACKBONE = "id extension modifierExtension"
_DATATYPE = "id extension"

_RESOURCES: dict[type[model.Record], str] = {
    model.Patient: (
        "identifier active:boolean name telecom gender:code birthDate:date deceasedBoolean:boolean"
        " deceasedDateTime:dateTime address maritalStatus multipleBirthBoolean:boolean"
        " multipleBirthInteger:integer photo contact communication generalPractitioner managingOrganization"
        " link"
    ),
    model.Encounter: (
        "identifier status:code statusHistory class classHistory type serviceType priority subject"
        " episodeOfCare basedOn participant appointment period length reasonCode reasonReference diagnosis"
        " account hospitalization location serviceProvider partOf"
    ),
    model.Condition: (
        "identifier clinicalStatus verificationStatus category severity code bodySite subject encounter"
        " onsetDateTime:dateTime onsetAge onsetPeriod onsetRange onsetString:string"
        " abatementDateTime:dateTime abatementAge abatementPeriod abatementRange abatementString:string"
        " recordedDate:dateTime recorder asserter stage evidence note"
    ),
    model.Observation: (
        "identifier basedOn partOf status:code category code subject focus encounter"
        " effectiveDateTime:dateTime effectivePeriod effectiveTiming effectiveInstant:instant issued:instant"
        " performer valueQuantity valueCodeableConcept valueString:string valueBoolean:boolean"
        " valueInteger:integer valueRange valueRatio valueSampledData valueTime:time valueDateTime:dateTime"
        " valuePeriod dataAbsentReason interpretation note bodySite method specimen device referenceRange"
        " hasMember derivedFrom component"
    ),
    model.MedicationRequest: (
        "identifier status:code statusReason intent:code category priority:code doNotPerform:boolean"
        " reportedBoolean:boolean reportedReference medicationCodeableConcept medicationReference subject"
        " encounter supportingInformation authoredOn:dateTime requester performer performerType recorder"
        " reasonCode reasonReference instantiatesCanonical:canonical instantiatesUri:uri basedOn"
        " groupIdentifier courseOfTherapyType insurance note dosageInstruction dispenseRequest substitution"
        " priorPrescription detectedIssue eventHistory"
    ),
    model.AllergyIntolerance: (
        "identifier clinicalStatus verificationStatus type:code category:code criticality:code code patient"
        " encounter onsetDateTime:dateTime onsetAge onsetPeriod onsetRange onsetString:string"
        " recordedDate:dateTime recorder asserter lastOccurrence:dateTime note reaction"
    ),
    model.Immunization: (
        "identifier status:code statusReason vaccineCode patient encounter occurrenceDateTime:dateTime"
        " occurrenceString:string recorded:dateTime primarySource:boolean reportOrigin location manufacturer"
        " lotNumber:string expirationDate:date site route doseQuantity performer note reasonCode"
        " reasonReference isSubpotent:boolean subpotentReason education programEligibility fundingSource"
        " reaction protocolApplied"
    ),
    model.Procedure: (
        "identifier instantiatesCanonical:canonical instantiatesUri:uri basedOn partOf status:code"
        " statusReason category code subject encounter performedDateTime:dateTime performedPeriod"
        " performedString:string performedAge performedRange recorder asserter performer location reasonCode"
        " reasonReference bodySite outcome report complication complicationDetail followUp note focalDevice"
        " usedReference usedCode"
    ),
    model.CarePlan: (
        "identifier instantiatesCanonical:canonical instantiatesUri:uri basedOn replaces partOf status:code"
        " intent:code category title:string description:string subject encounter period created:dateTime"
        " author contributor careTeam addresses supportingInfo goal activity note"
    ),
    model.DocumentReference: (
        "masterIdentifier identifier status:code docStatus:code type category subject date:instant author"
        " authenticator custodian relatesTo description:string securityLabel content context"
    ),
    model.Consent: (
        "identifier status:code scope category patient dateTime:dateTime performer organization"
        " sourceAttachment sourceReference policy policyRule verification provision"
    ),
    model.Practitioner: (
        "identifier active:boolean name telecom address gender:code birthDate:date photo qualification"
        " communication"
    ),
    model.Organization: (
        "identifier active:boolean type name:string alias:string telecom address partOf contact endpoint"
    ),
    model.Location: (
        "identifier status:code operationalStatus name:string alias:string description:string mode:code type"
        " telecom address physicalType position managingOrganization partOf hoursOfOperation"
        " availabilityExceptions:string endpoint"
    ),
}

_PRACTICE: dict[type[model.Record], str] = {
    practice.Appointment: (
        "identifier status:code cancelationReason serviceCategory serviceType specialty appointmentType"
        " reasonCode reasonReference priority:unsignedInt description:string supportingInformation"
        " start:instant end:instant minutesDuration:positiveInt slot created:dateTime comment:string"
        " patientInstruction:string basedOn participant requestedPeriod"
    ),
    practice.PractitionerRole: (
        "identifier active:boolean period practitioner organization code specialty location"
        " healthcareService telecom availableTime notAvailable availabilityExceptions:string endpoint"
    ),
    practice.Coverage: (
        "identifier status:code type policyHolder subscriber subscriberId:string beneficiary"
        " dependent:string relationship period payor class order:positiveInt network:string"
        " costToBeneficiary subrogation:boolean contract"
    ),
    practice.Account: (
        "identifier status:code type name:string subject servicePeriod coverage owner description:string"
        " guarantor partOf"
    ),
}

_BACKBONES: dict[type[model.Record], str] = {
    model.EncounterParticipant: "type period individual",
    model.EncounterDiagnosis: "condition use rank:positiveInt",
    model.EncounterLocation: "location status:code physicalType period",
    model.ObservationComponent: (
        "code valueQuantity valueCodeableConcept valueString:string valueBoolean:boolean"
        " valueInteger:integer valueRange valueRatio valueSampledData valueTime:time valueDateTime:dateTime"
        " valuePeriod dataAbsentReason interpretation referenceRange"
    ),
    model.AllergyReaction: (
        "substance manifestation description:string onset:dateTime severity:code exposureRoute note"
    ),
    practice.AppointmentParticipant: "type actor required:code status:code period",
    practice.CoverageClass: "type value:string name:string",
    model.DocumentContent: "attachment format",
    model.DocumentContext: "encounter event period facilityType practiceSetting sourcePatientInfo related",
    model.Provision: (
        "type:code period actor action securityLabel purpose class code dataPeriod data provision"
    ),
    model.ConsentActor: "role reference",
    model.ConsentData: "meaning:code reference",
    model.Qualification: "identifier code period issuer",
    model.Dosage: (
        "sequence:integer text:string additionalInstruction patientInstruction:string timing"
        " asNeededBoolean:boolean asNeededCodeableConcept site route method doseAndRate maxDosePerPeriod"
        " maxDosePerAdministration maxDosePerLifetime"
    ),
}

_PRIMITIVES = (
    *("base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant"),
    *("integer", "markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid"),
)
_VALUES = (
    *("Address", "Age", "Annotation", "Attachment", "CodeableConcept", "CodeableReference", "Coding"),
    *("ContactDetail", "ContactPoint", "Contributor", "Count", "DataRequirement", "Distance", "Dosage"),
    *("Duration", "Expression", "HumanName", "Identifier", "Meta", "Money", "ParameterDefinition", "Period"),
    *("Quantity", "Range", "Ratio", "RatioRange", "Reference", "RelatedArtifact", "SampledData"),
    *("Signature", "Timing", "TriggerDefinition", "UsageContext"),
)
_EXTENSION = " ".join(
    (
        "url:uri",
        *(f"value{name[0].upper()}{name[1:]}:{name}" for name in _PRIMITIVES),
        *(f"value{name}" for name in _VALUES),
    )
)
"""An extension's value is of one of many types (https://hl7.org/fhir/R4/extensibility.html)."""

_DATATYPES: dict[type[model.Record], str] = {
    model.Coding: "system:uri version:string code:code display:string userSelected:boolean",
    model.CodeableConcept: "coding text:string",
    model.Period: "start:dateTime end:dateTime",
    model.Identifier: "use:code type system:uri value:string period assigner",
    model.HumanName: ("use:code text:string family:string given:string prefix:string suffix:string period"),
    model.ContactPoint: "system:code value:string use:code rank:positiveInt period",
    model.Address: (
        "use:code type:code text:string line:string city:string district:string state:string"
        " postalCode:string country:string period"
    ),
    practice.Actor: "reference:string type:uri identifier display:string",
    practice.MoneyValue: "value:decimal currency:code",
    practice.Extension: _EXTENSION,
    practice.InnerExtension: _EXTENSION,
    model.Quantity: "value:decimal comparator:code unit:string system:uri code:code",
    model.Reference: "reference:string type:uri identifier display:string",
    model.LogicalReference: "reference:string type:uri identifier display:string",
    model.Meta: "versionId:id lastUpdated:instant source:uri profile:canonical security tag",
    model.Attachment: (
        "contentType:code language:code data:base64Binary url:url size:unsignedInt hash:base64Binary"
        " title:string creation:dateTime"
    ),
}


def _parsed(text: str) -> tuple[Element, ...]:
    pairs = (word.partition(":") for word in text.split())
    return tuple(Element(name, primitive or None) for name, _, primitive in pairs)


def _table() -> dict[type[model.Record], tuple[Element, ...]]:
    groups = (
        (_RESOURCE, _RESOURCES),
        (_RESOURCE, _PRACTICE),
        (_BACKBONE, _BACKBONES),
        (_DATATYPE, _DATATYPES),
    )
    return {kind: _parsed(f"{all_} {own}") for all_, group in groups for kind, own in group.items()}


ELEMENTS: dict[type[model.Record], tuple[Element, ...]] = _table()
"""Every element of every record's FHIR type, in order."""

RESOURCES: dict[str, type[model.Resource]] = {
    kind.__name__: kind for kind in _RESOURCES if issubclass(kind, model.Resource)
}
"""The resource types that can be read, by their FHIR name."""
