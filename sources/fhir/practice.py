"""The FHIR R4 resources that a practice keeps, with the elements that are read of them.

They are what comes on the wire; the domain's own `Appointment`, `Coverage` and `Balance` are made of them.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from sources.model import CodeableConcept, Identifier, Period, Record, Reference, Resource


class MoneyValue(Record, frozen=True, kw_only=True):
    """An amount, to the digit as it was sent."""

    value: Decimal | None = None
    currency: str | None = None


class InnerExtension(Record, frozen=True, kw_only=True):
    """A part of an extension."""

    url: str | None = None
    value_url: str | None = None
    value_uri: str | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_money: MoneyValue | None = None


class Extension(InnerExtension, frozen=True, kw_only=True):
    """What a server adds to a resource: a value, or parts of one."""

    extension: tuple[InnerExtension, ...] = ()


class Actor(Record, frozen=True, kw_only=True):
    """Whom or what a participant is: by reference, by a business identifier such as an NPI, or both."""

    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class AppointmentParticipant(Record, frozen=True, kw_only=True):
    """Somebody or something that takes part in an appointment."""

    actor: Actor | None = None


class Appointment(Resource, frozen=True, kw_only=True):
    """A booking: https://hl7.org/fhir/R4/appointment.html"""

    identifier: tuple[Identifier, ...] = ()
    status: str | None = None
    service_category: tuple[CodeableConcept, ...] = ()
    service_type: tuple[CodeableConcept, ...] = ()
    appointment_type: CodeableConcept | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    start: str | None = None
    end: str | None = None
    minutes_duration: int | None = None
    participant: tuple[AppointmentParticipant, ...] = ()
    extension: tuple[Extension, ...] = ()

    @property
    def actors(self) -> tuple[Actor, ...]:
        """All who take part, as far as they are named."""
        return tuple(each.actor for each in self.participant if each.actor is not None)


class PractitionerRole(Resource, frozen=True, kw_only=True):
    """A practitioner in one of their roles."""

    practitioner: Reference | None = None


class CoverageClass(Record, frozen=True, kw_only=True):
    """A group or plan that a coverage belongs to."""

    type: CodeableConcept | None = None
    value: str | None = None
    name: str | None = None


class Coverage(Resource, frozen=True, kw_only=True):
    """An insurance: https://hl7.org/fhir/R4/coverage.html"""

    status: str | None = None
    subscriber_id: str | None = None
    beneficiary: Reference | None = None
    period: Period | None = None
    payor: tuple[Reference, ...] = ()
    class_: tuple[CoverageClass, ...] = msgspec.field(name="class", default=())


class Account(Resource, frozen=True, kw_only=True):
    """A patient's account: https://hl7.org/fhir/R4/account.html; R4 keeps no balance but as an extension."""

    status: str | None = None
    subject: tuple[Reference, ...] = ()
    extension: tuple[Extension, ...] = ()
