"""Which coordinates an operation returns, masks and denies for a grant, and by which rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_abstract_type,
    visit,
)
from graphql.utilities import separate_operations

from gateway.audit.entries import PlanRef
from gateway.execution.engine import Prepared
from gateway.execution.inputs import Decides
from gateway.execution.plan import Denied, Leaf, Level, Many, Plan, Required, Shape, TypeName
from policies import Coordinate, Decision, Effect

Rules = dict[str, tuple[str, ...]]


class Coordinates(msgspec.Struct, frozen=True):
    """Coordinates and the ids of the rules that decided. One may be in two of them: denied with an argument
    and returned without it."""

    returned: Rules
    masked: Rules
    denied: Rules

    def ref(self) -> PlanRef:
        """As it is kept, under its digest. The same coordinates give the same digest."""
        body = msgspec.json.encode(self, order="deterministic")
        return PlanRef(sha256(body).hexdigest(), body)


def of_plan(plan: Plan, grant: Decides) -> Coordinates:
    """Those of a plan that was made for *grant*."""
    found = _Found()
    for level in _levels(plan.root):
        for field in level.fields:
            if isinstance(field, Denied):
                found.deny(field.coordinate, field.decision)
            elif not isinstance(field, TypeName):
                found.add(field.coordinate, grant.decide(field.coordinate))
    return found.coordinates()


def of_document(schema: GraphQLSchema, prepared: Prepared, grant: Decides) -> Coordinates:
    """Those of an operation that has no plan: all it may come to, whatever is skipped or included."""
    found = _Found()
    info = TypeInfo(schema)
    document = separate_operations(prepared.document)[prepared.name]
    visit(document, TypeInfoVisitor(info, _Reader(schema, info, grant, found)))
    return found.coordinates()


class _Found:
    def __init__(self) -> None:
        self._by_effect: dict[Effect, Rules] = {effect: {} for effect in Effect}

    def add(self, coordinate: Coordinate, decision: Decision) -> None:
        self._by_effect[decision.effect][str(coordinate)] = decision.reasons

    def deny(self, coordinate: Coordinate, decision: Decision) -> None:
        """A field that is refused, whatever may be said of it otherwise: an argument may be the cause."""
        self._by_effect[Effect.DENY][str(coordinate)] = decision.reasons

    def coordinates(self) -> Coordinates:
        by_effect = self._by_effect
        return Coordinates(by_effect[Effect.ALLOW], by_effect[Effect.MASK], by_effect[Effect.DENY])


def _levels(root: Level) -> Iterator[Level]:
    """Each level of a plan once, by however many ways it is reached."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        level = waiting.pop()
        if id(level) not in seen:
            seen.add(id(level))
            yield level
            waiting += (below for field in level.fields for below in _below(field.shape))


def _below(shape: Shape) -> Iterable[Level]:
    while isinstance(shape, Required | Many):
        shape = shape.of
    return () if isinstance(shape, Leaf) else shape.levels.values()


class _Reader(Visitor):
    def __init__(
        self,
        schema: GraphQLSchema,
        info: TypeInfo,
        grant: Decides,
        found: _Found,
    ) -> None:
        super().__init__()
        self._schema = schema
        self._info = info
        self._grant = grant
        self._found = found

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._info.get_parent_type()
        if parent is None or node.name.value.startswith("__") or parent.name.startswith("__"):
            return
        possible = self._schema.get_possible_types(parent) if is_abstract_type(parent) else [parent]
        for of in possible:
            coordinate = Coordinate(get_named_type(of).name, node.name.value)
            refusal = self._refusal(coordinate, node)
            if refusal is not None:
                self._found.deny(coordinate, refusal)
            else:
                self._found.add(coordinate, self._grant.decide(coordinate))

    def _refusal(self, coordinate: Coordinate, node: FieldNode) -> Decision | None:
        """The decision on the first argument in use that is no plain allowance: a mask refuses it too."""
        arguments = (coordinate._replace(argument=argument.name.value) for argument in node.arguments or ())
        decisions = map(self._grant.decide, arguments)
        return next((decision for decision in decisions if decision.effect is not Effect.ALLOW), None)
