"""The EHR port over FHIR R4."""

from sources.ehr.fhir.records import FhirRecords
from sources.fhir.settings import FhirSettings

__all__ = ["FhirRecords", "FhirSettings"]
