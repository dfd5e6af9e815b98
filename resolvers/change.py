"""Changes: what happened in a source, with the record itself read live."""

from __future__ import annotations

from enum import Enum

import strawberry

from policies import DataClass
from resolvers.declare import Fields, edge
from resolvers.node import Node
from resolvers.patient import Patient
from resolvers.roads import nodes_by_id, patients_by_id
from sources.model import ChangeKind, ChangeType

change = Fields(DataClass.REFERENCE, "")


@strawberry.enum(name="ChangeType", description="The types of record whose changes are told.")
class ToldType(Enum):
    """Those of the types of changes that clients may be told of: the graph has a type for each.

    Consents are none of them: what a patient has forbidden to whom is itself not for all to know.
    """

    APPOINTMENT = ChangeType.APPOINTMENT.value
    ENCOUNTER = ChangeType.ENCOUNTER.value
    PATIENT = ChangeType.PATIENT.value


TOLD = frozenset(ChangeType(each.value) for each in ToldType)


def _told_type(type_: ChangeType) -> ToldType:
    return ToldType(type_.value)


strawberry.enum(ChangeKind, description="What happened to a record.")


@strawberry.type(
    description="A change in a source. It carries ids; the record is read live, as you may see it."
)
class Change:
    cursor: str | None = change("The change's place in the log: subscribe again from here.")
    kind: ChangeKind = change("What happened.")
    type: ToldType = change("The type of the record.", convert=_told_type)
    source: str = change("The source it happened in.")
    record_id: strawberry.ID = change("The record's global id.", name="record_id")
    occurred: str = change("When it happened, by the source's clock: an instant.")
    received: str = change("When the gateway learned of it: an instant.")
    patient: Patient | None = edge(
        patients_by_id,
        "Whose record it is.",
        data=DataClass.REFERENCE,
        needs="",
        key="patient_id",
    )
    record: Node | None = edge(
        nodes_by_id,
        "The record as it is now; null if it is gone or not yours to see.",
        data=DataClass.REFERENCE,
        needs="",
        key="record_id",
    )
