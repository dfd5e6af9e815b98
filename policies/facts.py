"""What labels, the classifier and consents read of a row: its labels, its codes and its dates, by type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from policies.labels import Labels, labels
from policies.sensitivity import Found, sensitivities
from sources.model import CodeableConcept, Coding, ObservationComponent, Period

# fmt: off
LABELS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    kind: ("security",)
    for kind in ("Patient", "AllergyIntolerance", "CarePlan", "Condition", "Encounter", "Immunization",
                 "MedicationRequest", "Observation", "Procedure")
} | {"DocumentReference": ("security", "security_label")})
"""Where a row of each type bears its labels. The records of the PMS and the CRM bear none."""

CODES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "AllergyIntolerance": ("code",),
    "Appointment":        ("service_type", "reason_code"),
    "CarePlan":           ("category", "title"),
    "Condition":          ("code",),
    "DocumentReference":  ("type", "category"),
    "Encounter":          ("type", "service_type", "reason_code"),
    "Immunization":       ("vaccine_code",),
    "MedicationRequest":  ("medication_codeable_concept", "medication_reference", "reason_code"),
    "Observation":        ("code", "value_codeable_concept", "component"),
    "Procedure":          ("code", "reason_code"),
})
"""The elements that can tell of something sensitive."""

DATES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "AllergyIntolerance": ("recorded_date", "onset_date_time"),
    "Appointment":        ("start",),
    "CarePlan":           ("period",),
    "Condition":          ("recorded_date", "onset_date_time"),
    "DocumentReference":  ("date",),
    "Encounter":          ("period",),
    "Immunization":       ("occurrence_date_time",),
    "MedicationRequest":  ("authored_on",),
    "Observation":        ("effective_date_time", "effective_period", "issued"),
    "Procedure":          ("performed_date_time", "performed_period"),
})
"""When what a row tells of was: the first of these that it has."""
# fmt: on

FROM_THE_PMS = frozenset({"Account", "Appointment", "Coverage"})
"""The types whose rows come whole, whatever of them is wanted."""


def labels_of(kind: str, row: object) -> Labels:
    """What the row's own labels say."""
    codings = [coding for name in LABELS.get(kind, ()) for coding in codings_of(getattr(row, name))]
    return labels(tuple(codings))


def sensitivities_of(kind: str, row: object) -> Found:
    """What the classifier finds in the row's codes and names."""
    return frozenset().union(*(sensitivities(getattr(row, name)) for name in CODES.get(kind, ())))


def row_codings(kind: str, row: object) -> tuple[Coding, ...]:
    """The row's codes."""
    return tuple(coding for name in CODES.get(kind, ()) for coding in codings_of(getattr(row, name)))


def codings_of(value: object) -> Iterator[Coding]:
    """The codings in an element, or in several; of what holds none, none."""
    match value:
        case Coding():
            yield value
        case CodeableConcept():
            yield from value.coding
        case ObservationComponent():
            yield from codings_of(value.code)
            yield from codings_of(value.value_codeable_concept)
        case tuple():
            for one in value:
                yield from codings_of(one)
        case _:
            return


def period_of(kind: str, row: object) -> Period | None:
    """When what the row tells of was; None where it does not say."""
    values = (getattr(row, name) for name in DATES.get(kind, ()))
    found = next((value for value in values if value is not None), None)
    return Period(start=found, end=found) if isinstance(found, str) else found
