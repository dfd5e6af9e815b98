"""The upstream's records as the floor decodes them: only what the two operations read, checked no further."""

from datetime import datetime

import msgspec
from msgspec import Struct


class Name(Struct, gc=False):
    """A HumanName; read and answered as it is."""

    family: str | None = None
    given: list[str] = []


class Concept(Struct, gc=False):
    """A CodeableConcept; read and answered as it is."""

    text: str | None = None


class Coding(Struct, gc=False):
    """A Coding; read and answered as it is."""

    code: str | None = None


class Period(Struct, gc=False):
    """A Period; read and answered as it is."""

    start: str | None = None
    end: str | None = None


class Reference(Struct, gc=False):
    """A Reference to a patient: `Patient/` and the id."""

    reference: str


class Identifier(Struct, gc=False):
    """An Identifier, to find the MRN by."""

    system: str | None = None
    value: str | None = None


class Patient(Struct, gc=False):
    """A FHIR Patient."""

    id: str
    identifier: list[Identifier] = []
    name: list[Name] = []
    birthDate: str | None = None
    gender: str | None = None


class Encounter(Struct, rename={"class_": "class"}, gc=False):
    """A FHIR Encounter."""

    id: str
    status: str
    class_: Coding
    subject: Reference
    period: Period | None = None
    reasonCode: list[Concept] = []


class PatientEntry(Struct, gc=False):
    """An entry of a searchset of patients."""

    resource: Patient


class EncounterEntry(Struct, gc=False):
    """An entry of a searchset of encounters."""

    resource: Encounter


class Patients(Struct, gc=False):
    """A searchset of patients."""

    entry: list[PatientEntry] = []


class Encounters(Struct, gc=False):
    """A searchset of encounters."""

    entry: list[EncounterEntry] = []


class Chart(Struct, gc=False):
    """The patient of an appointment, as the PMS names it."""

    mrn: str


class Appointment(Struct, gc=False):
    """An appointment of the PMS; `starts_at` is local to the practice."""

    id: int
    patient: Chart
    status: str
    service_name: str
    starts_at: datetime
    duration_minutes: int


class Appointments(Struct, gc=False):
    """The PMS's answer to a search."""

    appointments: list[Appointment]


class Properties(Struct, gc=False):
    """A contact's properties; HubSpot sends every number as text."""

    care_key: str
    lifecyclestage: str | None = None
    engagement_score: int | None = None
    attendance_rate: float | None = None


class Contact(Struct, gc=False):
    """A contact of the CRM."""

    properties: Properties


class Contacts(Struct, gc=False):
    """The CRM's answer to a batch read."""

    results: list[Contact]


read_patient = msgspec.json.Decoder(Patient).decode
read_patients = msgspec.json.Decoder(Patients).decode
read_encounters = msgspec.json.Decoder(Encounters).decode
read_appointments = msgspec.json.Decoder(Appointments).decode
read_contacts = msgspec.json.Decoder(Contacts, strict=False).decode
