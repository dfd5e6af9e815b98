"""PMS and CRM records for patients whose FHIR files came from elsewhere."""
