"""The PMS ports over FHIR R4."""

from sources.pms.fhir.practice import FhirPractice
from sources.pms.fhir.settings import FhirPmsSettings

__all__ = ["FhirPmsSettings", "FhirPractice"]
