"""graphql-core as the engine's oracle: both run one request, and what may differ is taken away.

The specification lets executors differ in the errors they report (GraphQL, September 2025, 6.4.4): a position
that has become null needs one error, whichever of the errors at or below it made it so, and what an error
below a null would have said may be left out. So the two answers are compared like this:

- data: the same JSON text, the order of keys included;
- positions: the places that are null because of an error are the same, and the engine tells one error for
  each, in the order of the answer;
- causes: the engine's error for a place is one that made it null. The candidates come from graphql-core too:
  it runs the request once more without error propagation (`@experimental_disableErrorPropagation`), which
  reports every error there is, and on the way it tells which positions are non-null. A candidate, known by
  path, cause and locations, made a place null if every position on its path below the place is non-null.

Two liberties more. Of an argument that does not fit graphql-core gives the location, the engine that of its
field. And the engine knows what is denied before it looks at arguments, graphql-core after: where a field is
denied and has an argument that does not fit, each tells its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    NameNode,
    OperationDefinitionNode,
    execute,
    get_location,
    get_variable_values,
    is_non_null_type,
)
from graphql.execution import ExecutionResult

from gateway.execution.careful import FieldError, NotAList, NothingShown, NotOfThisType, NullHere
from gateway.execution.collect import operation_of
from gateway.execution.core import CoreScope, located
from gateway.execution.engine import Engine, Granted, Prepared
from gateway.execution.plan import Plan
from gateway.execution.run import run
from resolvers.batching import WrongCount

Path = tuple[str | int, ...]


BAD_ARGUMENT = "GraphQLError: Argument "


class Said(NamedTuple):
    """One error of an answer, without what the two executors word differently."""

    path: Path
    cause: str
    locations: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Answer:
    """`data` is what a JSON encoder would be given."""

    data: Any
    errors: list[Said]


@dataclass(frozen=True)
class Asked:
    """One request of one actor; `loaders` makes a fresh set of them, for a plan's wanted attributes."""

    schema: GraphQLSchema
    document: DocumentNode
    name: str | None
    variables: dict[str, Any]
    grant: Granted
    loaders: Callable[[Mapping[str, frozenset[str]] | None], Any]
    root: object = None

    @property
    def operation(self) -> OperationDefinitionNode:
        return operation_of(self.document, self.name)


class BadVariables(Exception):
    """The variables do not fit the operation: no executor is asked."""


async def by_engine(asked: Asked, engine: Engine) -> tuple[Answer, Plan, Any]:
    """The engine's answer, the plan it ran, and the loaders it ran with.

    Raises:
        Opaque: the request is not for the engine.
        BadVariables: the request is for nobody.
    """
    values = get_variable_values(
        asked.schema, asked.operation.variable_definitions or (), asked.variables, hide_suggestions=True
    )
    if isinstance(values, list):
        raise BadVariables
    prepared = Prepared.of("a document", asked.document, asked.operation)
    plan = engine.plan(prepared, asked.grant, values.coerced)
    loaders = asked.loaders(plan.wanted)
    try:
        result = await run(plan, loaders, values, asked.root)
    finally:
        loaders.close()
    return Answer(result.data, [_said_by_engine(error) for error in result.errors]), plan, loaders


async def by_core(asked: Asked, executor: type[Executor[Any]] | None = None) -> Answer:
    """graphql-core's answer."""
    loaders = asked.loaders(None)
    try:
        result = execute(
            asked.schema,
            asked.document,
            asked.root,
            CoreScope(asked.grant, loaders, lambda: asked.schema),
            asked.variables,
            asked.name,
            hide_suggestions=True,
            executor_class=executor,
        )
        done = result if isinstance(result, ExecutionResult) else await result
    finally:
        loaders.close()
    return Answer(done.data, [_said_by_core(located(error)) for error in done.errors or ()])


@dataclass(frozen=True)
class Account:
    """Every error there is, and the positions that may not be null."""

    errors: frozenset[Said]
    required: frozenset[Path]

    def made(self, error: Said, place: Path) -> bool:
        """Whether *error* makes *place* null."""
        below = range(len(place) + 1, len(error.path) + 1)
        return self.has(error) and all(error.path[:length] in self.required for length in below)

    def has(self, error: Said) -> bool:
        """Whether *error* is one of them."""
        if error.cause.startswith("Refused: "):
            unfit = (each for each in self.errors if each.cause.startswith(BAD_ARGUMENT))
            if any(each.path == error.path for each in unfit):
                return True
        return error in self.errors


async def account_of(asked: Asked) -> Account:
    """What graphql-core says where no error propagates."""
    required: set[Path] = set()
    fields: dict[Path, tuple[tuple[int, int], ...]] = {}

    class Telling(Executor[Any]):
        def complete_value(self, return_type: Any, details: Any, info: Any, path: Any, *rest: Any) -> Any:
            if is_non_null_type(return_type):
                required.add(tuple(path.as_list()))
            return super().complete_value(return_type, details, info, path, *rest)

        def handle_field_error(self, raw_error: Any, return_type: Any, details: Any, path: Any) -> None:
            at = tuple(path.as_list())
            fields[at] = _locations(each.node for each in details)
            if is_non_null_type(return_type):
                required.add(at)
            super().handle_field_error(raw_error, return_type, details, path)

    answer = await by_core(replace(asked, document=_without_propagation(asked.document)), Telling)
    errors = [
        error._replace(locations=fields[error.path]) if error.cause.startswith(BAD_ARGUMENT) else error
        for error in answer.errors
    ]
    return Account(frozenset(errors), frozenset(required))


def _without_propagation(document: DocumentNode) -> DocumentNode:
    directive = DirectiveNode(name=NameNode(value="experimental_disableErrorPropagation"), arguments=())
    definitions = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            definition = OperationDefinitionNode(
                operation=definition.operation,
                name=definition.name,
                variable_definitions=definition.variable_definitions,
                directives=(*(definition.directives or ()), directive),
                selection_set=definition.selection_set,
                loc=definition.loc,
            )
        definitions.append(definition)
    return DocumentNode(definitions=tuple(definitions), loc=document.loc)


def place_of(data: Any, path: Path) -> Path:
    """The part of *path* that leads to a null in *data*.

    Raises:
        AssertionError: it leads to none: there is an error for something that is not null.
    """
    for length, part in enumerate(path):
        if data is None:
            return path[:length]
        data = data[part]
    assert data is None, f"an error at {path}, which is not null"
    return path


def differences(engine: Answer, core: Answer, account: Account) -> list[str]:
    """In what the engine's answer differs from graphql-core's beyond what the specification allows."""
    found = []
    ours, theirs = json.dumps(engine.data, default=dict), json.dumps(core.data)
    if ours != theirs:
        found.append(f"data\n  engine {ours}\n  core   {theirs}")
        return found
    places = [place_of(engine.data, error.path) for error in engine.errors]
    expected = {place_of(core.data, error.path) for error in core.errors}
    if len(places) != len(set(places)):
        found.append(f"two errors for one place: {places}")
    if set(places) != expected:
        found.append(f"places: only engine {set(places) - expected}, only core {expected - set(places)}")
    if places != sorted(places, key=lambda place: _order(engine.data, place)):
        found.append(f"the order of the answer: {places}")
    for error, place in zip(engine.errors, places, strict=True):
        if not account.made(error, place):
            found.append(f"{error} did not make {place} null")
    return found


def _order(data: Any, path: Path) -> tuple[int, ...]:
    order = []
    for part in path:
        order.append(part if isinstance(part, int) else list(data).index(part))
        data = data[part]
    return tuple(order)


def _said_by_engine(error: FieldError) -> Said:
    return Said(error.path, _engine_cause(error.cause), _locations(error.nodes))


def _engine_cause(cause: Exception) -> str:
    if isinstance(cause, NullHere):
        return "null where none may be"
    if isinstance(cause, NotAList):
        return "no list"
    if isinstance(cause, NothingShown):
        return "nothing shown"
    if isinstance(cause, NotOfThisType):
        return "of no possible type"
    return _named(cause)


def _said_by_core(error: GraphQLError) -> Said:
    locations = tuple((at.line, at.column) for at in error.locations or ())
    return Said(tuple(error.path or ()), _core_cause(error), locations)


def _core_cause(error: GraphQLError) -> str:
    cause: Exception = error
    while isinstance(cause, GraphQLError) and isinstance(cause.original_error, Exception):
        cause = cause.original_error
    text = str(cause)
    if text.startswith("Cannot return null for non-nullable field "):
        return "null where none may be"
    if text.startswith("Expected `"):
        return "nothing shown"
    if text.startswith("Expected Iterable"):
        return "no list"
    if text.startswith(("Abstract type '", "Runtime Object type '")):
        return "of no possible type"
    return _named(cause)


def _named(cause: Exception) -> str:
    if isinstance(cause, WrongCount):
        return "wrong count"  # how many were asked for at once is the executor's own business
    text = cause.message if isinstance(cause, GraphQLError) else str(cause)
    return f"{type(cause).__name__}: {text}"


def _locations(nodes: Iterable[FieldNode]) -> tuple[tuple[int, int], ...]:
    found = []
    for node in nodes:
        assert node.loc is not None
        at = get_location(node.loc.source, node.loc.start)
        found.append((at.line, at.column))
    return tuple(found)
