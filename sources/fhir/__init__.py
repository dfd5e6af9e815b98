"""What every FHIR R4 server is asked, and how its answers are read; the roles' adapters are built on it."""
