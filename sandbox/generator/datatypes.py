"""Makers of the FHIR datatypes that the generated resources are made of."""

from sandbox.records import Json

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"
NUCC = "http://nucc.org/provider-taxonomy"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
ACT_CODE = f"{TERMINOLOGY}/v3-ActCode"


def coding(system: str, code: str, display: str) -> Json:
    """A Coding."""
    return {"system": system, "code": code, "display": display}


def concept(system: str, code: str, display: str) -> Json:
    """A CodeableConcept with one coding and its display as text."""
    return {"coding": [coding(system, code, display)], "text": display}


def status(system: str, code: str) -> Json:
    """A CodeableConcept for one of FHIR's own status code systems, such as `condition-clinical`."""
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code}]}


def reference(type_: str, id_: str, display: str | None = None) -> Json:
    """A Reference to a resource of this server."""
    found = {"reference": f"{type_}/{id_}"}
    return found if display is None else {**found, "display": display}


def quantity(value: float, unit: str, code: str) -> Json:
    """A Quantity in UCUM *code*, shown as *unit*."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


def meta(last_updated: str) -> Json:
    """The meta of a resource's first version; *last_updated* is an instant."""
    return {"versionId": "1", "lastUpdated": last_updated}
