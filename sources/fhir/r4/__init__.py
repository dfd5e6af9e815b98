"""What FHIR R4 says of the types that are read (https://hl7.org/fhir/R4)."""
