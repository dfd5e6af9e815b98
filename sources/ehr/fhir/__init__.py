"""The EHR port over FHIR R4."""

from sources.ehr.fhir.records import FhirRecords
from sources.ehr.fhir.settings import FhirSettings

__all__ = ["FhirRecords", "FhirSettings"]
