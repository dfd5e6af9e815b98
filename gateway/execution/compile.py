"""Operation × grant → plan. Every coordinate is decided here, before anything runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    specified_scalar_types,
)

from gateway.execution.arguments import Arguments
from gateway.execution.collect import Collector, Opaque
from gateway.execution.generate import builder
from gateway.execution.inputs import Decides, Refused, decided, input_check, refused_argument
from gateway.execution.plan import (
    Denied,
    Descend,
    Field,
    Follow,
    Leaf,
    Level,
    Many,
    Objects,
    Plan,
    Read,
    Required,
    Shape,
    TypeName,
    height,
)
from policies import Coordinate, Decision, Effect
from resolvers.declare import Edge, declaration

DEEPEST = 64
"""Levels of selection beyond which an operation goes to graphql-core (and fails the limits before that)."""


HIGHEST = 16
"""Lists and objects that one generated function nests: Python takes no more than 20 loops in each other."""


TypeOf = Callable[[Any], str]
Convert = Callable[[Any], Any]


def compile_plan(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    grant: Decides,
    conditions: Mapping[str, bool],
    type_of: TypeOf,
) -> Plan:
    """The plan of a validated operation.

    Raises:
        Opaque: the operation holds what the engine does not see through; graphql-core runs it.
    """
    compiler = _Compiler(schema, Collector.of(schema, document, conditions), grant, type_of)
    root_type = schema.get_root_type(operation.operation)
    if root_type is None:
        raise Opaque("operation")
    root = compiler.level(root_type, [operation])
    wanted = {name: frozenset(attributes) for name, attributes in compiler.wanted.items()}
    return Plan(operation.operation, root, wanted, tuple(operation.variable_definitions or ()))


class _Compiler:
    def __init__(self, schema: GraphQLSchema, collector: Collector, grant: Decides, type_of: TypeOf) -> None:
        self._schema = schema
        self._collector = collector
        self._grant = grant
        self._type_of = type_of
        self._depth = 0
        self._levels: dict[tuple[object, ...], Level] = {}
        self.wanted: dict[str, set[str]] = defaultdict(set)

    def level(self, on: GraphQLObjectType, parents: Sequence[FieldNode | OperationDefinitionNode]) -> Level:
        """The level of one type below those nodes; made once, by however many types they are reached."""
        key = (on.name, *map(id, parents))
        if key not in self._levels:
            self._levels[key] = self._level(on, parents)
        return self._levels[key]

    def _level(self, on: GraphQLObjectType, parents: Sequence[FieldNode | OperationDefinitionNode]) -> Level:
        sets = [parent.selection_set for parent in parents if parent.selection_set is not None]
        collected = self._collector.fields(on, sets)
        self._depth += 1
        if self._depth > DEEPEST:
            raise Opaque("depth")
        level = Level(on.name, tuple(self._field(on, key, nodes) for key, nodes in collected.items()))
        self._depth -= 1
        level.build = builder(level)
        return level

    def _field(self, on: GraphQLObjectType, key: str, nodes: tuple[FieldNode, ...]) -> Field:
        name = nodes[0].name.value
        coordinate = Coordinate(on.name, name)
        if name == "__typename":
            return TypeName(key, coordinate, nodes, Required(Leaf()))
        if name.startswith("__"):
            raise Opaque("introspection")
        definition = on.fields[name]
        declared = declaration(definition)
        if declared is None:
            raise Opaque("resolver")
        decision = decided(coordinate, declared, self._grant)
        refusal = self._refusal(coordinate, nodes[0], decision)
        if refusal is not None:
            bare = self._bare(definition.type)
            return Denied(key, coordinate, nodes, bare, refusal.coordinate, refusal.decision)
        self.wanted[on.name] |= declared.reads
        shape = self._shape(definition.type, nodes)
        if isinstance(declared, Edge):
            check = input_check(definition, self._grant)
            return Follow(key, coordinate, nodes, shape, declared, Arguments.of(definition, nodes[0], check))
        mask = decision.mask if decision.effect is Effect.MASK else None
        through = _after(mask, declared.convert)
        kind = Read if _all_attributes(shape) and height(shape) <= HIGHEST else Descend
        return kind(key, coordinate, nodes, shape, declared, through, masked=mask is not None)

    def _refusal(self, coordinate: Coordinate, node: FieldNode, decision: Decision) -> Refused | None:
        if decision.effect is Effect.DENY:
            return Refused(coordinate, decision)
        return refused_argument(coordinate, node, self._grant)

    def _shape(self, of: GraphQLOutputType, nodes: tuple[FieldNode, ...]) -> Shape:
        if isinstance(of, GraphQLNonNull):
            return Required(self._shape(of.of_type, nodes))
        if isinstance(of, GraphQLList):
            return Many(self._shape(of.of_type, nodes))
        if isinstance(of, GraphQLObjectType):
            return Objects({of.name: self.level(of, nodes)})
        if isinstance(of, GraphQLInterfaceType | GraphQLUnionType):
            possible = self._schema.get_possible_types(of)
            return Objects({each.name: self.level(each, nodes) for each in possible}, self._type_of)
        return _leaf(of)

    def _bare(self, of: GraphQLOutputType) -> Shape:
        """The shape of a field that will be null: only where it may be null matters."""
        return Required(Leaf()) if isinstance(of, GraphQLNonNull) else Leaf()


def _leaf(of: GraphQLOutputType) -> Leaf:
    if isinstance(of, GraphQLScalarType) and of.name in specified_scalar_types:
        return Leaf()  # records are typed: their text is text, their numbers are numbers
    if isinstance(of, GraphQLScalarType | GraphQLEnumType):
        return Leaf(of.coerce_output_value)
    raise Opaque("type")


def _after(mask: Convert | None, convert: Convert | None) -> Convert | None:
    """Mask first, then convert: what is masked is never seen by anything after it."""
    if mask is None or convert is None:
        return mask or convert
    return lambda value: None if (masked := mask(value)) is None else convert(masked)


def _all_attributes(shape: Shape) -> bool:
    if isinstance(shape, Required | Many):
        return _all_attributes(shape.of)
    if isinstance(shape, Leaf):
        return True
    return shape.level is not None and shape.level.flat
