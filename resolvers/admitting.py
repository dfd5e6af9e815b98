"""How a search is narrowed to what the actor may know of: pure, over the rule that policy made."""

from __future__ import annotations

from typing import Any

from policies import RowRule
from resolvers.connection import Rows
from sources.errors import SourceError
from sources.model import PatientId, Visit
from sources.ports import Listed, Narrowing


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
