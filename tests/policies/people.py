"""The people of the policy tests, and a small schema for them to ask about."""

from __future__ import annotations

from policies import (
    DEFAULT_PURPOSE,
    Actor,
    Audience,
    Classified,
    Coordinate,
    DataClass,
    Needs,
    Purpose,
    Scopes,
)
from sources.model import PatientId

ANA = PatientId("pat-ana")
BEN = PatientId("pat-ben")


def someone(
    audience: Audience,
    scopes: str,
    *,
    patient: PatientId | None = None,
    purpose: Purpose | None = None,
    subject: str = "a-person",
    fhir_user: str | None = None,
) -> Actor:
    return Actor(
        issuer="https://issuer.example",
        subject=subject,
        client_id="an-app",
        audience=audience,
        purpose=purpose or DEFAULT_PURPOSE[audience],
        scopes=Scopes.parse(scopes),
        patient=patient,
        fhir_user=fhir_user,
        token_id="a-token",
        expires_at=1_800_000_000.0,
    )


ana = someone(Audience.PATIENT, "patient/*.rs __engagement.read", patient=ANA, fhir_user="Patient/pat-ana")
a_clinician = someone(Audience.CLINICIAN, "user/*.rs __engagement.read", fhir_user="Practitioner/prac-1")
the_front_desk = someone(
    Audience.PRACTICE, "user/Patient.rs user/Appointment.rs user/Coverage.rs user/Account.rs"
)
a_partner = someone(
    Audience.PARTNER, "system/Patient.rs system/Appointment.rs system/Encounter.rs", subject="an-app"
)
the_marketer = someone(Audience.CRM, "__engagement.read")
an_assistant = someone(Audience.AI, "system/*.rs", subject="an-app")

ME = Coordinate("Query", "me")
SOURCES = Coordinate("Query", "sources")
SEARCH_BY_BIRTH_DATE = Coordinate("PatientSearch", "birthDate")
PATIENTS_BY_GENDER = Coordinate("Query", "patients", "gender")
PATIENT_ID = Coordinate("Patient", "id")
NAME = Coordinate("Patient", "name")
TELECOM = Coordinate("Patient", "telecom")
BIRTH_DATE = Coordinate("Patient", "birthDate")
GENDER = Coordinate("Patient", "gender")
MARITAL_STATUS = Coordinate("Patient", "maritalStatus")
GENERAL_PRACTITIONER = Coordinate("Patient", "generalPractitioner")
APPOINTMENT_START = Coordinate("Appointment", "start")
APPOINTMENT_REASON = Coordinate("Appointment", "reason")
ENCOUNTERS = Coordinate("Patient", "encounters")
ENCOUNTER_STATUS = Coordinate("Encounter", "status")
CONDITION_CODE = Coordinate("Condition", "code")
NOTE = Coordinate("DocumentReference", "content")
BALANCE = Coordinate("Patient", "balance")
SCORE = Coordinate("Engagement", "score")
LAST_TOUCH = Coordinate("Engagement", "lastTouch")
OUTCOMES = Coordinate("Query", "outcomes")
UNKNOWN = Coordinate("Patient", "shoeSize")

COORDINATES: dict[Coordinate, Classified] = {
    ME: Classified(DataClass.REFERENCE, Needs.NOTHING),
    SOURCES: Classified(DataClass.OPERATIONS, Needs.NOTHING),
    SEARCH_BY_BIRTH_DATE: Classified.of(DataClass.DEMOGRAPHICS, "Patient.s"),
    PATIENTS_BY_GENDER: Classified.of(DataClass.DEMOGRAPHICS, "Patient.s"),
    PATIENT_ID: Classified.of(DataClass.REFERENCE, "Patient.r or __engagement.read"),
    NAME: Classified.of(DataClass.IDENTITY, "Patient.r"),
    TELECOM: Classified.of(DataClass.CONTACT, "Patient.r"),
    BIRTH_DATE: Classified.of(DataClass.DEMOGRAPHICS, "Patient.r"),
    GENDER: Classified.of(DataClass.DEMOGRAPHICS, "Patient.r"),
    MARITAL_STATUS: Classified.of(DataClass.DEMOGRAPHICS, "Patient.r"),
    GENERAL_PRACTITIONER: Classified.of(DataClass.DIRECTORY, "Practitioner.r"),
    APPOINTMENT_START: Classified.of(DataClass.SCHEDULE, "Appointment.r"),
    APPOINTMENT_REASON: Classified.of(DataClass.REASON, "Appointment.r"),
    ENCOUNTERS: Classified.of(DataClass.REFERENCE, "Encounter.s"),
    ENCOUNTER_STATUS: Classified.of(DataClass.VISIT, "Encounter.rs"),
    CONDITION_CODE: Classified.of(DataClass.CLINICAL, "Condition.r"),
    NOTE: Classified.of(DataClass.NOTES, "DocumentReference.r"),
    BALANCE: Classified.of(DataClass.FINANCIAL, "Account.rs"),
    SCORE: Classified.of(DataClass.ENGAGEMENT, "__engagement.read"),
    LAST_TOUCH: Classified.of(DataClass.HISTORY, "__engagement.read"),
    OUTCOMES: Classified.of(DataClass.OUTCOMES, "__outcomes.read"),
}
