"""Which rows of a resource type an actor may know of: the patient compartment and granular scopes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from policies.compartment import COMPARTMENT, FHIR_TYPES, PARAMETERS, PRIVATE
from policies.scopes import Context, Query, ResourceScope, Scopes
from policies.tokens import Token, codings, tokens
from sources.model import PatientId

READING = "rs"
"""The permissions that let an actor know of a row: `r`, reading it by id, and `s`, finding it by search."""


class Reach(NamedTuple):
    """How far an actor's scopes may go: *is_own*, no further than the launch patient whatever their context;
    *has_patient*, whether there is a launch patient, without whom a `patient/` scope goes nowhere."""

    is_own: bool
    has_patient: bool


class Check(NamedTuple):
    """One search parameter of a granular scope: the attribute it reads, and the codes it accepts there."""

    attribute: str
    any_of: tuple[Token, ...]

    def matches(self, row: object) -> bool:
        return any(
            token.matches(coding) for coding in codings(getattr(row, self.attribute)) for token in self.any_of
        )


class Clause(NamedTuple):
    """One scope's word on a row: whether it must be the launch patient's, and the checks it must pass."""

    bound: bool
    query: Query = ()
    checks: tuple[Check, ...] = ()

    def admits(self, row: object, owner: PatientId | None, patient: PatientId | None) -> bool:
        if self.bound and (patient is None or owner != patient):
            return False
        return all(check.matches(row) for check in self.checks)


@dataclass(frozen=True, slots=True)
class RowRule:
    """Which rows of one resource type one actor may know of: those that at least one clause admits.

    `always`: every row is admitted, there is nothing to check. `attributes`: those of the record that must be
    there to decide. `narrowing`: the alternatives to push upstream, each a set of search parameters that must
    all match; None where rows can't be narrowed; empty where no row is admitted.
    """

    always: bool
    attributes: frozenset[str]
    narrowing: tuple[Query, ...] | None
    clauses: tuple[Clause, ...]
    patient: PatientId | None = field(repr=False)

    def admits(self, row: object, owner: PatientId | None) -> bool:
        """Whether the actor may know of *row*, which belongs to *owner* (None for a directory's).

        A clause that can't be checked, because the row lacks what it reads, admits nothing.
        """
        return self.always or any(self._holds(clause, row, owner) for clause in self.clauses)

    def reaches_all_of(self, patient: PatientId) -> bool | None:
        """Whether all rows of a patient are admitted, or none; None where it depends on what is in them."""
        if self.always:
            return True
        if any(clause.query for clause in self.clauses):
            return None
        return bool(self.clauses) and patient == self.patient

    def _holds(self, clause: Clause, row: object, owner: PatientId | None) -> bool:
        try:
            return clause.admits(row, owner, self.patient)
        except Exception:  # noqa: BLE001 - a check that raises is a no
            return False


def row_rule(
    scopes: Scopes, resource: str, reach: Reach, patient: PatientId | None, letters: str = READING
) -> RowRule:
    """The rule for a type's rows, by the scopes that hold one of *letters*; none admits an unknown type."""
    said = {*_smart(scopes, resource, reach, letters), *_private(scopes, resource, reach, letters)}
    # Without a launch patient, what is bound to one can hold for no row: then there is nothing to ask for.
    found = tuple(sorted(clause for clause in said if reach.has_patient or not clause.bound))
    always = any(not clause.bound and not clause.query for clause in found)
    whole = any(not clause.query for clause in found)
    return RowRule(
        always=always,
        attributes=frozenset() if always else frozenset(_attributes(resource, found)),
        narrowing=None if whole else tuple(dict.fromkeys(clause.query for clause in found)),
        clauses=found,
        patient=patient,
    )


def reaches(scope: ResourceScope, resource: str, reach: Reach) -> bool:
    """Whether *scope* can open some row of that type: it names it, and asks for nothing we can't check."""
    return _reached(scope, resource, reach) is not None


def _reached(scope: ResourceScope, resource: str, reach: Reach) -> tuple[Check, ...] | None:
    """The checks that a row of that type must pass for *scope* to open it; None where it opens none."""
    if resource not in FHIR_TYPES or scope.type not in (resource, "*"):
        return None
    if scope.context is Context.PATIENT and not reach.has_patient:
        return None
    return _checks(scope.query, resource)


def _smart(scopes: Scopes, resource: str, reach: Reach, letters: str) -> Iterator[Clause]:
    for scope in scopes.resources:
        checks = _reached(scope, resource, reach)
        if checks is not None and set(letters) & set(scope.letters):
            bound = resource in COMPARTMENT and (reach.is_own or scope.context is Context.PATIENT)
            yield Clause(bound, scope.query, checks)


def _private(scopes: Scopes, resource: str, reach: Reach, letters: str) -> Iterator[Clause]:
    """A private scope has no context: with a launch patient, it goes as far as the scopes on Patient do."""
    if PRIVATE.get(resource) in scopes.private:
        is_wide = any(not clause.bound for clause in _smart(scopes, "Patient", reach, letters))
        yield Clause(reach.is_own or (reach.has_patient and not is_wide))


def _checks(query: Query, resource: str) -> tuple[Check, ...] | None:
    """The query as checks on a row of that type; None where it asks for something we could not check."""
    attributes = PARAMETERS.get(resource, {})
    try:
        return tuple(Check(attributes[name], tokens(value)) for name, value in query)
    except (KeyError, ValueError):
        return None


def _attributes(resource: str, clauses: Iterable[Clause]) -> Iterator[str]:
    for clause in clauses:
        if clause.bound:
            yield COMPARTMENT[resource]
        yield from (check.attribute for check in clause.checks)
