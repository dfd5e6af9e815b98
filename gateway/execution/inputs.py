"""Arguments are data too: what may not be read may not be searched, sorted or counted by either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

from graphql import FieldNode, GraphQLField, GraphQLInputObjectType, get_named_type
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
    refused: dict[type, dict[str, Refused]] = {}
    for argument in definition.args.values():
        _refuse(get_named_type(argument.type), grant, refused)
    if not any(refused.values()):
        return None
    return lambda arguments: _check(list(arguments.values()), refused)


def _refuse(of: object, grant: Decides, refused: dict[type, dict[str, Refused]]) -> None:
    """Adds to *refused*, by the Python type an input is made into, its fields that may not be used."""
    if not isinstance(of, GraphQLInputObjectType):
        return
    made = cast("type", getattr(of.out_type, "makes", dict))
    if made in refused:
        return
    refused[made] = {}
    for name, field in of.fields.items():
        coordinate = Coordinate(of.name, name)
        refusal = denial(grant.decide(coordinate))
        if refusal is not None:
            refused[made][field.out_name or name] = Refused(coordinate, refusal)
        _refuse(get_named_type(field.type), grant, refused)


def _check(values: list[Any], refused: Mapping[type, Mapping[str, Refused]]) -> None:
    while values:
        value = values.pop()
        if isinstance(value, list):
            values.extend(value)
            continue
        of_type = refused.get(type(value))
        if of_type is None:
            continue
        for name, refusal in of_type.items():
            if getattr(value, name) not in (None, UNSET):
                raise refusal
        values.extend(vars(value).values())
