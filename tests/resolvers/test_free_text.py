"""Which fields hold what somebody typed, and to which programs they are open: each is on one list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from graphql import GraphQLField, GraphQLObjectType, get_named_type

from policies import Audience, Coordinate, DataClass, Effect
from policies.boundary import rule
from resolvers.schema import build, classify, core_of

SCHEMA = core_of(build())
CLASSES = classify(SCHEMA)

# fmt: off
TYPED = frozenset({
    "Address.text", "Address.line", "Address.city", "Address.district", "Attachment.title",
    "CarePlan.title", "CarePlan.description", "CodeableConcept.text", "ContactPoint.value", "Coverage.payor",
    "Coverage.plan", "DocumentReference.description", "Dosage.patientInstruction", "Dosage.text",
    "EncounterParticipant.display", "HumanName.family", "HumanName.given", "HumanName.prefix",
    "HumanName.suffix", "HumanName.text", "Immunization.occurrenceString", "Observation.valueString",
    "ObservationComponent.valueString", "Attachment.data",
})
"""What people type of people, in no fixed words."""

NAMED = frozenset({
    "Appointment.locationName", "Coding.display", "Location.name", "Organization.name", "Owner.name",
    "Quantity.unit", "Immunization.lotNumber",
})
"""The words of a code system, of a directory, of a unit or of a maker."""

FIXED = frozenset({
    "status", "use", "system", "code", "mode", "type", "intent", "docStatus", "contentType", "language",
    "currency", "comparator", "severity", "criticality", "category", "country", "state", "postalCode", "kind",
    "withheld", "quarter",
})
"""Fields whose values are codes, whatever type they are in; beside dates, ids, keys and URLs."""
# fmt: on

OURS = ("Access", "Me.", "PageInfo", "Change.", "Source.", "Outcomes.")
"""What the gateway says itself."""


def texts() -> Iterator[str]:
    for type_ in SCHEMA.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                if get_named_type(field.type).name == "String":
                    yield f"{type_.name}.{name}"


def is_coded(coordinate: str) -> bool:
    type_, _, name = coordinate.partition(".")
    is_moment = name.endswith(("DateTime", "Date", "cursor", "Cursor", "Day", "On")) or name in MOMENTS
    return coordinate.startswith(OURS) or name in FIXED or is_moment or type_ in ("Money", "Identifier")


MOMENTS = frozenset({"start", "end", "date", "issued", "creation", "lastUpdated", "asOf", "lastTouch"})
KEYS = frozenset(
    {"Patient.mrn", "Patient.gender", "Patient.age", "Practitioner.npi", "Coverage.subscriberId"}
    | {"Engagement.lifecycleStage", "Appointment.videoUrl", "Attachment.url"}
)


def test_every_field_of_text_is_said_to_be_typed_by_people_or_not() -> None:
    """A new one is neither: decide what it holds, and who may read it, before it is shown."""
    unsaid = {it for it in texts() if not is_coded(it)} - TYPED - NAMED - KEYS

    assert unsaid == set()
    assert set(texts()) >= TYPED | NAMED | KEYS


def is_open(at: Coordinate, audience: Audience) -> bool:
    """Whether some road leads the audience there: a part is where a field that holds it is."""
    data = CLASSES[at].data
    if rule(audience, data).effect is Effect.DENY:
        return False
    if data is not DataClass.PART:
        return True
    return any(is_open(holder, audience) for holder in holders(at.type))


def holders(of: str) -> Iterator[Coordinate]:
    for type_ in SCHEMA.type_map.values():
        fields: dict[str, GraphQLField] = getattr(type_, "fields", {})
        for name, field in fields.items():
            if isinstance(type_, GraphQLObjectType) and get_named_type(field.type).name == of:
                yield Coordinate(type_.name, name)


NAMES = {f"HumanName.{name}" for name in ("family", "given", "prefix", "suffix", "text")}
PLACES = {f"Address.{name}" for name in ("text", "line", "city", "district")} | {"ContactPoint.value"}


@pytest.mark.parametrize(
    ("audience", "typed"),
    [
        # Of practitioners, organizations and places: the directory's.
        (Audience.AI, NAMES | PLACES),
        (Audience.PARTNER, NAMES | PLACES | {"EncounterParticipant.display"}),
        (Audience.CRM, set()),
    ],
    ids=lambda it: it.value if isinstance(it, Audience) else "",
)
def test_what_people_type_is_open_to_programs_as_far_as_the_directory_goes(
    audience: Audience, typed: set[str]
) -> None:
    assert {it for it in TYPED if is_open(Coordinate(*it.split(".")), audience)} == typed
