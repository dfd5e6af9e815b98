"""The graph of the textbook service: Relay connections over FHIR models and the other systems' JSON."""

# mypy: disable-error-code="untyped-decorator"
# Strawberry types `relay.connection` as returning Any.

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import strawberry
from fhir.resources.R4B.codeableconcept import CodeableConcept as FhirConcept
from fhir.resources.R4B.encounter import Encounter as FhirEncounter
from fhir.resources.R4B.humanname import HumanName as FhirName
from fhir.resources.R4B.patient import Patient as FhirPatient
from strawberry import relay

from benchmarks.textbook.loading import Info, care_key

PRACTICE = ZoneInfo("America/Chicago")
MRN_SYSTEM = "urn:caregraph:sandbox:mrn"
FHIR_STATUS = {
    "scheduled": "booked",
    "confirmed": "booked",
    "arrived": "arrived",
    "checked_in": "checked-in",
    "in_session": "checked-in",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "no_show": "noshow",
}


@strawberry.type
class HumanName:
    family: str | None
    given: list[str]


@strawberry.type
class CodeableConcept:
    text: str | None


@strawberry.type
class Coding:
    code: str | None


@strawberry.type
class Period:
    start: dt.datetime | None
    end: dt.datetime | None


@strawberry.type
class Engagement:
    lifecycle_stage: str | None
    score: int | None
    attendance_rate: float | None

    @classmethod
    def of(cls, properties: dict[str, str]) -> "Engagement":
        return cls(
            lifecycle_stage=properties["lifecyclestage"],
            score=int(properties["engagement_score"]),
            attendance_rate=float(properties["attendance_rate"]),
        )


@strawberry.type
class Appointment(relay.Node):
    ident: relay.NodeID[str]
    status: str
    start: dt.datetime
    end: dt.datetime
    service_type: list[CodeableConcept]

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Appointment":
        start = dt.datetime.fromisoformat(row["starts_at"]).replace(tzinfo=PRACTICE).astimezone(dt.UTC)
        return cls(
            ident=str(row["id"]),
            status=FHIR_STATUS[row["status"]],
            start=start,
            end=start + dt.timedelta(minutes=row["duration_minutes"]),
            service_type=[CodeableConcept(text=row["service_name"])],
        )


@strawberry.type
class Encounter(relay.Node):
    ident: relay.NodeID[str]
    status: str
    class_: Coding = strawberry.field(name="class")
    period: Period | None
    reason_code: list[CodeableConcept]

    @classmethod
    def of(cls, resource: FhirEncounter) -> "Encounter":
        period = resource.period
        return cls(
            ident=resource.id or "",
            status=resource.status or "",
            class_=Coding(code=resource.class_fhir.code),
            period=Period(start=period.start, end=period.end) if period else None,
            reason_code=_concepts(resource.reasonCode),
        )


@strawberry.type
class Patient(relay.Node):
    ident: relay.NodeID[str]
    mrn: strawberry.Private[str]
    name: list[HumanName]
    birth_date: dt.date | None
    gender: str | None

    @classmethod
    def of(cls, resource: FhirPatient) -> "Patient":
        identifiers = resource.identifier or []
        return cls(
            ident=resource.id or "",
            mrn=next(each.value or "" for each in identifiers if each.system == MRN_SYSTEM),
            name=[_name(each) for each in resource.name or []],
            birth_date=resource.birthDate,
            gender=resource.gender,
        )

    @relay.connection(relay.ListConnection[Appointment])
    async def appointments(self, info: Info) -> list[Appointment]:
        rows = await info.context.appointments.load(self.mrn)
        return [Appointment.of(row) for row in rows]

    @relay.connection(relay.ListConnection[Encounter])
    async def encounters(self, info: Info) -> list[Encounter]:
        resources = await info.context.encounters.load(self.ident)
        return [Encounter.of(resource) for resource in resources]

    @strawberry.field
    async def engagement(self, info: Info) -> Engagement | None:
        properties = await info.context.contacts.load(care_key(self.ident))
        return Engagement.of(properties) if properties else None


@strawberry.type
class Query:
    @strawberry.field
    async def patient(self, info: Info, id: relay.GlobalID) -> Patient | None:
        resource = await info.context.patient(id.node_id)
        return Patient.of(resource) if resource else None

    @relay.connection(relay.ListConnection[Patient])
    async def patients(self, info: Info, first: int | None = None) -> list[Patient]:
        return [Patient.of(resource) for resource in await info.context.patients(first)]


def _name(found: FhirName) -> HumanName:
    return HumanName(family=found.family, given=[each for each in found.given or [] if each])


def _concepts(found: Sequence[FhirConcept] | None) -> list[CodeableConcept]:
    return [CodeableConcept(text=each.text) for each in found or []]
