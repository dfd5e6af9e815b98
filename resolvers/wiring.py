"""Makes the built schema resolve by its declarations: for plain graphql-core, object by object.

The same declarations the engine compiles resolve here through aiodataloader, with the same decisions, masks
and errors. It is what introspection and all else the engine does not take runs on, and its oracle in tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aiodataloader import DataLoader
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    is_introspection_type,
)

from policies import Coordinate, Decision, Effect
from resolvers.batching import loaded
from resolvers.declare import Attribute, Edge, Loads, declaration


class Scope(Protocol):
    """What resolving one operation takes: the actor's decisions, and the loaders built for them."""

    @property
    def loaders(self) -> Any: ...
    @property
    def dataloaders(self) -> dict[Any, DataLoader[Any, Any]]: ...
    def decide(self, coordinate: Coordinate) -> Decision: ...
    def refused(self, coordinate: Coordinate, decision: Decision) -> Exception: ...
    def check_inputs(self, definition: GraphQLField, arguments: Mapping[str, Any]) -> None: ...


def type_of(row: object) -> str:
    """The object type of a row, where the schema has an abstract one: records are named as their types."""
    return type(row).__name__


def wire(schema: GraphQLSchema) -> None:
    """Gives every declared field its resolver, and every type what tells it from others in Python."""
    for graphql_type in schema.type_map.values():
        if is_introspection_type(graphql_type):
            continue
        if isinstance(graphql_type, GraphQLObjectType):
            graphql_type.is_type_of = None  # rows are records, not instances of the Strawberry type
            for name, definition in graphql_type.fields.items():
                _wire_field(Coordinate(graphql_type.name, name), definition)
        elif isinstance(graphql_type, GraphQLInterfaceType | GraphQLUnionType):
            graphql_type.resolve_type = lambda row, *_: type_of(row)
        elif isinstance(graphql_type, GraphQLInputObjectType):
            _wire_input(graphql_type)


def _wire_input(input_type: GraphQLInputObjectType) -> None:
    made = input_type.extensions["strawberry-definition"].origin
    python_names = {
        name: f.extensions["strawberry-definition"].python_name for name, f in input_type.fields.items()
    }
    for name, input_field in input_type.fields.items():
        input_field.out_name = python_names[name]

    def out_type(value: dict[str, Any]) -> Any:
        return made(**value)

    input_type.out_type = out_type  # type: ignore[method-assign]


def _wire_field(coordinate: Coordinate, definition: GraphQLField) -> None:
    for argument in definition.args.values():
        argument.out_name = argument.extensions["strawberry-definition"].python_name
    declared = declaration(definition)
    if isinstance(declared, Attribute):
        definition.resolve = _attribute_resolver(coordinate, declared)
    elif isinstance(declared, Edge):
        definition.resolve = _edge_resolver(coordinate, declared, definition)


def _allowed(scope: Scope, coordinate: Coordinate, info: GraphQLResolveInfo[Any]) -> Decision:
    """The decision that allows or masks a field, each of its arguments being allowed too.

    Raises:
        Exception: the scope's refusal of the field, or of an argument.
    """
    decision = scope.decide(coordinate)
    if decision.effect is Effect.DENY:
        raise scope.refused(coordinate, decision)
    for argument in info.field_nodes[0].arguments or ():
        named = coordinate._replace(argument=argument.name.value)
        about = scope.decide(named)
        if about.effect is not Effect.ALLOW:
            raise scope.refused(named, about)
    return decision


def _attribute_resolver(coordinate: Coordinate, declared: Attribute) -> Callable[..., Any]:
    def resolve(row: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
        decision = _allowed(info.context, coordinate, info)
        value = getattr(row, declared.name)
        if value is not None and decision.mask is not None:
            value = decision.mask(value)
        if value is not None and declared.convert is not None:
            value = declared.convert(value)
        return value

    return resolve


def _edge_resolver(coordinate: Coordinate, declared: Edge, definition: GraphQLField) -> Callable[..., Any]:
    async def resolve(row: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        scope: Scope = info.context
        decision = scope.decide(coordinate)
        if decision.effect is Effect.MASK:  # there is no masking what lies behind an edge
            raise scope.refused(coordinate, decision)
        _allowed(scope, coordinate, info)
        scope.check_inputs(definition, arguments)
        loader = _dataloader(scope, declared, arguments)
        key: Any = _NO_KEY if declared.key is None else getattr(row, declared.key)
        if declared.each and key is not None:
            return await asyncio.gather(*(_present(loader, one) for one in key), return_exceptions=True)
        return await _present(loader, key)

    return resolve


_NO_KEY = object()
"""Stands for the key of an edge that has none: aiodataloader takes no None."""


async def _present(loader: DataLoader[Any, Any], key: Any) -> Any:
    """The value of a key; without a key there is none, and nobody is asked."""
    if key is None:
        return None
    value = loader.load(key)
    value.add_done_callback(_is_known)
    # Fields share the future of a key; without the shield, cancelling one field would cancel all.
    return await asyncio.shield(value)


def _is_known(value: asyncio.Future[Any]) -> None:
    """Looks at a failure for a field that is gone, which asyncio would else report to the log."""
    if not value.cancelled():
        value.exception()


def _dataloader(scope: Scope, declared: Edge, arguments: Mapping[str, Any]) -> DataLoader[Any, Any]:
    """The one dataloader of this operation for an edge and its arguments."""
    key = (id(declared), repr(sorted(arguments.items())))
    found = scope.dataloaders.get(key)
    if found is None:
        loader: Loads[Any, Any] = declared.through(scope.loaders, **arguments)

        async def batch(keys: Sequence[Any]) -> list[Any]:
            return await loaded(loader, keys if declared.key is not None else [None] * len(keys))

        found = scope.dataloaders[key] = DataLoader(batch, cache=declared.key is not None)
    return found
