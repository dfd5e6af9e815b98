"""Which events a subscription asks for: its root field's arguments, decided before anything is told."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLSchema
from graphql.execution.values import VariableValues

from gateway.execution.arguments import Arguments
from gateway.execution.collect import Collector
from gateway.execution.engine import Prepared
from gateway.execution.inputs import Decides, Refused, input_check, refused_argument
from policies import Coordinate, Effect
from resolvers.declare import Event, declaration


class NoSuchEvents(Exception):
    """The operation has no root field that events come from."""


def events_wanted(
    schema: GraphQLSchema, prepared: Prepared, grant: Decides, variables: VariableValues
) -> Any:
    """What the root field's declaration makes of its arguments.

    Raises:
        Refused: the field or an argument may not be used.
        NoSuchEvents: directives leave no root field.
        GraphQLError: an argument does not fit.
        BadInput: an argument can't be used.
    """
    root = schema.subscription_type
    conditions = {name: bool(variables.coerced.get(name)) for name in prepared.condition_names}
    collector = Collector.of(schema, prepared.document, conditions)
    if root is None:
        raise NoSuchEvents
    for nodes in collector.fields(root, [prepared.definition.selection_set]).values():
        node = nodes[0]
        definition = root.fields.get(node.name.value)
        declared = declaration(definition) if definition is not None else None
        if definition is None or not isinstance(declared, Event):
            continue
        coordinate = Coordinate(root.name, node.name.value)
        decision = grant.decide(coordinate)
        if decision.effect is Effect.DENY:
            raise Refused(coordinate, decision)
        refused = refused_argument(coordinate, node, grant)
        if refused is not None:
            raise refused
        arguments = Arguments.of(definition, node, input_check(definition, grant))
        return declared.through(**arguments.values(variables))
    raise NoSuchEvents
