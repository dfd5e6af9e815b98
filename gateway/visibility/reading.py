"""Reads an operation as the engine's compiler does, and below what is denied: all that is decided of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    get_location,
    get_named_type,
)
from graphql.execution.values import VariableValues

from gateway.errors import Code, Fault, RequestError
from gateway.execution.arguments import Arguments
from gateway.execution.collect import Collector
from gateway.execution.inputs import decided, denial, inputs_used
from gateway.visibility.kept import RESOURCES, Sees
from policies import Coordinate, Decision, Effect
from policies.conditions import RowConditions
from policies.wording import conditions, meaning, withheld
from resolvers.access import Input, Reached, Rule, Selected, Unusable
from resolvers.declare import declaration

FIELDS = 5_000
"""How many fields are told of: those of an interface are told for each of its types, which multiply."""

TOO_MUCH = "The operation has too many fields to explain, each counted for every type it may be of."


class Explained(Sees, Protocol):
    """A grant as far as an explanation depends on it."""

    def conditions(self, resource: str, letters: str, /, *, consents: bool) -> RowConditions: ...
    def missing(self, coordinates: Iterable[Coordinate], /) -> tuple[str, ...]: ...


class Way(Enum):
    """Whether the actor gets to a place of the operation: now, with more scopes, or never."""

    OPEN = "open"
    FOR_SCOPES = "for scopes"
    CLOSED = "closed"


Decisions = Mapping[Coordinate, Decision]
"""Of a field, which comes first, and of what it is given."""


@dataclass
class Reading:
    """What is found on the way down; `faults` are of values that do not fit."""

    schema: GraphQLSchema
    collector: Collector
    grant: Explained
    variables: VariableValues
    faults: list[Unusable] = field(default_factory=list)
    _visited: int = 0
    _found: dict[Selected, bool] = field(default_factory=dict)
    _lacking: dict[Coordinate, None] = field(default_factory=dict)
    _types: dict[str, None] = field(default_factory=dict)

    def level(
        self,
        on: GraphQLObjectType,
        parents: Sequence[FieldNode | OperationDefinitionNode],
        path: tuple[str, ...] = (),
        way: Way = Way.OPEN,
    ) -> None:
        """Reads the fields of one type below those nodes.

        Raises:
            Opaque: a directive other than `@skip` and `@include` stands in the way.
            RequestError: there is too much to tell.
        """
        sets = [parent.selection_set for parent in parents if parent.selection_set is not None]
        for key, nodes in self.collector.fields(on, sets).items():
            name = nodes[0].name.value
            if name.startswith("__"):
                continue  # of the schema: the actor's view of it is theirs to see
            self._visit()
            definition = on.fields[name]
            decisions = self._decisions(Coordinate(on.name, name), definition, nodes[0], way)
            told = _selected((*path, key), decisions)
            self._found[told] = self._found.get(told, False) or way is Way.OPEN
            below = self._way_on(way, decisions)
            if below is Way.OPEN and on.name in RESOURCES:
                self._types[on.name] = None
            for of in self._possible(definition):
                self.level(of, nodes, (*path, key), below)

    @property
    def fields(self) -> tuple[Selected, ...]:
        """Every field once, in the order of the document: reached, if it is by any of the ways to it."""
        return tuple(replace(told, is_reached=is_reached) for told, is_reached in self._found.items())

    def rows(self) -> tuple[Reached, ...]:
        """Which rows of the types that are come to the actor may know of."""
        return tuple(map(self._reached, self._types))

    def _reached(self, name: str) -> Reached:
        by_id, by_search = (self.grant.conditions(RESOURCES[name], letter, consents=True) for letter in "rs")
        kept_back = withheld(by_search) or withheld(by_id)
        return Reached(name, conditions(by_id.rule), conditions(by_search.rule), kept_back)

    def missing(self) -> tuple[str, ...]:
        """The fewest scopes that open all that scopes can open."""
        return self.grant.missing(self._lacking)

    def _visit(self) -> None:
        self._visited += 1
        if self._visited > FIELDS:
            raise RequestError(Code.COST_ESTIMATED_TOO_EXPENSIVE, [Fault(TOO_MUCH)])

    def _decisions(self, at: Coordinate, definition: GraphQLField, node: FieldNode, way: Way) -> Decisions:
        declared = declaration(definition)
        found = {at: self.grant.decide(at) if declared is None else decided(at, declared, self.grant)}
        found |= {each: self._of_input(each) for each in _arguments(at, node)}
        is_asked = way is Way.OPEN and not _denials(found)
        within = self._input_fields(at, definition, node, is_asked=is_asked)
        return found | {each: self._of_input(each) for each in within}

    def _of_input(self, at: Coordinate) -> Decision:
        decision = self.grant.decide(at)
        return denial(decision) or decision

    def _input_fields(
        self, at: Coordinate, definition: GraphQLField, node: FieldNode, *, is_asked: bool
    ) -> Sequence[Coordinate]:
        """The input fields that are given a value. Where a value does not fit there are none, and a fault."""
        try:
            values = Arguments.of(definition, node).values(self.variables)
        except GraphQLError:
            if is_asked:
                self.faults.append(_unfit(at, node))
            return ()
        return tuple(inputs_used(definition, values))

    def _way_on(self, way: Way, decisions: Decisions) -> Way:
        """The way below a field; notes what scopes would have to open there."""
        denials = _denials(decisions)
        if way is Way.CLOSED or not denials:
            return way
        if not all(denial.missing_scopes for denial in denials.values()):
            return Way.CLOSED
        self._lacking |= dict.fromkeys(denials)
        return Way.FOR_SCOPES

    def _possible(self, definition: GraphQLField) -> Sequence[GraphQLObjectType]:
        of = get_named_type(definition.type)
        if isinstance(of, GraphQLInterfaceType | GraphQLUnionType):
            return self.schema.get_possible_types(of)
        return [of] if isinstance(of, GraphQLObjectType) else []


def _selected(path: tuple[str, ...], decisions: Decisions) -> Selected:
    at, *inputs = decisions
    cause = next(iter(_denials(decisions)), at)
    because = decisions[cause]
    return Selected(
        path=path,
        coordinate=str(at),
        effect=because.effect,
        cause=str(cause),
        rules=_rules(because),
        mask=because.mask.meaning if because.mask is not None else None,
        missing_scopes=because.missing_scopes,
        inputs=tuple(_input(each, decisions[each]) for each in inputs),
    )


def _input(at: Coordinate, decision: Decision) -> Input:
    return Input(str(at), decision.effect, _rules(decision), decision.missing_scopes)


def _denials(decisions: Decisions) -> Decisions:
    return {at: decision for at, decision in decisions.items() if decision.effect is Effect.DENY}


def _arguments(at: Coordinate, node: FieldNode) -> Iterator[Coordinate]:
    return (at._replace(argument=given.name.value) for given in node.arguments or ())


def _unfit(at: Coordinate, node: FieldNode) -> Unusable:
    words = f"A value that `{at}` is given does not fit."
    if node.loc is None:
        return Unusable(Code.BAD_USER_INPUT.name, words)
    place = get_location(node.loc.source, node.loc.start)
    return Unusable(Code.BAD_USER_INPUT.name, words, place.line, place.column)


def _rules(decision: Decision) -> tuple[Rule, ...]:
    return tuple(Rule(reason, meaning(reason)) for reason in decision.reasons)
