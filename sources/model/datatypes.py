"""The FHIR R4 datatypes that every source's records are made of (https://hl7.org/fhir/R4/datatypes.html).

Attribute names are FHIR's element names in snake case; an element that is absent is None or ().
Dates and times are the ISO 8601 text of the source, with the precision the source gave.
"""

from __future__ import annotations

from typing import NamedTuple, NewType, TypeAlias

import msgspec

PatientId = NewType("PatientId", str)
"""A Patient's logical id in the EHR: the anchor of identity across all sources."""

Mrn = NewType("Mrn", str)
"""A medical record number: how the PMS knows a patient. It never leaves for the CRM, a log or a cursor."""

CareKey = NewType("CareKey", str)
"""The opaque key (keyed hash of a PatientId) by which alone the CRM knows a patient."""


class Chart(NamedTuple):
    """A patient as both sides know them: the EHR by its id, the PMS by the MRN on its chart."""

    patient_id: PatientId
    mrn: Mrn


Charts: TypeAlias = tuple[Chart, ...]
"""The charts of one patient, at least one: a patient of several practices has one in each."""


class Visit(NamedTuple):
    """An encounter, and whose it is."""

    patient_id: PatientId
    encounter_id: str


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """What all domain records share: immutable, keyword-built, camel-cased on the FHIR wire.

    They are trees of immutable parts, so that the garbage collector need not look at them.
    """


class Coding(Record, frozen=True, kw_only=True):
    """A code from a code system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Record, frozen=True, kw_only=True):
    """A concept by codes, by text, or both."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Period(Record, frozen=True, kw_only=True):
    """A span of time; an absent bound is open."""

    start: str | None = None
    end: str | None = None


class Identifier(Record, frozen=True, kw_only=True):
    """A business identifier, such as an MRN or an NPI."""

    use: str | None = None
    type: CodeableConcept | None = None
    system: str | None = None
    value: str | None = None


class HumanName(Record, frozen=True, kw_only=True):
    """A person's name."""

    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    suffix: tuple[str, ...] = ()


class ContactPoint(Record, frozen=True, kw_only=True):
    """A telephone number, e-mail address or the like."""

    system: str | None = None
    value: str | None = None
    use: str | None = None


class Address(Record, frozen=True, kw_only=True):
    """A postal address."""

    use: str | None = None
    text: str | None = None
    line: tuple[str, ...] = ()
    city: str | None = None
    district: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Quantity(Record, frozen=True, kw_only=True):
    """A measured amount; `unit` is for people, `code` (UCUM) for machines."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Money(Record, frozen=True, kw_only=True):
    """An amount; `value` is a decimal text, `currency` an ISO 4217 code."""

    value: str
    currency: str


class Reference(Record, frozen=True, kw_only=True):
    """A pointer to another resource of the same server, such as `Patient/p1`."""

    reference: str | None = None
    display: str | None = None

    @property
    def id(self) -> str | None:
        """The logical id the reference ends in; None for a contained or absent one."""
        if not self.reference or self.reference.startswith("#"):
            return None
        return self.reference.rpartition("/")[2] or None

    @property
    def kind(self) -> str | None:
        """The resource type the reference names, such as `Practitioner`."""
        if not self.reference or "/" not in self.reference:
            return None
        return self.reference.split("/")[-2]


class LogicalReference(Reference, frozen=True, kw_only=True):
    """A pointer that may name what it points to by a business identifier instead."""

    identifier: Identifier | None = None


class Meta(Record, frozen=True, kw_only=True):
    """What a server says of a resource: its version, its age and its security labels."""

    version_id: str | None = None
    last_updated: str | None = None
    security: tuple[Coding, ...] = ()


class Attachment(Record, frozen=True, kw_only=True):
    """A document's content or where it lies; `data` is base64."""

    content_type: str | None = None
    language: str | None = None
    data: str | None = None
    url: str | None = None
    title: str | None = None
    creation: str | None = None
