"""Owns the elements of the parts of resources, beside those that every such part has.

https://hl7.org/fhir/R4/backboneelement.html; see `sources.fhir.r4.definitions` for how it is written.
"""

from __future__ import annotations

BACKBONES: dict[str, str] = {
    "Account.coverage": "coverage:Reference! priority:positiveInt",
    "Account.guarantor": "party:Reference! onHold:boolean period:Period",
    "AllergyIntolerance.reaction": (
        "substance:CodeableConcept manifestation:CodeableConcept+ description:string onset:dateTime "
        "severity:code(mild|moderate|severe) exposureRoute:CodeableConcept note:Annotation*"
    ),
    "Appointment.participant": (
        "type:CodeableConcept* actor:Reference required:code(required|optional|information-only) "
        "status:code(accepted|declined|tentative|needs-action)! period:Period"
    ),
    "CarePlan.activity": (
        "outcomeCodeableConcept:CodeableConcept* outcomeReference:Reference* progress:Annotation* "
        "reference:Reference detail:."
    ),
    "CarePlan.activity.detail": (
        "kind:code instantiatesCanonical:canonical* instantiatesUri:uri* code:CodeableConcept "
        "reasonCode:CodeableConcept* reasonReference:Reference* goal:Reference* "
        "status:code(not-started|scheduled|in-progress|on-hold|completed|cancelled|stopped|unknown|"
        "entered-in-error)! statusReason:CodeableConcept doNotPerform:boolean scheduledTiming:Timing "
        "scheduledPeriod:Period scheduledString:string location:Reference performer:Reference* "
        "productCodeableConcept:CodeableConcept productReference:Reference dailyAmount:Quantity "
        "quantity:Quantity description:string"
    ),
    "Condition.evidence": "code:CodeableConcept* detail:Reference*",
    "Condition.stage": "summary:CodeableConcept assessment:Reference* type:CodeableConcept",
    "Consent.policy": "authority:uri uri:uri",
    "Consent.provision": (
        "type:code(deny|permit) period:Period actor:.* action:CodeableConcept* securityLabel:Coding* "
        "purpose:Coding* class:Coding* code:CodeableConcept* dataPeriod:Period data:.* "
        "provision:Consent.provision*"
    ),
    "Consent.provision.actor": "role:CodeableConcept! reference:Reference!",
    "Consent.provision.data": "meaning:code(instance|related|dependents|authoredby)! reference:Reference!",
    "Consent.verification": "verified:boolean! verifiedWith:Reference verificationDate:dateTime",
    "Coverage.class": "type:CodeableConcept! value:string! name:string",
    "Coverage.costToBeneficiary": (
        "type:CodeableConcept valueQuantity:Quantity? valueMoney:Money? exception:.*"
    ),
    "Coverage.costToBeneficiary.exception": "type:CodeableConcept! period:Period",
    "DocumentReference.content": "attachment:Attachment! format:Coding",
    "DocumentReference.context": (
        "encounter:Reference* event:CodeableConcept* period:Period facilityType:CodeableConcept "
        "practiceSetting:CodeableConcept sourcePatientInfo:Reference related:Reference*"
    ),
    "DocumentReference.relatesTo": "code:code(replaces|transforms|signs|appends)! target:Reference!",
    "Dosage": (
        "sequence:integer text:string additionalInstruction:CodeableConcept* patientInstruction:string "
        "timing:Timing asNeededBoolean:boolean asNeededCodeableConcept:CodeableConcept site:CodeableConcept "
        "route:CodeableConcept method:CodeableConcept doseAndRate:.* maxDosePerPeriod:Ratio "
        "maxDosePerAdministration:Quantity maxDosePerLifetime:Quantity"
    ),
    "Encounter.classHistory": "class:Coding! period:Period!",
    "Encounter.diagnosis": "condition:Reference! use:CodeableConcept rank:positiveInt",
    "Encounter.hospitalization": (
        "preAdmissionIdentifier:Identifier origin:Reference admitSource:CodeableConcept "
        "reAdmission:CodeableConcept dietPreference:CodeableConcept* specialCourtesy:CodeableConcept* "
        "specialArrangement:CodeableConcept* destination:Reference dischargeDisposition:CodeableConcept"
    ),
    "Encounter.location": (
        "location:Reference! status:code(planned|active|reserved|completed) physicalType:CodeableConcept "
        "period:Period"
    ),
    "Encounter.participant": "type:CodeableConcept* period:Period individual:Reference",
    "Encounter.statusHistory": (
        "status:code(planned|arrived|triaged|in-progress|onleave|finished|cancelled|entered-in-error|"
        "unknown)! period:Period!"
    ),
    "Immunization.education": (
        "documentType:string reference:uri publicationDate:dateTime presentationDate:dateTime"
    ),
    "Immunization.performer": "function:CodeableConcept actor:Reference!",
    "Immunization.protocolApplied": (
        "series:string authority:Reference targetDisease:CodeableConcept* "
        "doseNumberPositiveInt:positiveInt? doseNumberString:string? seriesDosesPositiveInt:positiveInt "
        "seriesDosesString:string"
    ),
    "Immunization.reaction": "date:dateTime detail:Reference reported:boolean",
    "Location.hoursOfOperation": "daysOfWeek:code* allDay:boolean openingTime:time closingTime:time",
    "Location.position": "longitude:decimal! latitude:decimal! altitude:decimal",
    "MedicationRequest.dispenseRequest": (
        "initialFill:. dispenseInterval:Duration validityPeriod:Period numberOfRepeatsAllowed:unsignedInt "
        "quantity:Quantity expectedSupplyDuration:Duration performer:Reference"
    ),
    "MedicationRequest.dispenseRequest.initialFill": "quantity:Quantity duration:Duration",
    "MedicationRequest.substitution": (
        "allowedBoolean:boolean? allowedCodeableConcept:CodeableConcept? reason:CodeableConcept"
    ),
    "Observation.component": (
        "code:CodeableConcept! valueQuantity:Quantity valueCodeableConcept:CodeableConcept "
        "valueString:string valueBoolean:boolean valueInteger:integer valueRange:Range valueRatio:Ratio "
        "valueSampledData:SampledData valueTime:time valueDateTime:dateTime valuePeriod:Period "
        "dataAbsentReason:CodeableConcept interpretation:CodeableConcept* "
        "referenceRange:Observation.referenceRange*"
    ),
    "Observation.referenceRange": (
        "low:Quantity high:Quantity type:CodeableConcept appliesTo:CodeableConcept* age:Range text:string"
    ),
    "Organization.contact": "purpose:CodeableConcept name:HumanName telecom:ContactPoint* address:Address",
    "Patient.communication": "language:CodeableConcept! preferred:boolean",
    "Patient.contact": (
        "relationship:CodeableConcept* name:HumanName telecom:ContactPoint* address:Address "
        "gender:code(male|female|other|unknown) organization:Reference period:Period"
    ),
    "Patient.link": "other:Reference! type:code(replaced-by|replaces|refer|seealso)!",
    "Practitioner.qualification": (
        "identifier:Identifier* code:CodeableConcept! period:Period issuer:Reference"
    ),
    "PractitionerRole.availableTime": (
        "daysOfWeek:code* allDay:boolean availableStartTime:time availableEndTime:time"
    ),
    "PractitionerRole.notAvailable": "description:string! during:Period",
    "Procedure.focalDevice": "action:CodeableConcept manipulated:Reference!",
    "Procedure.performer": "function:CodeableConcept actor:Reference! onBehalfOf:Reference",
    "Timing": "event:dateTime* repeat:. code:CodeableConcept",
}
