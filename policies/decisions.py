"""Decisions: may this actor read this coordinate, and which rows; with the rules that said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from policies.actor import Actor, Audience, Purpose
from policies.boundary import BOUNDARY, PURPOSES, rule
from policies.classification import Classified, Coordinate, DataClass, Need, Needs, Requirement
from policies.compartment import FHIR_TYPES
from policies.effects import Effect
from policies.emergency import Emergency
from policies.masks import MASKS, Mask
from policies.reasons import (
    MASK_MISSING,
    PURPOSE_NOT_PERMITTED,
    RULE_RAISED,
    SCOPE_HELD,
    SCOPE_MISSING,
    UNCLASSIFIED,
    masked_by,
)
from policies.rows import READING, Reach, RowRule, reaches, row_rule
from policies.scopes import Context, PrivateScope, Scopes, in_order
from sources.model import PatientId

__all__ = ["Decision", "Effect", "Grant", "Policy"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an actor gets of a coordinate, and the ids of the rules that made it so.

    `missing_scopes` are the fewest that would change a denial; empty where none would. `mask` is there
    if, and only if, the effect is MASK.
    """

    effect: Effect
    reasons: tuple[str, ...]
    missing_scopes: tuple[str, ...] = ()
    mask: Mask | None = None


_UNCLASSIFIED = Decision(Effect.DENY, (UNCLASSIFIED,))
_RAISED = Decision(Effect.DENY, (RULE_RAISED,))


class Standing(NamedTuple):
    """What of an actor static decisions depend on. Two patients with the same scopes stand the same."""

    audience: Audience
    purpose: Purpose
    scopes: Scopes
    asks_in: Context
    has_patient: bool
    is_emergency: bool

    @classmethod
    def of(cls, actor: Actor) -> Standing:
        return cls(
            actor.audience,
            actor.purpose,
            actor.scopes,
            _asks_in(actor),
            actor.patient is not None,
            actor.emergency is not None,
        )

    @property
    def reach(self) -> Reach:
        return Reach(self.audience is Audience.PATIENT, self.has_patient)


def _asks_in(actor: Actor) -> Context:
    """The context in which the actor would ask for one more scope."""
    is_own = actor.audience is Audience.PATIENT or not actor.scopes.beyond_one_patient
    if actor.patient is not None and is_own:
        return Context.PATIENT
    return Context.USER if actor.is_user else Context.SYSTEM


class Policy:
    """The policy of one schema: every coordinate classified. There is no policy without coordinates.

    Raises:
        ValueError: *coordinates* is empty, or one needs a scope on a type whose rows could not be checked.
    """

    def __init__(self, coordinates: Mapping[Coordinate, Classified]) -> None:
        if not coordinates:
            raise ValueError(
                "a policy needs classified coordinates; without any it would have nothing to decide by"
            )
        for coordinate, classified in coordinates.items():
            _refuse_unknown_types(coordinate, classified.needs)
        self._coordinates = dict(coordinates)
        self.version = _version(self._coordinates)
        self._rulings = lru_cache(maxsize=1024)(self._ruling)

    def grant(self, actor: Actor) -> Grant:
        """What *actor* may read. Cheap where one of the same standing was seen lately."""
        return Grant(actor, self._rulings(Standing.of(actor)))

    def _ruling(self, standing: Standing) -> Ruling:
        return Ruling(standing, self._coordinates, self.version)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one actor may read: the capability that plans and loaders are built for."""

    actor: Actor
    _ruling: Ruling

    @property
    def key(self) -> str:
        """A digest of all that static decisions depend on: a plan made for one holds for all who share it."""
        return self._ruling.key

    def decide(self, coordinate: Coordinate) -> Decision:
        """Whether the actor may read *coordinate*, before anything is fetched."""
        return self._ruling.decide(coordinate)

    def emergency_of(self, owner: PatientId | None) -> Emergency | None:
        """The emergency that concerns the rows of *owner*: it lifts what protects them beyond scopes."""
        emergency = self.actor.emergency
        return emergency if emergency is not None and emergency.concerns(owner) else None

    def rows(self, resource: str, letters: str = READING) -> RowRule:
        """Which rows of a FHIR type (or `Engagement`) the actor may know of.

        *letters* narrows to the road the rows come by: `r`, read by id; `s`, found by search.
        """
        return replace(self._ruling.rows(resource, letters), patient=self.actor.patient)


class Ruling:
    """The static part of a grant, shared by all of one standing, each decision made once."""

    def __init__(
        self, standing: Standing, coordinates: Mapping[Coordinate, Classified], version: str
    ) -> None:
        self._standing = standing
        self._coordinates = coordinates
        self._decided: dict[Coordinate, Decision] = {}
        self._rows: dict[tuple[str, str], RowRule] = {}
        self.key = _key(standing, version)

    def decide(self, coordinate: Coordinate) -> Decision:
        decided = self._decided.get(coordinate)
        if decided is not None:
            return decided
        classified = self._coordinates.get(coordinate)
        if classified is None:
            # Not remembered: what does not exist has no bound.
            return _UNCLASSIFIED
        try:
            decision = decide(self._standing, coordinate, classified)
        except Exception:  # noqa: BLE001 - a rule that raises denies
            return _RAISED
        return self._decided.setdefault(coordinate, decision)

    def rows(self, resource: str, letters: str) -> RowRule:
        """The rule for a type's rows, with the patient still to be filled in."""
        if (resource, letters) not in self._rows:
            made = row_rule(self._standing.scopes, resource, self._standing.reach, None, letters)
            self._rows[resource, letters] = made
        return self._rows[resource, letters]


def decide(standing: Standing, coordinate: Coordinate, classified: Classified) -> Decision:
    """The decision on one classified coordinate. Any denial beats a mask, a mask beats an allowance."""
    boundary = crossing(standing.audience, coordinate, classified.data)
    missing = _missing(standing, classified.needs)
    denials = boundary.reasons if boundary.effect is Effect.DENY else ()
    if standing.purpose not in PURPOSES[standing.audience]:
        denials = (PURPOSE_NOT_PERMITTED, *denials)
    if denials:
        # No scope would change these, so none is named as missing.
        return Decision(Effect.DENY, (*denials, SCOPE_MISSING) if missing else denials)
    if missing:
        return Decision(Effect.DENY, (SCOPE_MISSING,), missing_scopes=missing)
    if classified.needs == Needs.NOTHING:
        return boundary
    return replace(boundary, reasons=(*boundary.reasons, SCOPE_HELD))


def crossing(audience: Audience, coordinate: Coordinate, data: DataClass) -> Decision:
    """What the boundary says of a coordinate of that class, whatever the scopes. No mask means no."""
    cell = rule(audience, data)
    if cell.effect is not Effect.MASK:
        return Decision(cell.effect, (cell.id,))
    mask = MASKS.get(coordinate)
    if mask is None:
        return Decision(Effect.DENY, (cell.id, MASK_MISSING))
    return Decision(Effect.MASK, (cell.id, masked_by(mask.id)), mask=mask)


def _missing(standing: Standing, needs: Needs) -> tuple[str, ...]:
    """The smallest scope that would satisfy one of the needs; nothing where one is satisfied already."""
    lacking = [_lacking(standing, need) for need in needs.any_of]
    if not all(lacking):
        return ()
    return tuple(sorted(lacking, key=len)[:1])


def _lacking(standing: Standing, need: Need) -> str:
    """The scope that would satisfy *need* together with those held; empty where it is satisfied."""
    if isinstance(need, PrivateScope):
        return "" if need in standing.scopes.private else str(need)
    letters = in_order(set(need.letters) - _held(standing, need.type))
    return f"{standing.asks_in.value}/{need.type}.{letters}" if letters else ""


def _held(standing: Standing, resource: str) -> set[str]:
    """The permissions on a type that some scope holds on some row. Scopes add up."""
    return {
        letter
        for scope in standing.scopes.resources
        if reaches(scope, resource, standing.reach)
        for letter in scope.letters
    }


def _refuse_unknown_types(coordinate: Coordinate, needs: Needs) -> None:
    for need in needs.any_of:
        if isinstance(need, Requirement) and need.type not in FHIR_TYPES:
            raise ValueError(
                f"`{coordinate}` needs a scope on `{need.type}`, whose rows we can't check; "
                "say whose they are in policies/compartment.py"
            )


def _version(coordinates: Mapping[Coordinate, Classified]) -> str:
    """A digest of the rules themselves, so that a key outlives no change of policy."""
    return _digest(
        (
            *(f"{at} {is_.data.value} {is_.needs}" for at, is_ in coordinates.items()),
            *(cell.id for cell in BOUNDARY.values()),
            *(f"{at} {mask.id}" for at, mask in MASKS.items()),
        )
    )


def _key(standing: Standing, version: str) -> str:
    audience, purpose, scopes, asks_in, *facts = standing
    return _digest((version, audience.value, purpose.value, str(scopes), asks_in.value, *map(str, facts)))


def _digest(lines: Iterable[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()
