"""Rows, roads and requests made by hand, for tests that say exactly what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from graphql import GraphQLSchema, get_variable_values, parse, validate
from graphql.execution.values import VariableValues

from gateway.execution.collect import operation_of
from gateway.execution.engine import Engine, Granted, Prepared
from gateway.execution.plan import Plan
from gateway.execution.run import Result, run
from resolvers.batching import Loader, Tasks
from resolvers.wiring import type_of
from tests.execution.awkward import awkward
from tests.execution.grants import Everything

Fetch = Callable[[Sequence[Any]], Awaitable[Any]]


def row(type_name: str, **attributes: Any) -> Any:
    """A row of that type with just those attributes."""
    return type(type_name, (SimpleNamespace,), {})(**attributes)


def thing(**attributes: Any) -> Any:
    return row("Thing", **attributes)


class Fetched:
    """A fetch over a mapping that notes what it was asked for."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        self.values = values
        self.asked: list[list[Any]] = []

    async def __call__(self, keys: Sequence[Any]) -> Mapping[Any, Any]:
        self.asked.append(list(keys))
        return {key: self.values[key] for key in keys if key in self.values}


class ByHand:
    """The loaders of one request of the awkward schema: a fetch for each road, batched as a request's are."""

    def __init__(self, roads: Mapping[str, Fetch]) -> None:
        self.tasks = Tasks()
        self._roads = roads
        self._loaders: dict[str, Any] = {}

    def along(self, road: str, **arguments: object) -> Any:
        known = f"{road} {arguments}"
        if known not in self._loaders:
            self._loaders[known] = Loader(self._roads[road], self.tasks)
        return self._loaders[known]


class Directly(ByHand):
    """The same, without batching: a road is the whole loader."""

    def along(self, road: str, **arguments: object) -> Any:
        return SimpleNamespace(load=self._roads[road])


def to(value: Any) -> Fetched:
    """A fetch for a root field: it leads to one value."""
    return Fetched({None: value})


def planned(
    text: str,
    *,
    grant: Granted | None = None,
    schema: GraphQLSchema | None = None,
    variables: Mapping[str, Any] | None = None,
) -> tuple[Plan, VariableValues]:
    """The plan of a valid request, and its variables as they are run with."""
    schema = schema or awkward()
    document = parse(text)
    assert not validate(schema, document)
    operation = operation_of(document, None)
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables or {}))
    assert isinstance(values, VariableValues)
    prepared = Prepared.of(text, document, operation)
    return Engine(schema, type_of).plan(prepared, grant or Everything(), values.coerced), values


async def answered(
    text: str,
    loaders: ByHand,
    *,
    grant: Granted | None = None,
    variables: Mapping[str, Any] | None = None,
) -> Result:
    """The engine's answer to a valid request of the awkward schema."""
    plan, values = planned(text, grant=grant, variables=variables)
    return await run(plan, loaders, values)


def causes(result: Result) -> dict[tuple[str | int, ...], str]:
    """The class of the cause of each error, by path."""
    return {error.path: type(error.cause).__name__ for error in result.errors}
