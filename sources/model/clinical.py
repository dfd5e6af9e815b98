"""The records an EHR keeps: FHIR R4 resources, with the elements the graph shows or policy reads.

A record may be partial: only the attributes that were asked for are filled, so all but the id can be absent.
"""

from __future__ import annotations

import msgspec

from sources.model.datatypes import (
    Address,
    Attachment,
    Chart,
    Charts,
    CodeableConcept,
    Coding,
    ContactPoint,
    HumanName,
    Identifier,
    Meta,
    Mrn,
    PatientId,
    Period,
    Quantity,
    Record,
    Reference,
    Visit,
)

NPI = "http://hl7.org/fhir/sid/us-npi"


def typed_identifier(identifiers: tuple[Identifier, ...], code: str) -> str | None:
    """The value of the first identifier of that type (a code of HL7 table 0203, such as `MR`)."""
    for identifier in identifiers:
        if identifier.type is not None and any(coding.code == code for coding in identifier.type.coding):
            return identifier.value
    return None


def ids(references: tuple[Reference, ...], kind: str) -> tuple[str, ...]:
    """The logical ids of the references to resources of that type, in order."""
    return tuple(r.id for r in references if r.kind == kind and r.id is not None)


class Resource(Record, frozen=True, kw_only=True):
    """What every FHIR resource has."""

    id: str
    meta: Meta | None = None

    @property
    def last_updated(self) -> str | None:
        return self.meta.last_updated if self.meta is not None else None

    @property
    def security(self) -> tuple[Coding, ...]:
        return self.meta.security if self.meta is not None else ()


class OfSubject(Resource, frozen=True, kw_only=True):
    """A resource that is about one patient, by its element `subject`."""

    subject: Reference | None = None

    @property
    def patient_id(self) -> PatientId | None:
        return _patient_id(self.subject)


class OfPatient(Resource, frozen=True, kw_only=True):
    """A resource that is about one patient, by its element `patient`."""

    patient: Reference | None = None

    @property
    def patient_id(self) -> PatientId | None:
        return _patient_id(self.patient)


def _patient_id(reference: Reference | None) -> PatientId | None:
    if reference is None or reference.kind != "Patient" or reference.id is None:
        return None
    return PatientId(reference.id)


class PatientLink(Record, frozen=True, kw_only=True):
    """That two records are of one person, and how they stand to one another."""

    other: Reference | None = None
    type: str | None = None


class Patient(Resource, frozen=True, kw_only=True):
    """A person in care."""

    active: bool | None = None
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    gender: str | None = None
    birth_date: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    address: tuple[Address, ...] = ()
    marital_status: CodeableConcept | None = None
    general_practitioner: tuple[Reference, ...] = ()
    managing_organization: Reference | None = None
    link: tuple[PatientLink, ...] = ()

    @property
    def patient_id(self) -> PatientId:
        return PatientId(self.id)

    @property
    def mrns(self) -> tuple[Mrn, ...]:
        """The keys of the patient's charts in the practices: the identifier typed MR."""
        value = typed_identifier(self.identifier, "MR")
        return (Mrn(value),) if value is not None else ()

    @property
    def mrn(self) -> Mrn | None:
        """The first of them."""
        return next(iter(self.mrns), None)

    @property
    def charts(self) -> Charts | None:
        """Under what practices keep this patient; None where the EHR holds no MRN."""
        return tuple(Chart(self.patient_id, mrn) for mrn in self.mrns) or None

    @property
    def postal_code(self) -> str | None:
        """Of the address in use, the home's before others."""
        current = [address for address in self.address if address.use not in ("old", "billing")]
        homes = [address for address in current if address.use == "home"]
        return next((address.postal_code for address in homes + current if address.postal_code), None)

    @property
    def deceased(self) -> bool | None:
        return True if self.deceased_date_time is not None else self.deceased_boolean

    @property
    def general_practitioner_ids(self) -> tuple[str, ...]:
        return ids(self.general_practitioner, "Practitioner")


class EncounterParticipant(Record, frozen=True, kw_only=True):
    """Someone who took part in an encounter, other than the patient."""

    type: tuple[CodeableConcept, ...] = ()
    period: Period | None = None
    individual: Reference | None = None

    @property
    def practitioner_id(self) -> str | None:
        reference = self.individual
        return reference.id if reference is not None and reference.kind == "Practitioner" else None

    @property
    def display(self) -> str | None:
        return self.individual.display if self.individual is not None else None


class EncounterDiagnosis(Record, frozen=True, kw_only=True):
    """A condition that mattered in an encounter."""

    condition: Reference
    use: CodeableConcept | None = None
    rank: int | None = None

    @property
    def condition_id(self) -> str | None:
        return self.condition.id if self.condition.kind == "Condition" else None


class EncounterLocation(Record, frozen=True, kw_only=True):
    """Where the patient was during an encounter."""

    location: Reference
    status: str | None = None


class Encounter(OfSubject, frozen=True, kw_only=True):
    """A meeting of a patient with those who care for them."""

    identifier: tuple[Identifier, ...] = ()
    status: str | None = None
    class_: Coding | None = msgspec.field(name="class", default=None)
    type: tuple[CodeableConcept, ...] = ()
    service_type: CodeableConcept | None = None
    period: Period | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    participant: tuple[EncounterParticipant, ...] = ()
    diagnosis: tuple[EncounterDiagnosis, ...] = ()
    location: tuple[EncounterLocation, ...] = ()
    appointment: tuple[Reference, ...] = ()
    service_provider: Reference | None = None

    @property
    def visit(self) -> Visit | None:
        """The encounter with its patient: what belongs to it is found by both."""
        patient = self.patient_id
        return Visit(patient, self.id) if patient is not None else None

    @property
    def visit_number(self) -> str | None:
        """The identifier typed VN: what the PMS calls the visit this encounter was."""
        return typed_identifier(self.identifier, "VN")

    @property
    def location_id(self) -> str | None:
        return self.location[0].location.id if self.location else None

    @property
    def organization_id(self) -> str | None:
        return self.service_provider.id if self.service_provider is not None else None


class Condition(OfSubject, frozen=True, kw_only=True):
    """A problem, diagnosis or health concern."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    category: tuple[CodeableConcept, ...] = ()
    severity: CodeableConcept | None = None
    code: CodeableConcept | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    abatement_date_time: str | None = None
    recorded_date: str | None = None


class ObservationComponent(Record, frozen=True, kw_only=True):
    """One of several results of an observation, such as the systolic pressure."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None


class Observation(OfSubject, frozen=True, kw_only=True):
    """A measurement or finding."""

    status: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    code: CodeableConcept | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_date_time: str | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    component: tuple[ObservationComponent, ...] = ()

    @property
    def encounter_ids(self) -> tuple[str, ...]:
        return ids((self.encounter,), "Encounter") if self.encounter is not None else ()


class Dosage(Record, frozen=True, kw_only=True):
    """How a medication is to be taken, as text."""

    text: str | None = None
    patient_instruction: str | None = None


class MedicationRequest(OfSubject, frozen=True, kw_only=True):
    """An order for a medication."""

    status: str | None = None
    intent: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    encounter: Reference | None = None
    authored_on: str | None = None
    requester: Reference | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    dosage_instruction: tuple[Dosage, ...] = ()

    @property
    def requester_id(self) -> str | None:
        reference = self.requester
        return reference.id if reference is not None and reference.kind == "Practitioner" else None


class AllergyReaction(Record, frozen=True, kw_only=True):
    """What an allergy did."""

    manifestation: tuple[CodeableConcept, ...] = ()
    severity: str | None = None


class AllergyIntolerance(OfPatient, frozen=True, kw_only=True):
    """A propensity to react badly to a substance."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    type: str | None = None
    category: tuple[str, ...] = ()
    criticality: str | None = None
    code: CodeableConcept | None = None
    onset_date_time: str | None = None
    recorded_date: str | None = None
    reaction: tuple[AllergyReaction, ...] = ()


class Immunization(OfPatient, frozen=True, kw_only=True):
    """A vaccine given or refused."""

    status: str | None = None
    status_reason: CodeableConcept | None = None
    vaccine_code: CodeableConcept | None = None
    encounter: Reference | None = None
    occurrence_date_time: str | None = None
    occurrence_string: str | None = None
    lot_number: str | None = None
    primary_source: bool | None = None


class Procedure(OfSubject, frozen=True, kw_only=True):
    """Something done to or for a patient."""

    status: str | None = None
    category: CodeableConcept | None = None
    code: CodeableConcept | None = None
    encounter: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    reason_code: tuple[CodeableConcept, ...] = ()


class CarePlan(OfSubject, frozen=True, kw_only=True):
    """What is intended for a patient's care."""

    status: str | None = None
    intent: str | None = None
    category: tuple[CodeableConcept, ...] = ()
    title: str | None = None
    description: str | None = None
    period: Period | None = None
    encounter: Reference | None = None


class DocumentContent(Record, frozen=True, kw_only=True):
    """A document in one form."""

    attachment: Attachment
    format: Coding | None = None


class DocumentContext(Record, frozen=True, kw_only=True):
    """Where a document belongs."""

    encounter: tuple[Reference, ...] = ()
    period: Period | None = None


class DocumentReference(OfSubject, frozen=True, kw_only=True):
    """A clinical note or other document."""

    status: str | None = None
    doc_status: str | None = None
    type: CodeableConcept | None = None
    category: tuple[CodeableConcept, ...] = ()
    date: str | None = None
    author: tuple[Reference, ...] = ()
    description: str | None = None
    security_label: tuple[CodeableConcept, ...] = ()
    content: tuple[DocumentContent, ...] = ()
    context: DocumentContext | None = None

    @property
    def encounter_ids(self) -> tuple[str, ...]:
        return ids(self.context.encounter, "Encounter") if self.context is not None else ()


class Practitioner(Resource, frozen=True, kw_only=True):
    """Someone who provides care."""

    active: bool | None = None
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    gender: str | None = None
    qualification: tuple[Qualification, ...] = ()

    @property
    def npi(self) -> str | None:
        return next((i.value for i in self.identifier if i.system == NPI), None)


class Qualification(Record, frozen=True, kw_only=True):
    """A certification or licence of a practitioner."""

    code: CodeableConcept


class Organization(Resource, frozen=True, kw_only=True):
    """A hospital, practice or other body."""

    active: bool | None = None
    name: str | None = None
    type: tuple[CodeableConcept, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    address: tuple[Address, ...] = ()


class Location(Resource, frozen=True, kw_only=True):
    """A place where care is given, a virtual one among them; the EHR's or the PMS's."""

    status: str | None = None
    name: str | None = None
    mode: str | None = None
    type: tuple[CodeableConcept, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    address: Address | None = None
