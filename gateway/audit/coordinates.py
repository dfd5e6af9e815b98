"""Which coordinates an operation returns, masks and denies for a grant, and by which rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    NamedTypeNode,
    SelectionSetNode,
    get_named_type,
)

from gateway.audit.entries import Masked, Planned, PlanRef
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

    def planned(self) -> Planned:
        """The reference, and what is masked, in order."""
        return Planned(self.ref(), tuple(Masked(*ruled) for ruled in sorted(self.masked.items())))


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
    root = schema.get_root_type(prepared.definition.operation)
    reader = _Reader(schema, _fragments_of(prepared.document), grant, found)
    reader.read([root] if root is not None else [], prepared.definition.selection_set)
    return found.coordinates()


def _fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments by name."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


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


class _Reader:
    """Follows a validated operation down, by the object types that may stand at each place."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        grant: Decides,
        found: _Found,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._grant = grant
        self._found = found

    def read(self, on: Sequence[GraphQLObjectType], below: SelectionSetNode | None) -> None:
        for node in below.selections if below is not None else ():
            if isinstance(node, FieldNode):
                self._field(on, node)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                self.read(self._narrowed(on, fragment.type_condition), fragment.selection_set)
            elif isinstance(node, InlineFragmentNode):
                self.read(self._narrowed(on, node.type_condition), node.selection_set)

    def _field(self, on: Sequence[GraphQLObjectType], node: FieldNode) -> None:
        name = node.name.value
        if name.startswith("__"):
            return  # of the schema, which the grant shows by other means
        for of in on:
            coordinate = Coordinate(of.name, name)
            refusal = self._refusal(coordinate, node)
            if refusal is not None:
                self._found.deny(coordinate, refusal)
            else:
                self._found.add(coordinate, self._grant.decide(coordinate))
                self.read(self._possible(get_named_type(of.fields[name].type)), node.selection_set)

    def _refusal(self, coordinate: Coordinate, node: FieldNode) -> Decision | None:
        """The decision that refuses the field; of an argument in use, one that masks does too."""
        decision = self._grant.decide(coordinate)
        if decision.effect is Effect.DENY:
            return decision
        arguments = (coordinate._replace(argument=argument.name.value) for argument in node.arguments or ())
        decisions = map(self._grant.decide, arguments)
        return next((decision for decision in decisions if decision.effect is not Effect.ALLOW), None)

    def _narrowed(
        self, on: Sequence[GraphQLObjectType], condition: NamedTypeNode | None
    ) -> Sequence[GraphQLObjectType]:
        if condition is None:
            return on
        possible = self._possible(self._schema.get_type(condition.name.value))
        return [of for of in on if of in possible]

    def _possible(self, of: GraphQLNamedType | None) -> Sequence[GraphQLObjectType]:
        if isinstance(of, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.get_possible_types(of)
        return [of] if isinstance(of, GraphQLObjectType) else []
