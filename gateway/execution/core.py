"""What graphql-core needs to run what the engine does not take: the same decisions, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiodataloader import DataLoader
from graphql import (
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    execute,
    is_introspection_type,
)
from graphql.execution import ExecutionResult
from graphql.pyutils import Path

from gateway.execution.engine import Granted, Prepared
from gateway.execution.inputs import Refused, input_check
from policies import Coordinate, Decision


class CoreScope:
    """The context of one operation under graphql-core (`resolvers.wiring.Scope`)."""

    def __init__(self, grant: Granted, loaders: object, view: Callable[[], GraphQLSchema]) -> None:
        """*view* gives the part of the schema that introspection shows to the actor."""
        self._grant = grant
        self.loaders = loaders
        self.view = view
        self.dataloaders: dict[Any, DataLoader[Any, Any]] = {}

    def decide(self, coordinate: Coordinate) -> Decision:
        return self._grant.decide(coordinate)

    def refused(self, coordinate: Coordinate, decision: Decision) -> Exception:
        return Refused(coordinate, decision)

    def check_inputs(self, definition: GraphQLField, arguments: Mapping[str, Any]) -> None:
        check = input_check(definition, self._grant)
        if check is not None:
            check(arguments)


class _Introspecting(Executor[Any]):
    """Runs as graphql-core does, but for introspection, which reads the actor's view of the schema.

    `__schema` and `__type`, and the types below them, read the schema that comes with the field.
    """

    def build_resolve_info(
        self,
        field_def: GraphQLField,
        field_nodes: list[FieldNode],
        parent_type: GraphQLObjectType,
        path: Path,
    ) -> GraphQLResolveInfo[Any]:
        info = super().build_resolve_info(field_def, field_nodes, parent_type, path)
        if field_def in (SchemaMetaFieldDef, TypeMetaFieldDef) or is_introspection_type(parent_type):
            return info._replace(schema=self.context_value.view())
        return info


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
        executor_class=_Introspecting,
    )
    done = result if isinstance(result, ExecutionResult) else await result
    return ExecutionResult(done.data, [located(error) for error in done.errors or ()] or None)


def located(error: GraphQLError) -> GraphQLError:
    """The same error, where its nodes are: graphql-core takes the `source` of one of ours for a document."""
    return GraphQLError(error.message, error.nodes, path=error.path, original_error=error.original_error)
