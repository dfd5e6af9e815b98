"""The root of subscriptions."""

from dataclasses import dataclass

import strawberry

from policies import DataClass
from resolvers.change import TOLD, Change, ToldType
from resolvers.declare import event
from resolvers.node import logical_id
from sources import model
from sources.model import ChangeType, PatientId


@dataclass(frozen=True)
class Subscribed:
    """Which changes a subscriber wants. Whether they may have them is not here."""

    types: frozenset[ChangeType] = TOLD
    patient: PatientId | None = None
    after: str | None = None

    def wants(self, change: model.Change) -> bool:
        if change.type not in self.types:
            return False
        return self.patient is None or change.patient_id == self.patient


def changes(
    types: list[ToldType] | None = None, patient: strawberry.ID | None = None, after: str | None = None
) -> Subscribed:
    return Subscribed(
        frozenset(ChangeType(each.value) for each in types) if types is not None else TOLD,
        PatientId(logical_id(patient, "Patient", "patient")) if patient is not None else None,
        after,
    )


@strawberry.type(description="Where a subscription begins.")
class Subscription:
    changes: Change = event(
        changes,
        "Changes in the sources as they happen, of these types, of this patient: those you may know of.",
        data=DataClass.REFERENCE,
        needs="",
        name="changes",
    )
