"""A patient's privacy consent (https://hl7.org/fhir/R4/consent.html): a rule, and the exceptions to it."""

from __future__ import annotations

import msgspec

from sources.model.clinical import OfPatient
from sources.model.datatypes import CodeableConcept, Coding, LogicalReference, Period, Record, Reference


class ConsentActor(Record, frozen=True, kw_only=True):
    """Whom a provision is about."""

    role: CodeableConcept | None = None
    reference: LogicalReference | None = None


class ConsentData(Record, frozen=True, kw_only=True):
    """Data a provision names one by one; `meaning` is instance, related, dependents or authoredby."""

    meaning: str
    reference: Reference


class Provision(Record, frozen=True, kw_only=True):
    """What is permitted or denied where all that is stated matches; `provision` holds the exceptions."""

    type: str | None = None
    period: Period | None = None
    actor: tuple[ConsentActor, ...] = ()
    action: tuple[CodeableConcept, ...] = ()
    security_label: tuple[Coding, ...] = ()
    purpose: tuple[Coding, ...] = ()
    class_: tuple[Coding, ...] = msgspec.field(name="class", default=())
    code: tuple[CodeableConcept, ...] = ()
    data_period: Period | None = None
    data: tuple[ConsentData, ...] = ()
    provision: tuple[Provision, ...] = ()


class Consent(OfPatient, frozen=True, kw_only=True):
    """What a patient has agreed to or forbidden. `policy_rule` says so where the provision does not."""

    status: str | None = None
    scope: CodeableConcept | None = None
    policy_rule: CodeableConcept | None = None
    provision: Provision | None = None
