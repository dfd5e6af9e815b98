"""Arguments are data too: what may not be read may not be searched, sorted or counted by either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    get_named_type,
)
from strawberry import UNSET

from policies import Coordinate, Decision, Effect
from resolvers.declare import Attribute, Edge

Check: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Raises `Refused` when the coerced arguments of a field use an input field that may not be used."""


class Decides(Protocol):
    """The part of a grant that a plan depends on."""

    def decide(self, coordinate: Coordinate) -> Decision: ...


class Refused(Exception):
    """A field, an argument or an input field may not be used; the decision says why."""

    def __init__(self, coordinate: Coordinate, decision: Decision) -> None:
        super().__init__(f"`{coordinate}` is denied: {', '.join(decision.reasons)}")
        self.coordinate = coordinate
        self.decision = decision


def denial(decision: Decision) -> Decision | None:
    """The refusal of an input; None where it may be used.

    What may be seen only masked may not be asked about: the answer would tell what the mask hides.
    """
    if decision.effect is Effect.ALLOW:
        return None
    return Decision(Effect.DENY, decision.reasons, decision.missing_scopes)


def decided(coordinate: Coordinate, declared: Attribute | Edge, grant: Decides) -> Decision:
    """The decision on a field: there is no masking what lies behind an edge, so a mask denies one."""
    decision = grant.decide(coordinate)
    return denial(decision) or decision if isinstance(declared, Edge) else decision


def refused_argument(coordinate: Coordinate, node: FieldNode, grant: Decides) -> Refused | None:
    """The refusal of the first argument in use that may not be used; None where all may."""
    for argument in node.arguments or ():
        named = coordinate._replace(argument=argument.name.value)
        refusal = denial(grant.decide(named))
        if refusal is not None:
            return Refused(named, refusal)
    return None


def input_check(definition: GraphQLField, grant: Decides) -> Check | None:
    """A check of the input objects a field is given; None where each of their fields may be used."""
    refused: dict[Coordinate, Refused] = {}
    seen: set[str] = set()
    for argument in definition.args.values():
        _refuse(get_named_type(argument.type), grant, refused, seen)
    if not refused:
        return None
    return lambda arguments: _check(inputs_used(definition, arguments), refused)


def inputs_used(definition: GraphQLField, arguments: Mapping[str, Any]) -> Iterator[Coordinate]:
    """The input fields that the coerced *arguments* of a field give a value, each before those inside it."""
    for name, argument in definition.args.items():
        yield from _used(argument.type, arguments.get(argument.out_name or name))


def _refuse(of: GraphQLNamedType, grant: Decides, refused: dict[Coordinate, Refused], seen: set[str]) -> None:
    """Adds to *refused* the fields of an input type, and of those inside it, that may not be used."""
    if not isinstance(of, GraphQLInputObjectType) or of.name in seen:
        return
    seen.add(of.name)
    for name, field in of.fields.items():
        coordinate = Coordinate(of.name, name)
        refusal = denial(grant.decide(coordinate))
        if refusal is not None:
            refused[coordinate] = Refused(coordinate, refusal)
        _refuse(get_named_type(field.type), grant, refused, seen)


def _used(of: GraphQLInputType, value: Any) -> Iterator[Coordinate]:
    if isinstance(of, GraphQLNonNull):
        of = of.of_type
    if value is None or value is UNSET:
        return
    if isinstance(of, GraphQLList):
        for item in value:
            yield from _used(of.of_type, item)
    elif isinstance(of, GraphQLInputObjectType):
        for name, field in of.fields.items():
            given = getattr(value, field.out_name or name)
            if given is not None and given is not UNSET:
                yield Coordinate(of.name, name)
                yield from _used(field.type, given)


def _check(used: Iterable[Coordinate], refused: Mapping[Coordinate, Refused]) -> None:
    for coordinate in used:
        if coordinate in refused:
            raise refused[coordinate]
