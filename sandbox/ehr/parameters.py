"""The search parameters of each FHIR type: their kind, where their values are, what they point to."""

import enum
from dataclasses import dataclass
from typing import Any

from sandbox.records import Resource


class Kind(enum.Enum):
    """How a search parameter compares; the values are codes of FHIR's search-param-type."""

    TOKEN = "token"
    REFERENCE = "reference"
    DATE = "date"
    STRING = "string"


@dataclass(frozen=True)
class Parameter:
    """One search parameter; `targets` are the types a reference may point to."""

    kind: Kind
    paths: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...] = ()


def _token(*paths: str) -> Parameter:
    return Parameter(Kind.TOKEN, _split(paths))


def _date(*paths: str) -> Parameter:
    return Parameter(Kind.DATE, _split(paths))


def _string(*paths: str) -> Parameter:
    return Parameter(Kind.STRING, _split(paths))


def _reference(path: str, *targets: str) -> Parameter:
    return Parameter(Kind.REFERENCE, _split((path,)), targets)


def _split(paths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in paths)


def _of_patient(path: str = "subject") -> dict[str, Parameter]:
    names = ("patient", "subject") if path == "subject" else ("patient",)
    return {name: _reference(path, "Patient") for name in names}


_IDENTIFIER = {"identifier": _token("identifier")}
_ENCOUNTER = {"encounter": _reference("encounter", "Encounter")}
_PERSON = _IDENTIFIER | {
    "name": _string("name"),
    "family": _string("name.family"),
    "given": _string("name.given"),
    "gender": _token("gender"),
    "telecom": _token("telecom"),
    "address": _string("address"),
    "active": _token("active"),
}
_CODED = {"category": _token("category"), "code": _token("code"), "status": _token("status")}

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Patient": _PERSON
    | {
        "birthdate": _date("birthDate"),
        "general-practitioner": _reference("generalPractitioner", "Practitioner", "Organization"),
        "organization": _reference("managingOrganization", "Organization"),
    },
    "Practitioner": _PERSON,
    "PractitionerRole": _IDENTIFIER
    | {
        "practitioner": _reference("practitioner", "Practitioner"),
        "organization": _reference("organization", "Organization"),
        "location": _reference("location", "Location"),
        "specialty": _token("specialty"),
        "role": _token("code"),
        "active": _token("active"),
    },
    "Organization": _IDENTIFIER
    | {
        "name": _string("name"),
        "address": _string("address"),
        "type": _token("type"),
        "active": _token("active"),
        "partof": _reference("partOf", "Organization"),
    },
    "Location": _IDENTIFIER
    | {
        "name": _string("name"),
        "address": _string("address"),
        "status": _token("status"),
        "type": _token("type"),
        "organization": _reference("managingOrganization", "Organization"),
    },
    "Encounter": _of_patient()
    | _IDENTIFIER
    | {
        "date": _date("period"),
        "status": _token("status"),
        "class": _token("class"),
        "type": _token("type"),
        "reason-code": _token("reasonCode"),
        "participant": _reference(
            "participant.individual", "Practitioner", "PractitionerRole", "RelatedPerson"
        ),
        "practitioner": _reference("participant.individual", "Practitioner"),
        "location": _reference("location.location", "Location"),
        "appointment": _reference("appointment", "Appointment"),
        "diagnosis": _reference("diagnosis.condition", "Condition", "Procedure"),
        "service-provider": _reference("serviceProvider", "Organization"),
    },
    "Observation": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | _CODED
    | {
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
        "performer": _reference("performer", "Practitioner", "PractitionerRole", "Organization", "Patient"),
    },
    "Condition": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | {
        "category": _token("category"),
        "code": _token("code"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "onset-date": _date("onsetDateTime", "onsetPeriod"),
        "abatement-date": _date("abatementDateTime", "abatementPeriod"),
        "recorded-date": _date("recordedDate"),
        "asserter": _reference("asserter", "Practitioner", "PractitionerRole", "Patient"),
    },
    "MedicationRequest": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | {
        "status": _token("status"),
        "intent": _token("intent"),
        "code": _token("medicationCodeableConcept"),
        "category": _token("category"),
        "authoredon": _date("authoredOn"),
        "medication": _reference("medicationReference", "Medication"),
        "requester": _reference("requester", "Practitioner", "PractitionerRole", "Organization", "Patient"),
    },
    "AllergyIntolerance": _of_patient("patient")
    | _IDENTIFIER
    | {
        "category": _token("category"),
        "code": _token("code"),
        "clinical-status": _token("clinicalStatus"),
        "verification-status": _token("verificationStatus"),
        "criticality": _token("criticality"),
        "date": _date("recordedDate"),
    },
    "Immunization": _of_patient("patient")
    | _IDENTIFIER
    | {
        "date": _date("occurrenceDateTime"),
        "status": _token("status"),
        "vaccine-code": _token("vaccineCode"),
        "performer": _reference("performer.actor", "Practitioner", "PractitionerRole", "Organization"),
        "location": _reference("location", "Location"),
    },
    "Procedure": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | _CODED
    | {
        "date": _date("performedDateTime", "performedPeriod"),
        "performer": _reference("performer.actor", "Practitioner", "PractitionerRole", "Organization"),
        "location": _reference("location", "Location"),
    },
    "CarePlan": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | {
        "category": _token("category"),
        "status": _token("status"),
        "intent": _token("intent"),
        "date": _date("period"),
        "condition": _reference("addresses", "Condition"),
        "care-team": _reference("careTeam", "CareTeam"),
    },
    "DocumentReference": _of_patient()
    | {
        "identifier": _token("masterIdentifier", "identifier"),
        "category": _token("category"),
        "type": _token("type"),
        "status": _token("status"),
        "date": _date("date"),
        "period": _date("context.period"),
        "encounter": _reference("context.encounter", "Encounter"),
        "author": _reference("author", "Practitioner", "PractitionerRole", "Organization", "Patient"),
    },
    "Appointment": _of_patient("participant.actor")
    | _IDENTIFIER
    | {
        "actor": _reference("participant.actor", "Patient", "Practitioner", "PractitionerRole", "Location"),
        "practitioner": _reference("participant.actor", "Practitioner"),
        "location": _reference("participant.actor", "Location"),
        "date": _date("start"),
        "status": _token("status"),
        "part-status": _token("participant.status"),
        "appointment-type": _token("appointmentType"),
        "service-type": _token("serviceType"),
        "specialty": _token("specialty"),
        "reason-code": _token("reasonCode"),
    },
    "DiagnosticReport": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | _CODED
    | {
        "date": _date("effectiveDateTime", "effectivePeriod"),
        "issued": _date("issued"),
        "result": _reference("result", "Observation"),
    },
    "Consent": _of_patient("patient")
    | _IDENTIFIER
    | {
        "status": _token("status"),
        "scope": _token("scope"),
        "category": _token("category"),
        "date": _date("dateTime"),
        "period": _date("provision.period"),
        "actor": _reference("provision.actor.reference", "Practitioner", "Organization", "Device"),
    },
    "Coverage": _of_patient("beneficiary")
    | _IDENTIFIER
    | {
        "status": _token("status"),
        "type": _token("type"),
        "beneficiary": _reference("beneficiary", "Patient"),
    },
    "Account": _IDENTIFIER
    | {name: _reference("subject", "Patient") for name in ("patient", "subject")}
    | {"status": _token("status")},
    "CareTeam": _of_patient()
    | _IDENTIFIER
    | _ENCOUNTER
    | {"status": _token("status"), "date": _date("period")},
    "Device": _of_patient("patient") | _IDENTIFIER | {"type": _token("type"), "status": _token("status")},
    "Provenance": {"target": _reference("target"), "recorded": _date("recorded")},
}
"""By type; a type that only the data has is searched by `identifier`, `patient` and `subject`."""

_WHOSE = Parameter(Kind.REFERENCE, (("subject",), ("patient",)), ("Patient",))
_ANY_TYPE = _IDENTIFIER | {"patient": _WHOSE, "subject": _WHOSE}


def parameters_of(type_: str) -> dict[str, Parameter]:
    """The search parameters of *type_*, less `_id` and `_lastUpdated`, which every type has."""
    return PARAMETERS.get(type_, _ANY_TYPE)


def elements(resource: Resource, parameter: Parameter) -> list[Any]:
    """The elements of *resource* that *parameter* looks at."""
    return [found for path in parameter.paths for found in _at(resource, path)]


def _at(resource: Resource, path: tuple[str, ...]) -> list[Any]:
    found = _listed(resource.get(path[0]))
    for step in path[1:]:
        found = [item for parent in found if isinstance(parent, dict) for item in _listed(parent.get(step))]
    return found


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
