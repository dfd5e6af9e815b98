"""Which rows get past the loaders: pure, over the rule that policy made for the actor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from policies import RowRule
from resolvers.connection import Rows
from sources.errors import SourceError
from sources.model import PatientId, Visit
from sources.ports import Found, Listed, Narrowing

K = TypeVar("K")
V = TypeVar("V")


def nothing() -> Rows[Any]:
    """A page of no rows."""
    return Rows((), str, has_next_page=False, has_previous_page=False)


def of_encounter(listed: Listed[Any] | SourceError, visit: Visit) -> Listed[Any] | SourceError:
    if isinstance(listed, SourceError):
        return listed
    return Listed(
        tuple(row for row in listed.rows if visit.encounter_id in row.encounter_ids),
        listed.complete,
        listed.missing,
    )


def admits_nothing(rule: RowRule) -> bool:
    """Whether no row can be admitted, whatever is in it: then nobody is asked."""
    return not rule.always and not rule.clauses


def narrowed(narrowing: Narrowing, rule: RowRule) -> Narrowing:
    """The narrowing, and what granular scopes let the actor know of, where one search can say both.

    Alternatives of one parameter are its values; a single alternative is all its parameters. What can't be
    said is left to the check of each row, which comes in any case.
    """
    alternatives = rule.narrowing or ()
    if len(alternatives) == 1:
        pushed = tuple((name, (value,)) for name, value in alternatives[0])
        return Narrowing((*narrowing.parameters, *pushed))
    names = {name for alternative in alternatives for name, _ in alternative}
    if len(names) == 1 and all(len(alternative) == 1 for alternative in alternatives):
        values = tuple(value for alternative in alternatives for _, value in alternative)
        return Narrowing((*narrowing.parameters, (names.pop(), values)))
    return narrowing


def confined_to(rule: RowRule) -> PatientId | None:
    """The one patient whose rows alone the rule can admit; None where it may admit others'."""
    return rule.patient if rule.clauses and all(clause.bound for clause in rule.clauses) else None


def admitted(rule: RowRule, found: Found[K, V], owner: Callable[[V], PatientId | None]) -> Found[K, V]:
    if rule.always:
        return found
    return {
        key: row for key, row in found.items() if isinstance(row, SourceError) or rule.admits(row, owner(row))
    }


def admitted_keys(rule: RowRule, found: Found[K, V], owner: Callable[[K], PatientId]) -> Found[K, V]:
    """Those the actor may know of, where the key tells whose a row is."""
    if rule.always:
        return found
    return {
        key: row for key, row in found.items() if isinstance(row, SourceError) or rule.admits(row, owner(key))
    }


def admitted_rows(
    rule: RowRule, listed: Listed[V] | SourceError, owner: PatientId
) -> Listed[V] | SourceError:
    if rule.always or isinstance(listed, SourceError):
        return listed
    rows = tuple(row for row in listed.rows if rule.admits(row, owner))
    return Listed(rows, listed.complete, listed.missing)
