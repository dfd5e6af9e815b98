"""Which coordinates of a schema are of use to an actor: none is denied, nor is anything it stands on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_introspection_type,
    is_required_argument,
    is_required_input_field,
)

from gateway.execution.engine import Granted
from gateway.execution.inputs import decided, denial
from policies import Coordinate, Effect, RowRule
from policies.compartment import COMPARTMENT, DIRECTORY
from resolvers.declare import declaration

RESOURCES = {name: name for name in (*COMPARTMENT, *DIRECTORY)} | {"Balance": "Account"}
"""By the name of an object type the resource type whose rows it shows."""


class Sees(Granted, Protocol):
    """A grant as far as it decides what of the schema is of use."""

    def rows(self, resource: str, letters: str, /) -> RowRule: ...


Fielded = GraphQLObjectType | GraphQLInterfaceType


def kept(schema: GraphQLSchema, grant: Sees) -> frozenset[Coordinate]:
    """The fields, arguments and input fields of *schema* that *grant* can use, wherever they are in it.

    None is denied; there may be rows to show it of; the type of each has something to show, or can be given;
    what a field requires is there; and what an interface has, each type of it that may be come to has too.
    """
    found = _Kept(schema, grant)
    while found.settle():
        pass
    return frozenset(found.coordinates)


class _Kept:
    """Starts with all that is not denied; each pass lets go of what has lost something it stands on."""

    def __init__(self, schema: GraphQLSchema, grant: Sees) -> None:
        self._schema = schema
        self._types = [of for of in schema.type_map.values() if not is_introspection_type(of)]
        self.coordinates = {
            at for of in self._types if has_rows(grant, of.name, "rs") for at in _granted(of, grant)
        }
        # Where an interface stands, rows come by their ids (`Query.node`, `Change.record`).
        self._shown_at_first = {at.type for at in self.coordinates if has_rows(grant, at.type, "r")}

    def settle(self) -> bool:
        """One pass; whether it let go of anything."""
        self._holding = {of.name for of in self._types if self._holds(of)}
        lost = {at for of in self._types for at in self._lost(of)}
        self.coordinates -= lost
        return bool(lost)

    def _holds(self, of: GraphQLNamedType) -> bool:
        """Whether a value of the type can be shown, or given."""
        match of:
            case GraphQLScalarType() | GraphQLEnumType():
                return True
            case GraphQLUnionType():
                return any(self._has_fields(member) for member in of.types)
            case GraphQLInputObjectType():
                return self._has_fields(of) and self._can_be_given(of)
            case _:
                return self._has_fields(of)

    def _has_fields(self, of: GraphQLNamedType) -> bool:
        fields = getattr(of, "fields", {})
        return any(Coordinate(of.name, name) in self.coordinates for name in fields)

    def _can_be_given(self, of: GraphQLInputObjectType) -> bool:
        """An input field that may not be used must be one that can be left out, and stays out then."""
        return all(
            Coordinate(of.name, name) in self.coordinates
            or not (is_required_input_field(field) or field.default_value not in (Undefined, None))
            for name, field in of.fields.items()
        )

    def _lost(self, of: GraphQLNamedType) -> Iterator[Coordinate]:
        if isinstance(of, GraphQLInputObjectType):
            for name, given in of.fields.items():
                yield from self._without(Coordinate(of.name, name), get_named_type(given.type))
        elif isinstance(of, Fielded):
            for name, field in of.fields.items():
                yield from self._lost_of_field(of, name, field)

    def _lost_of_field(self, on: Fielded, name: str, field: GraphQLField) -> Iterator[Coordinate]:
        at = Coordinate(on.name, name)
        yield from self._without(at, get_named_type(field.type))
        for argument, given in field.args.items():
            named = at._replace(argument=argument)
            yield from self._without(named, get_named_type(given.type))
            if named not in self.coordinates and is_required_argument(given):
                yield from self._only(at)
        if at not in self.coordinates:
            yield from self._only(*(at._replace(argument=argument) for argument in field.args))
        if isinstance(on, GraphQLInterfaceType):
            yield from self._lost_by_some(on, at, field)

    def _lost_by_some(
        self, on: GraphQLInterfaceType, at: Coordinate, field: GraphQLField
    ) -> Iterator[Coordinate]:
        """What a type of the interface lacks: asked for of any, it would be denied of that one."""
        implementations = self._schema.get_implementations(on)
        for of in (*implementations.objects, *implementations.interfaces):
            if of.name not in self._shown_at_first:
                continue
            for place in (at, *(at._replace(argument=argument) for argument in field.args)):
                if place._replace(type=of.name) not in self.coordinates:
                    yield from self._only(place)

    def _without(self, at: Coordinate, of: GraphQLNamedType) -> Iterator[Coordinate]:
        if of.name not in self._holding:
            yield from self._only(at)

    def _only(self, *places: Coordinate) -> Iterator[Coordinate]:
        """Those that have not been let go of before."""
        return (at for at in places if at in self.coordinates)


def has_rows(grant: Sees, type_name: str, letters: str) -> bool:
    """Whether there may be a row of the type for the actor; of a type that shows no resource, there may."""
    resource = RESOURCES.get(type_name)
    return resource is None or bool(grant.rows(resource, letters).clauses)


def _granted(of: GraphQLNamedType, grant: Sees) -> Iterator[Coordinate]:
    """What is not denied, of one type."""
    if isinstance(of, GraphQLInputObjectType):
        yield from (at for name in of.fields if denial(grant.decide(at := Coordinate(of.name, name))) is None)
    elif isinstance(of, Fielded):
        for name, field in of.fields.items():
            at = Coordinate(of.name, name)
            declared = declaration(field)
            if declared is None or decided(at, declared, grant).effect is Effect.DENY:
                continue
            yield at
            for argument in field.args:
                named = at._replace(argument=argument)
                if denial(grant.decide(named)) is None:
                    yield named
