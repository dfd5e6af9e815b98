"""Owns the elements of the R4 resources that are read, beside those that every resource has.

https://hl7.org/fhir/R4/resourcelist.html; see `sources.fhir.r4.definitions` for how it is written.
"""

from __future__ import annotations

RESOURCES: dict[str, str] = {
    "Account": (
        "identifier:Identifier* status:code(active|inactive|entered-in-error|on-hold|unknown)! "
        "type:CodeableConcept name:string subject:Reference* servicePeriod:Period coverage:.* "
        "owner:Reference description:string guarantor:.* partOf:Reference"
    ),
    "AllergyIntolerance": (
        "identifier:Identifier* clinicalStatus:CodeableConcept verificationStatus:CodeableConcept "
        "type:code(allergy|intolerance) category:code(food|medication|environment|biologic)* "
        "criticality:code(low|high|unable-to-assess) code:CodeableConcept patient:Reference! "
        "encounter:Reference onsetDateTime:dateTime onsetAge:Age onsetPeriod:Period onsetRange:Range "
        "onsetString:string recordedDate:dateTime recorder:Reference asserter:Reference "
        "lastOccurrence:dateTime note:Annotation* reaction:.*"
    ),
    "Appointment": (
        "identifier:Identifier* "
        "status:code(proposed|pending|booked|arrived|fulfilled|cancelled|noshow|entered-in-error|"
        "checked-in|waitlist)! cancelationReason:CodeableConcept serviceCategory:CodeableConcept* "
        "serviceType:CodeableConcept* specialty:CodeableConcept* appointmentType:CodeableConcept "
        "reasonCode:CodeableConcept* reasonReference:Reference* priority:unsignedInt description:string "
        "supportingInformation:Reference* start:instant end:instant minutesDuration:positiveInt "
        "slot:Reference* created:dateTime comment:string patientInstruction:string basedOn:Reference* "
        "participant:.+ requestedPeriod:Period*"
    ),
    "CarePlan": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* basedOn:Reference* "
        "replaces:Reference* partOf:Reference* status:code! intent:code! category:CodeableConcept* "
        "title:string description:string subject:Reference! encounter:Reference period:Period "
        "created:dateTime author:Reference contributor:Reference* careTeam:Reference* addresses:Reference* "
        "supportingInfo:Reference* goal:Reference* activity:.* note:Annotation*"
    ),
    "Condition": (
        "identifier:Identifier* clinicalStatus:CodeableConcept verificationStatus:CodeableConcept "
        "category:CodeableConcept* severity:CodeableConcept code:CodeableConcept bodySite:CodeableConcept* "
        "subject:Reference! encounter:Reference onsetDateTime:dateTime onsetAge:Age onsetPeriod:Period "
        "onsetRange:Range onsetString:string abatementDateTime:dateTime abatementAge:Age "
        "abatementPeriod:Period abatementRange:Range abatementString:string recordedDate:dateTime "
        "recorder:Reference asserter:Reference stage:.* evidence:.* note:Annotation*"
    ),
    "Consent": (
        "identifier:Identifier* status:code(draft|proposed|active|rejected|inactive|entered-in-error)! "
        "scope:CodeableConcept! category:CodeableConcept+ patient:Reference dateTime:dateTime "
        "performer:Reference* organization:Reference* sourceAttachment:Attachment sourceReference:Reference "
        "policy:.* policyRule:CodeableConcept verification:.* provision:."
    ),
    "Coverage": (
        "identifier:Identifier* status:code! type:CodeableConcept policyHolder:Reference "
        "subscriber:Reference subscriberId:string beneficiary:Reference! dependent:string "
        "relationship:CodeableConcept period:Period payor:Reference+ class:.* order:positiveInt "
        "network:string costToBeneficiary:.* subrogation:boolean contract:Reference*"
    ),
    "DocumentReference": (
        "masterIdentifier:Identifier identifier:Identifier* "
        "status:code(current|superseded|entered-in-error)! docStatus:code type:CodeableConcept "
        "category:CodeableConcept* subject:Reference date:instant author:Reference* authenticator:Reference "
        "custodian:Reference relatesTo:.* description:string securityLabel:CodeableConcept* content:.+ "
        "context:."
    ),
    "Encounter": (
        "identifier:Identifier* "
        "status:code(planned|arrived|triaged|in-progress|onleave|finished|cancelled|entered-in-error|"
        "unknown)! statusHistory:.* class:Coding! classHistory:.* type:CodeableConcept* "
        "serviceType:CodeableConcept priority:CodeableConcept subject:Reference episodeOfCare:Reference* "
        "basedOn:Reference* participant:.* appointment:Reference* period:Period length:Duration "
        "reasonCode:CodeableConcept* reasonReference:Reference* diagnosis:.* account:Reference* "
        "hospitalization:. location:.* serviceProvider:Reference partOf:Reference"
    ),
    "Immunization": (
        "identifier:Identifier* status:code! statusReason:CodeableConcept vaccineCode:CodeableConcept! "
        "patient:Reference! encounter:Reference occurrenceDateTime:dateTime? occurrenceString:string? "
        "recorded:dateTime primarySource:boolean reportOrigin:CodeableConcept location:Reference "
        "manufacturer:Reference lotNumber:string expirationDate:date site:CodeableConcept "
        "route:CodeableConcept doseQuantity:Quantity performer:.* note:Annotation* "
        "reasonCode:CodeableConcept* reasonReference:Reference* isSubpotent:boolean "
        "subpotentReason:CodeableConcept* education:.* programEligibility:CodeableConcept* "
        "fundingSource:CodeableConcept reaction:.* protocolApplied:.*"
    ),
    "Location": (
        "identifier:Identifier* status:code(active|suspended|inactive) operationalStatus:Coding name:string "
        "alias:string* description:string mode:code(instance|kind) type:CodeableConcept* "
        "telecom:ContactPoint* address:Address physicalType:CodeableConcept position:. "
        "managingOrganization:Reference partOf:Reference hoursOfOperation:.* availabilityExceptions:string "
        "endpoint:Reference*"
    ),
    "MedicationRequest": (
        "identifier:Identifier* status:code! statusReason:CodeableConcept intent:code! "
        "category:CodeableConcept* priority:code doNotPerform:boolean reportedBoolean:boolean "
        "reportedReference:Reference medicationCodeableConcept:CodeableConcept? "
        "medicationReference:Reference? subject:Reference! encounter:Reference "
        "supportingInformation:Reference* authoredOn:dateTime requester:Reference performer:Reference "
        "performerType:CodeableConcept recorder:Reference reasonCode:CodeableConcept* "
        "reasonReference:Reference* instantiatesCanonical:canonical* instantiatesUri:uri* "
        "basedOn:Reference* groupIdentifier:Identifier courseOfTherapyType:CodeableConcept "
        "insurance:Reference* note:Annotation* dosageInstruction:Dosage* dispenseRequest:. substitution:. "
        "priorPrescription:Reference detectedIssue:Reference* eventHistory:Reference*"
    ),
    "Observation": (
        "identifier:Identifier* basedOn:Reference* partOf:Reference* "
        "status:code(registered|preliminary|final|amended|corrected|cancelled|entered-in-error|unknown)! "
        "category:CodeableConcept* code:CodeableConcept! subject:Reference focus:Reference* "
        "encounter:Reference effectiveDateTime:dateTime effectivePeriod:Period effectiveTiming:Timing "
        "effectiveInstant:instant issued:instant performer:Reference* valueQuantity:Quantity "
        "valueCodeableConcept:CodeableConcept valueString:string valueBoolean:boolean valueInteger:integer "
        "valueRange:Range valueRatio:Ratio valueSampledData:SampledData valueTime:time "
        "valueDateTime:dateTime valuePeriod:Period dataAbsentReason:CodeableConcept "
        "interpretation:CodeableConcept* note:Annotation* bodySite:CodeableConcept method:CodeableConcept "
        "specimen:Reference device:Reference referenceRange:.* hasMember:Reference* derivedFrom:Reference* "
        "component:.*"
    ),
    "Organization": (
        "identifier:Identifier* active:boolean type:CodeableConcept* name:string alias:string* "
        "telecom:ContactPoint* address:Address* partOf:Reference contact:.* endpoint:Reference*"
    ),
    "Patient": (
        "identifier:Identifier* active:boolean name:HumanName* telecom:ContactPoint* "
        "gender:code(male|female|other|unknown) birthDate:date deceasedBoolean:boolean "
        "deceasedDateTime:dateTime address:Address* maritalStatus:CodeableConcept "
        "multipleBirthBoolean:boolean multipleBirthInteger:integer photo:Attachment* contact:.* "
        "communication:.* generalPractitioner:Reference* managingOrganization:Reference link:.*"
    ),
    "Practitioner": (
        "identifier:Identifier* active:boolean name:HumanName* telecom:ContactPoint* address:Address* "
        "gender:code(male|female|other|unknown) birthDate:date photo:Attachment* qualification:.* "
        "communication:CodeableConcept*"
    ),
    "PractitionerRole": (
        "identifier:Identifier* active:boolean period:Period practitioner:Reference organization:Reference "
        "code:CodeableConcept* specialty:CodeableConcept* location:Reference* healthcareService:Reference* "
        "telecom:ContactPoint* availableTime:.* notAvailable:.* availabilityExceptions:string "
        "endpoint:Reference*"
    ),
    "Procedure": (
        "identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* basedOn:Reference* "
        "partOf:Reference* status:code! statusReason:CodeableConcept category:CodeableConcept "
        "code:CodeableConcept subject:Reference! encounter:Reference performedDateTime:dateTime "
        "performedPeriod:Period performedString:string performedAge:Age performedRange:Range "
        "recorder:Reference asserter:Reference performer:.* location:Reference reasonCode:CodeableConcept* "
        "reasonReference:Reference* bodySite:CodeableConcept* outcome:CodeableConcept report:Reference* "
        "complication:CodeableConcept* complicationDetail:Reference* followUp:CodeableConcept* "
        "note:Annotation* focalDevice:.* usedReference:Reference* usedCode:CodeableConcept*"
    ),
}
