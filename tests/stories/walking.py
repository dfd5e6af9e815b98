"""Every field of an answer, with its place in the schema and its path, by the document that asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    parse,
)

from policies import Coordinate

Path = tuple[str | int, ...]


class Shown(NamedTuple):
    """One field of an answer."""

    path: Path
    at: Coordinate
    value: Any


def fields_of(schema: GraphQLSchema, query: str) -> set[tuple[Coordinate, ...]]:
    """Every field of the document, as the coordinates that lead to it, itself last."""
    root = schema.query_type
    assert root is not None
    return set(_chains(schema, root, _selections(query), ()))


def _chains(
    schema: GraphQLSchema, on: GraphQLObjectType, selected: SelectionSetNode, above: tuple[Coordinate, ...]
) -> Iterator[tuple[Coordinate, ...]]:
    for node in _fields(selected):
        chain = (*above, Coordinate(on.name, node.name.value))
        yield chain
        inner = get_named_type(on.fields[node.name.value].type)
        if node.selection_set is not None and isinstance(inner, GraphQLObjectType):
            yield from _chains(schema, inner, node.selection_set, chain)


def shown_in(schema: GraphQLSchema, query: str, data: dict[str, Any]) -> Iterator[Shown]:
    """Every field of *data*, which answers *query* (a query without fragments)."""
    root = schema.query_type
    assert root is not None
    yield from _shown(root, _selections(query), data, ())


def _shown(
    on: GraphQLObjectType, selected: SelectionSetNode, data: dict[str, Any], path: Path
) -> Iterator[Shown]:
    for node in _fields(selected):
        key = node.alias.value if node.alias is not None else node.name.value
        at = Coordinate(on.name, node.name.value)
        yield Shown((*path, key), at, data[key])
        inner = get_named_type(on.fields[node.name.value].type)
        if node.selection_set is not None and isinstance(inner, GraphQLObjectType):
            for place, each in _objects(data[key], (*path, key)):
                yield from _shown(inner, node.selection_set, each, place)


def _objects(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _objects(item, (*path, index))


def _selections(query: str) -> SelectionSetNode:
    (operation,) = (it for it in parse(query).definitions if isinstance(it, OperationDefinitionNode))
    return operation.selection_set


def _fields(selected: SelectionSetNode) -> Iterator[FieldNode]:
    for node in selected.selections:
        assert isinstance(node, FieldNode), "these stories use no fragments"
        yield node
