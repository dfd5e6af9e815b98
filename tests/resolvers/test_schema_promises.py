"""What holds for every field of the schema."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import strawberry
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_non_null_type,
)

from policies import Coordinate, DataClass
from resolvers.declare import classification, declaration
from resolvers.schema import UnclassifiedField, build, classify, core_of

SCHEMA = core_of(build())


def fields(schema: GraphQLSchema) -> Iterator[tuple[Coordinate, GraphQLField]]:
    for of in schema.type_map.values():
        if isinstance(of, GraphQLObjectType | GraphQLInterfaceType) and not is_introspection_type(of):
            for name, field in of.fields.items():
                yield Coordinate(of.name, name), field


@pytest.mark.parametrize(("coordinate", "field"), [pytest.param(c, f, id=str(c)) for c, f in fields(SCHEMA)])
def test_a_field_that_can_be_denied_can_be_null(coordinate: Coordinate, field: GraphQLField) -> None:
    known = classification(field)

    assert known is not None
    assert declaration(field) is not None
    if known.data not in (DataClass.REFERENCE, DataClass.PART, DataClass.OPERATIONS):
        assert not is_non_null_type(field.type)


def test_every_description_ends_with_data_class_and_scopes() -> None:
    field = SCHEMA.type_map["Patient"].fields["birthDate"]  # type: ignore[attr-defined]

    assert field.description.endswith("Data class: demographics. Needs: Patient.r.")


def test_a_schema_with_a_field_that_is_not_classified_is_refused() -> None:
    @strawberry.type
    class Query:
        known: int
        unknown: int

    with pytest.raises(UnclassifiedField) as refused:
        classify(core_of(strawberry.Schema(Query)))

    assert refused.value.coordinates == [Coordinate("Query", "known"), Coordinate("Query", "unknown")]
    assert "`Query.unknown`" in str(refused.value)


def test_an_argument_is_classified_as_its_field_and_an_input_field_for_itself() -> None:
    known = classify(SCHEMA)

    assert known[Coordinate("Patient", "observations", "category")].data is DataClass.CLINICAL
    assert known[Coordinate("PatientSearch", "birthDate")].data is DataClass.DEMOGRAPHICS
