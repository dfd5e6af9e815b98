"""How failures of fields are said to clients: by code, in fixed words, at their path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graphql import FieldNode, GraphQLError, get_location

from gateway.errors import Denied, FormattedError, cause_of, report, shown
from gateway.execution.careful import FieldError
from gateway.execution.inputs import Refused
from sources.errors import SourceError


def field_errors(errors: Iterable[FieldError], trace_id: str) -> list[FormattedError]:
    """The engine's errors as GraphQL errors. What is INTERNAL is logged, by class and place."""
    return [_shown(error.cause, error.path, _locations(error.nodes), trace_id) for error in errors]


def core_errors(errors: Iterable[GraphQLError], trace_id: str) -> list[FormattedError]:
    """graphql-core's errors of an operation that ran, as GraphQL errors."""
    return [
        _shown(error, error.path or (), [(at.line, at.column) for at in error.locations or ()], trace_id)
        for error in errors
    ]


def partial_errors(missing: Iterable[SourceError], trace_id: str) -> list[FormattedError]:
    """Of several sources of one role, those that could not tell: the rows of the others are given.

    They are no field's errors, so they have no path; the lists concerned say `complete: false`.
    """
    return [shown(error, trace_id=trace_id) for error in missing]


def source_errors(errors: Iterable[Exception]) -> Iterator[SourceError]:
    """Those that are a source's."""
    for error in errors:
        cause = cause_of(error)
        if isinstance(cause, SourceError):
            yield cause


def codes(errors: Iterable[FormattedError]) -> Iterable[str]:
    """The codes of formatted errors, for counting."""
    return (error["extensions"]["code"] for error in errors)


def said(error: Exception) -> BaseException:
    """The failure in the terms of the table of codes."""
    cause = cause_of(error)
    if isinstance(cause, Refused):
        decision = cause.decision
        return Denied(str(cause.coordinate), decision.reasons, decision.missing_scopes)
    return cause


def _shown(
    error: Exception, path: Sequence[Any], locations: Sequence[tuple[int, int]], trace_id: str
) -> FormattedError:
    cause = said(error)
    report(cause, trace_id)
    return shown(cause, path=list(path), locations=locations, trace_id=trace_id)


def _locations(nodes: Iterable[FieldNode]) -> list[tuple[int, int]]:
    return [
        (at.line, at.column)
        for node in nodes
        if node.loc is not None
        for at in [get_location(node.loc.source, node.loc.start)]
    ]
