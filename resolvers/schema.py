"""The schema: built from the types, classified field by field, and refused where a field is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import strawberry
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    print_schema,
)
from strawberry.schema.config import StrawberryConfig

from policies import Classified, Coordinate
from resolvers import clinical, directory
from resolvers.appointment import Appointment
from resolvers.declare import classification
from resolvers.encounter import Encounter
from resolvers.patient import Patient
from resolvers.query import Query
from resolvers.subscription import Subscription
from resolvers.wiring import wire

NODES = (
    Appointment,
    Encounter,
    Patient,
    clinical.AllergyIntolerance,
    clinical.CarePlan,
    clinical.Condition,
    clinical.DocumentReference,
    clinical.Immunization,
    clinical.MedicationRequest,
    clinical.Observation,
    clinical.Procedure,
    directory.Organization,
    directory.Practitioner,
)


class UnclassifiedField(Exception):
    """Fields of the schema that policy knows nothing of; there is no serving such a schema."""

    def __init__(self, coordinates: list[Coordinate]) -> None:
        names = ", ".join(f"`{coordinate}`" for coordinate in coordinates)
        super().__init__(f"not classified: {names}; give each a data class and the scopes it needs")
        self.coordinates = coordinates


def build() -> strawberry.Schema:
    """The schema, wired to its declarations, each field's description ending in its classification."""
    schema = strawberry.Schema(
        Query, subscription=Subscription, types=NODES, config=StrawberryConfig(auto_camel_case=True)
    )
    core = core_of(schema)
    wire(core)
    for coordinate, classified in classify(core).items():
        _note(core, coordinate, classified)
    return schema


def core_of(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside a Strawberry schema."""
    return schema._schema


def sdl(schema: GraphQLSchema) -> str:
    """The schema definition language text, as committed in `schema.graphql`."""
    return print_schema(schema) + "\n"


def classify(schema: GraphQLSchema) -> Mapping[Coordinate, Classified]:
    """What policy knows of every coordinate of *schema*.

    An argument is classified as its field is; a field of an input type for itself.

    Raises:
        UnclassifiedField: at least one field has no classification.
    """
    found: dict[Coordinate, Classified] = {}
    missing: list[Coordinate] = []
    for coordinate, field in _fields(schema):
        known = classification(field)
        if known is None:
            missing.append(coordinate)
            continue
        found[coordinate] = known
        for argument in getattr(field, "args", {}):
            found[coordinate._replace(argument=argument)] = known
    if missing:
        raise UnclassifiedField(missing)
    return found


def _fields(schema: GraphQLSchema) -> Iterator[tuple[Coordinate, GraphQLField]]:
    for graphql_type in schema.type_map.values():
        if is_introspection_type(graphql_type):
            continue
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            fields: Mapping[str, Any] = graphql_type.fields
            for name, field in fields.items():
                yield Coordinate(graphql_type.name, name), field


def _note(schema: GraphQLSchema, coordinate: Coordinate, classified: Classified) -> None:
    if coordinate.argument is not None:
        return
    field = schema.type_map[coordinate.type].fields[coordinate.field]  # type: ignore[attr-defined]
    note = f"Data class: {classified.data.value}. Needs: {classified.needs}."
    field.description = f"{field.description}\n\n{note}" if field.description else note
