"""Decisions: may this actor read this coordinate, and which rows; with the rules that said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from policies.actor import Actor, Audience
from policies.boundary import BOUNDARY, PURPOSES, rule
from policies.classification import Classified, Coordinate, DataClass, Needs, Requirement
from policies.clearance import CLEARANCES, HANDLINGS, clearance
from policies.compartment import FHIR_TYPES
from policies.conditions import RowConditions, conditions
from policies.consent import matters
from policies.consent_actors import NO_NAMES, ActorNames
from policies.consent_criteria import Asking
from policies.effects import Effect
from policies.emergency import Emergency
from policies.masks import MASKS, Mask
from policies.missing import fewest
from policies.reasons import (
    CONFINED,
    MASK_MISSING,
    PURPOSE_NOT_PERMITTED,
    RULE_RAISED,
    SCOPE_HELD,
    SCOPE_MISSING,
    UNCLASSIFIED,
    masked_by,
)
from policies.rows import READING, RowRule, row_rule
from policies.sensitivity import TABLES
from policies.standing import Standing
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


class Policy:
    """The policy of one schema: every coordinate classified. There is no policy without coordinates.

    Raises:
        ValueError: *coordinates* is empty, or one needs a scope on a type whose rows could not be checked.
    """

    def __init__(
        self, coordinates: Mapping[Coordinate, Classified], actor_names: ActorNames = NO_NAMES
    ) -> None:
        if not coordinates:
            raise ValueError(
                "a policy needs classified coordinates; without any it would have nothing to decide by"
            )
        for coordinate, classified in coordinates.items():
            _refuse_unknown_types(coordinate, classified.needs)
        self._coordinates = dict(coordinates)
        self._actor_names = actor_names
        self.version = _version(self._coordinates, actor_names)
        self._rulings = lru_cache(maxsize=1024)(self._ruling)

    def grant(self, actor: Actor) -> Grant:
        """What *actor* may read. Cheap where one of the same standing was seen lately."""
        return Grant(actor, self._rulings(Standing.of(actor)), self._actor_names)

    def _ruling(self, standing: Standing) -> Ruling:
        return Ruling(standing, self._coordinates, self.version)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one actor may read: the capability that plans and loaders are built for."""

    actor: Actor
    _ruling: Ruling
    actor_names: ActorNames = field(repr=False)

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

    def missing(self, coordinates: Iterable[Coordinate]) -> tuple[str, ...]:
        """The fewest scopes that would end every denial of *coordinates* that a scope can end."""
        return self._ruling.missing(coordinates)

    def rows(self, resource: str, letters: str = READING) -> RowRule:
        """Which rows of a FHIR type (or `Engagement`) the actor may know of.

        *letters* narrows to the road the rows come by: `r`, read by id; `s`, found by search.
        """
        return replace(self._ruling.rows(resource, letters), patient=self.actor.patient)

    def conditions(
        self, resource: str, letters: str = READING, *, now: datetime | None = None, consents: bool = True
    ) -> RowConditions:
        """All that a row of the type must pass at *now*: scopes, labels and, if they are kept, consents."""
        actor = self.actor
        is_bound = consents and matters(actor.audience, actor.purpose.value)
        at = now or datetime.now(UTC)
        asking = Asking.of(actor, resource, at, self.actor_names) if is_bound else None
        cleared = clearance(actor.audience, actor.purpose)
        rule = self.rows(resource, letters)
        return conditions(resource, rule, cleared, asking, actor.emergency)


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

    def missing(self, coordinates: Iterable[Coordinate]) -> tuple[str, ...]:
        """The fewest scopes that would end the denials that lack one."""
        lacking = [self._coordinates[at].needs for at in coordinates if self.decide(at).missing_scopes]
        return fewest(self._standing, lacking)

    def rows(self, resource: str, letters: str) -> RowRule:
        """The rule for a type's rows, with the patient still to be filled in."""
        if (resource, letters) not in self._rows:
            made = row_rule(self._standing.scopes, resource, self._standing.reach, None, letters)
            self._rows[resource, letters] = made
        return self._rows[resource, letters]


def decide(standing: Standing, coordinate: Coordinate, classified: Classified) -> Decision:
    """The decision on one classified coordinate. Any denial beats a mask, a mask beats an allowance."""
    boundary = crossing(standing.audience, coordinate, classified.data)
    missing = fewest(standing, [classified.needs])
    denials = boundary.reasons if boundary.effect is Effect.DENY else ()
    if standing.purpose not in PURPOSES[standing.audience]:
        denials = (PURPOSE_NOT_PERMITTED, *denials)
    if standing.has_patient and classified.data is DataClass.OUTCOMES:
        denials = (*denials, CONFINED)
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


def _refuse_unknown_types(coordinate: Coordinate, needs: Needs) -> None:
    for need in needs.any_of:
        if isinstance(need, Requirement) and need.type not in FHIR_TYPES:
            raise ValueError(
                f"`{coordinate}` needs a scope on `{need.type}`, whose rows we can't check; "
                "say whose they are in policies/compartment.py"
            )


def _version(coordinates: Mapping[Coordinate, Classified], actor_names: ActorNames) -> str:
    """A digest of the rules themselves, so that a key outlives no change of policy."""
    return _digest(
        (
            *(f"{at} {is_.data.value} {is_.needs}" for at, is_ in coordinates.items()),
            *(cell.id for cell in BOUNDARY.values()),
            *(f"{at} {mask.id}" for at, mask in MASKS.items()),
            *map(repr, (*CLEARANCES, *HANDLINGS, *TABLES.items())),
            *(f"{name} {sorted(means)}" for name, means in sorted(actor_names.items())),
        )
    )


def _key(standing: Standing, version: str) -> str:
    audience, purpose, scopes, asks_in, *facts = standing
    return _digest((version, audience.value, purpose.value, str(scopes), asks_in.value, *map(str, facts)))


def _digest(lines: Iterable[str]) -> str:
    return sha256("\n".join(lines).encode()).hexdigest()
