"""The part of a schema that an actor is shown, as a schema of its own: to be read, never to be run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from gateway.visibility.kept import Sees, kept
from policies import Coordinate, Effect
from policies.wording import meaning

NOTHING = "_nothing"
"""The field of a root that has none to show: a schema must have one. It can't be asked for."""


def view(schema: GraphQLSchema, grant: Sees) -> GraphQLSchema:
    """What *grant* can use of *schema*, and can come to from its roots. Masked fields say what is left."""
    return _View(schema, grant).schema()


class _View:
    def __init__(self, schema: GraphQLSchema, grant: Sees) -> None:
        self._full = schema
        self._grant = grant
        self._kept = kept(schema, grant)
        self._made: dict[str, Any] = {}

    def schema(self) -> GraphQLSchema:
        full = self._full
        query = full.query_type
        return GraphQLSchema(
            query=None if query is None else self._root(query) or self._nothing(query),
            mutation=self._root(full.mutation_type),
            subscription=self._root(full.subscription_type),
            types=[self._type(of) for of in self._implementors()],
            directives=full.directives,
            description=full.description,
        )

    # -- what can be come to -------------------------------------------------------------

    def _implementors(self) -> Iterator[GraphQLObjectType]:
        """The object types that only an interface leads to, and those that others lead to as well."""
        roots = (self._full.query_type, self._full.mutation_type, self._full.subscription_type)
        waiting = [of for of in roots if of is not None]
        seen = {of.name for of in waiting}
        while waiting:
            for of in self._led_to(waiting.pop()):
                if of.name not in seen:
                    seen.add(of.name)
                    waiting.append(of)
                    yield of

    def _led_to(self, on: GraphQLObjectType) -> Iterator[GraphQLObjectType]:
        """The object types that the fields of a type give."""
        for name in self._fields(on):
            of = get_named_type(on.fields[name].type)
            if isinstance(of, GraphQLObjectType):
                yield of
            elif isinstance(of, GraphQLInterfaceType | GraphQLUnionType):
                yield from (each for each in self._full.get_possible_types(of) if self._is_of(each, of))

    def _is_of(self, each: GraphQLObjectType, of: GraphQLInterfaceType | GraphQLUnionType) -> bool:
        """Whether a type stays a member of a union, or of an interface, all of whose fields it must have."""
        has = self._fields(each)
        return bool(has) and (isinstance(of, GraphQLUnionType) or set(self._fields(of)) <= set(has))

    def _fields(self, on: Any) -> list[str]:
        """The names of a type's fields that are kept."""
        return [name for name in on.fields if Coordinate(on.name, name) in self._kept]

    # -- types ---------------------------------------------------------------------------

    def _root(self, of: GraphQLObjectType | None) -> Any:
        return self._type(of) if of is not None and self._fields(of) else None

    def _nothing(self, query: GraphQLObjectType) -> GraphQLObjectType:
        decisions = [self._grant.decide(Coordinate(query.name, name)) for name in query.fields]
        shared = (it for it in decisions[0].reasons if all(it in other.reasons for other in decisions))
        words = " ".join(["Your token opens nothing here.", *map(meaning, shared)])
        return GraphQLObjectType(query.name, {NOTHING: GraphQLField(GraphQLBoolean, description=words)})

    def _type(self, of: GraphQLNamedType) -> Any:
        if of.name not in self._made:
            self._made[of.name] = self._build(of)
        return self._made[of.name]

    def _build(self, of: GraphQLNamedType) -> GraphQLNamedType:
        match of:
            case GraphQLScalarType() | GraphQLEnumType():
                return of
            case GraphQLUnionType():
                return GraphQLUnionType(
                    **_bare(of, types=lambda: self._all(it for it in of.types if self._fields(it)))
                )
            case GraphQLInputObjectType():
                return GraphQLInputObjectType(**_bare(of, fields=lambda: self._input_fields(of)))
            case GraphQLInterfaceType():
                return GraphQLInterfaceType(**self._fielded(of))
            case GraphQLObjectType():
                return GraphQLObjectType(**self._fielded(of))
            case _:
                raise AssertionError("there is no other kind of type")

    def _fielded(self, of: GraphQLInterfaceType | GraphQLObjectType) -> Mapping[str, Any]:
        return _bare(
            of,
            fields=lambda: {name: self._field(of, name) for name in self._fields(of)},
            interfaces=lambda: self._all(self._interfaces(of)),
        )

    def _interfaces(self, of: GraphQLInterfaceType | GraphQLObjectType) -> Iterator[GraphQLInterfaceType]:
        has = set(self._fields(of))
        return (each for each in of.interfaces if (kept := set(self._fields(each))) and kept <= has)

    def _all(self, types: Iterable[GraphQLNamedType]) -> list[Any]:
        return [self._type(of) for of in types]

    def _wrapped(self, of: Any) -> Any:
        if isinstance(of, GraphQLNonNull):
            return GraphQLNonNull(self._wrapped(of.of_type))
        if isinstance(of, GraphQLList):
            return GraphQLList(self._wrapped(of.of_type))
        return self._type(of)

    # -- fields --------------------------------------------------------------------------

    def _field(self, on: GraphQLInterfaceType | GraphQLObjectType, name: str) -> GraphQLField:
        field = on.fields[name]
        at = Coordinate(on.name, name)
        arguments = {
            argument: GraphQLArgument(**_bare(given, type_=self._wrapped(given.type)))
            for argument, given in field.args.items()
            if at._replace(argument=argument) in self._kept
        }
        return GraphQLField(
            self._wrapped(field.type),
            arguments,
            description=self._described(field, at),
            deprecation_reason=field.deprecation_reason,
        )

    def _described(self, field: GraphQLField, at: Coordinate) -> str | None:
        decision = self._grant.decide(at)
        if decision.effect is not Effect.MASK or decision.mask is None:
            return field.description
        note = f"Masked for you. What is left: {decision.mask.meaning}"
        return f"{field.description}\n\n{note}" if field.description else note

    def _input_fields(self, of: GraphQLInputObjectType) -> dict[str, GraphQLInputField]:
        return {
            name: GraphQLInputField(**_bare(of.fields[name], type_=self._wrapped(of.fields[name].type)))
            for name in self._fields(of)
        }


def _bare(of: Any, **replaced: Any) -> dict[str, Any]:
    """What makes a copy of a part of the schema, without what would let it be run."""
    kwargs: dict[str, Any] = of.to_kwargs()
    for name in ("extensions", "is_type_of", "resolve_type", "out_type", "ast_node", "extension_ast_nodes"):
        kwargs.pop(name, None)
    return kwargs | replaced
