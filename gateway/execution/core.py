"""What graphql-core needs to run what the engine does not take: the same decisions, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiodataloader import DataLoader
from graphql import GraphQLError, GraphQLField, GraphQLSchema, execute
from graphql.execution import ExecutionResult

from gateway.execution.engine import Granted, Prepared
from gateway.execution.inputs import Refused, input_check
from policies import Coordinate, Decision


class CoreScope:
    """The context of one operation under graphql-core (`resolvers.wiring.Scope`)."""

    def __init__(self, grant: Granted, loaders: object) -> None:
        self._grant = grant
        self.loaders = loaders
        self.dataloaders: dict[Any, DataLoader[Any, Any]] = {}

    def decide(self, coordinate: Coordinate) -> Decision:
        return self._grant.decide(coordinate)

    def refused(self, coordinate: Coordinate, decision: Decision) -> Exception:
        return Refused(coordinate, decision)

    def check_inputs(self, definition: GraphQLField, arguments: Mapping[str, Any]) -> None:
        check = input_check(definition, self._grant)
        if check is not None:
            check(arguments)


async def run_in_core(
    schema: GraphQLSchema,
    prepared: Prepared,
    scope: CoreScope,
    variables: dict[str, Any],
    root: object = None,
) -> ExecutionResult:
    """Runs the whole operation in graphql-core; *variables* are as the request gave them."""
    result = execute(
        schema,
        prepared.document,
        root,
        scope,
        variables,
        prepared.definition.name.value if prepared.definition.name is not None else None,
        hide_suggestions=True,
    )
    done = result if isinstance(result, ExecutionResult) else await result
    return ExecutionResult(done.data, [located(error) for error in done.errors or ()] or None)


def located(error: GraphQLError) -> GraphQLError:
    """The same error, where its nodes are: graphql-core takes the `source` of one of ours for a document."""
    return GraphQLError(error.message, error.nodes, path=error.path, original_error=error.original_error)
