"""The root of queries."""

from __future__ import annotations

import strawberry

from policies import DataClass
from resolvers.access import AccessExplanation
from resolvers.appointment import Appointment
from resolvers.connection import Connection
from resolvers.declare import Fields, edge
from resolvers.directory import Practitioner
from resolvers.encounter import Encounter
from resolvers.node import Node
from resolvers.outcomes import Outcomes
from resolvers.patient import Patient
from resolvers.roads import encounters_by_id, patients_by_id
from resolvers.roots import (
    appointment_by_id,
    appointments,
    encounter_by_id,
    explain_access,
    me,
    node,
    nodes,
    outcomes,
    patient_by_id,
    patients,
    practitioner_by_id,
    sources,
)
from sources.ports import SourceStatus

operations = Fields(DataClass.OPERATIONS, "")
reference = Fields(DataClass.REFERENCE, "")


@strawberry.type(description="Who you are to the gateway.")
class Me:
    audience: str = reference("Your audience: it decides which classes of data you may see.")
    purpose: str = reference("The purpose of use your requests are made for: a code of v3 ActReason.")
    scopes: list[str] = reference("The scopes your token grants, as they were understood.")
    ignored_scopes: list[str] = reference("Scopes of your token that were not understood, and grant nothing.")
    client_id: str = reference("The client your token was issued to.")
    expires_at: str = reference("When your token expires: an instant.")
    patient: Patient | None = edge(
        patients_by_id,
        "Your own record, or the patient your app was launched for.",
        data=DataClass.REFERENCE,
        needs="Patient.r",
        key="patient_id",
    )
    encounter: Encounter | None = edge(
        encounters_by_id,
        "The encounter your app was launched for. It opens nothing: you see it if you may see it by its id.",
        data=DataClass.VISIT,
        needs="Encounter.r",
        key="encounter_id",
    )


strawberry.enum(SourceStatus, description="How a source stands with the gateway.")


@strawberry.type(description="A system the graph is resolved from.")
class Source:
    name: str = operations("Its name in the gateway's settings.")
    kind: str = operations("Its kind, such as `ehr/fhir`.")
    up: bool = operations("Whether it answered when last asked.")
    since: str = operations("From when that has been so: an instant.")
    status: SourceStatus = operations("How it stands with the gateway, in a word.")
    left_alone_since: str | None = operations(
        "From when it has been left alone, as it failed time and again: an instant; null while it is not."
    )
    quota_used_up_until: str | None = operations(
        "Until when it may not be called, by our quota or at its own wish: an instant; null while it may."
    )
    as_of: str | None = operations(
        "As of when it has told, if it cannot be asked but tells by itself: an instant; null otherwise."
    )


@strawberry.type(description="Where a query begins.")
class Query:
    me: Me = edge(me, "Who you are to the gateway.", data=DataClass.REFERENCE, needs="")
    node: Node | None = edge(node, "Anything that has a global id.", data=DataClass.REFERENCE, needs="")
    nodes: list[Node | None] = edge(
        nodes, "Things that have global ids, in the order of the ids.", data=DataClass.REFERENCE, needs=""
    )
    patient: Patient | None = edge(
        patient_by_id,
        "A patient.",
        data=DataClass.REFERENCE,
        needs="Patient.r or __engagement.read",
    )
    patients: Connection[Patient] | None = edge(
        patients,
        "Patients, all that you may see or those that match.",
        data=DataClass.REFERENCE,
        needs="Patient.s or __engagement.read",
    )
    appointment: Appointment | None = edge(
        appointment_by_id, "An appointment.", data=DataClass.SCHEDULE, needs="Appointment.r"
    )
    appointments: Connection[Appointment] | None = edge(
        appointments,
        "Appointments, by start, all that you may see or those that match.",
        data=DataClass.SCHEDULE,
        needs="Appointment.s",
    )
    encounter: Encounter | None = edge(
        encounter_by_id, "An encounter.", data=DataClass.VISIT, needs="Encounter.r"
    )
    practitioner: Practitioner | None = edge(
        practitioner_by_id, "A practitioner.", data=DataClass.DIRECTORY, needs="Practitioner.r"
    )
    outcomes: Outcomes | None = edge(
        outcomes,
        "What came of the appointments of a quarter, over all patients together. `quarter` names one that"
        " ended 30 days ago or earlier, such as `2026-Q3`.",
        data=DataClass.OUTCOMES,
        needs="__outcomes.read",
    )
    explain_access: AccessExplanation | None = edge(
        explain_access,
        "What an operation would be given and denied if you sent it, and by which rules. It is not run.",
        data=DataClass.REFERENCE,
        needs="",
    )
    sources: list[Source] | None = edge(
        sources, "The systems the graph is resolved from.", data=DataClass.OPERATIONS, needs=""
    )
