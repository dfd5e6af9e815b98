"""The stand-in EHR: a FHIR R4 server over the sandbox's data."""
