"""The cache of plans: the plan of an operation for a grant, known or compiled."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from graphql import (
    DocumentNode,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    is_introspection_type,
)

from gateway.execution.collect import Opaque, condition_variables
from gateway.execution.compile import TypeOf, compile_plan
from gateway.execution.inputs import Decides
from gateway.execution.plan import Plan
from policies import Coordinate, Effect
from resolvers.declare import declaration

PLANS = 4096
"""How many plans are kept; the least recently used goes first."""


GRANTS = 256
"""For how many grants it is kept what they may read."""


class Granted(Decides, Protocol):
    """A grant whose `key` stands for everything its decisions depend on."""

    @property
    def key(self) -> str: ...


@dataclass(frozen=True)
class Prepared:
    """A validated operation, and what the cache of plans knows it by."""

    hash: str
    document: DocumentNode
    definition: OperationDefinitionNode
    condition_names: tuple[str, ...]

    @staticmethod
    def of(hash: str, document: DocumentNode, definition: OperationDefinitionNode) -> Prepared:
        return Prepared(hash, document, definition, condition_variables(document))

    @property
    def name(self) -> str:
        return self.definition.name.value if self.definition.name is not None else ""


class Engine:
    """Plans for one schema, kept by (document, operation, grant, values of the condition variables)."""

    def __init__(self, schema: GraphQLSchema, type_of: TypeOf, plans: int = PLANS) -> None:
        self._schema = schema
        self._type_of = type_of
        self._most = plans
        self._plans: OrderedDict[tuple[object, ...], Plan | Opaque] = OrderedDict()
        self._readable: OrderedDict[str, Mapping[str, frozenset[str]]] = OrderedDict()
        self.compiled = 0

    def __len__(self) -> int:
        return len(self._plans)

    def plan(self, prepared: Prepared, grant: Granted, variables: Mapping[str, object]) -> Plan:
        """The plan of *prepared* for *grant*. Of the coerced *variables* only the conditions matter.

        Raises:
            Opaque: the operation is not for this engine.
        """
        if any(variables.get(name, False) is None for name in prepared.condition_names):
            raise Opaque("condition")
        conditions = {name: bool(variables.get(name)) for name in prepared.condition_names}
        key = (prepared.hash, prepared.name, grant.key, *conditions.values())
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._compile(prepared, grant, conditions)
            if len(self._plans) > self._most:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        if isinstance(plan, Opaque):
            raise plan
        return plan

    def readable(self, grant: Granted) -> Mapping[str, frozenset[str]]:
        """The record attributes of each type that *grant* may read at all, for runs in graphql-core."""
        found = self._readable.get(grant.key)
        if found is None:
            found = self._readable[grant.key] = {
                name: _readable(of, grant)
                for name, of in self._schema.type_map.items()
                if isinstance(of, GraphQLObjectType) and not is_introspection_type(of)
            }
            if len(self._readable) > GRANTS:
                self._readable.popitem(last=False)
        return found

    def _compile(self, prepared: Prepared, grant: Granted, conditions: Mapping[str, bool]) -> Plan | Opaque:
        self.compiled += 1
        document, definition = prepared.document, prepared.definition
        try:
            return compile_plan(self._schema, document, definition, grant, conditions, self._type_of)
        except Opaque as opaque:
            return opaque


def _readable(of: GraphQLObjectType, grant: Granted) -> frozenset[str]:
    reads: set[str] = set()
    for name, definition in of.fields.items():
        declared = declaration(definition)
        if declared is not None and grant.decide(Coordinate(of.name, name)).effect is not Effect.DENY:
            reads |= declared.reads
    return frozenset(reads)
