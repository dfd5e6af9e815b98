"""Which events a subscription asks for: its root field's arguments, decided before anything is told."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLSchema
from graphql.execution.values import VariableValues

from gateway.execution.arguments import Arguments
from gateway.execution.collect import Collector
from gateway.execution.engine import Prepared
from gateway.execution.inputs import Decides, Refused, denial, input_check, refused_argument
from policies import Coordinate, Effect
from resolvers.declare import Event, declaration

AFTER = "after"
"""The argument that takes a cursor: events that came after it are told first."""


class NoSuchEvents(Exception):
    """The operation has no root field that events come from."""


def events_wanted(
    schema: GraphQLSchema,
    prepared: Prepared,
    grant: Decides,
    variables: VariableValues,
    after: str | None = None,
) -> Any:
    """What the root field's declaration makes of its arguments.

    *after* is newer than the argument of that name, and takes its place where the field has one: the client
    sends its request again as it was, and beside it the cursor of the last event it has.

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
        given = Arguments.of(definition, node, input_check(definition, grant)).values(variables)
        if after is not None and AFTER in definition.args:
            refusal = denial(grant.decide(coordinate._replace(argument=AFTER)))
            if refusal is not None:
                raise Refused(coordinate._replace(argument=AFTER), refusal)
            given[AFTER] = after
        return declared.through(**given)
    raise NoSuchEvents
