"""All that a row must pass before an actor may know of it: scopes, then consents, then labels. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from policies.actor import Audience
from policies.clearance import CLASSIFIED, HANDLED, RAISED_BY_CONSENT, Clearance
from policies.compartment import DIRECTORY
from policies.consent import Answer, Says, answer
from policies.consent_criteria import OUTSIDE, Asking, Facts
from policies.emergency import Emergency
from policies.facts import CODES, DATES, FROM_THE_PMS, LABELS, labels_of, sensitivities_of
from policies.labels import PART_2, PSYCHOTHERAPY, UNLABELLED, Labels, labels, widened
from policies.reasons import (
    CONSENT_DENIES,
    CONSENT_UNREADABLE,
    LABEL_CONFIDENTIALITY,
    LABEL_HANDLING,
    LABEL_SENSITIVITY,
    OUT_OF_REACH,
    OWNER_UNKNOWN,
    ROW_RULE_RAISED,
)
from policies.rows import RowRule
from sources.model import Coding, Consent, PatientId


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Which labelled rows of one resource type an actor is cleared for.

    `always`: there is nothing to look at. `each`: every row is looked at, whether it bears a label or not.
    `attributes`: those of the record that must be there to decide.
    """

    kind: str
    cleared: Clearance
    always: bool
    each: bool
    is_classified: bool
    attributes: frozenset[str]

    @classmethod
    def of(cls, kind: str, cleared: Clearance) -> LabelRule:
        """The rule for a type's rows."""
        is_classified = cleared.audience in CLASSIFIED and kind in CODES
        names = (*LABELS.get(kind, ()), *(CODES[kind] if is_classified else ()))
        each = is_classified or UNLABELLED.exceeds(cleared.level)
        always = kind in DIRECTORY or not (names or each)
        return cls(kind, cleared, always, each, is_classified, frozenset(names))

    def plain(self, rows: Collection[object]) -> bool:
        """Whether none of the rows bears a label or need be looked at: most rows, for most actors."""
        if self.each:
            return self.always
        return not any(any(map(attrgetter(name), rows)) for name in LABELS.get(self.kind, ()))

    def of_row(self, row: object) -> Labels:
        """What the row's labels come to, with what the classifier finds where it is asked."""
        found = labels_of(self.kind, row)
        return found.plus(sensitivities_of(self.kind, row)) if self.is_classified else found

    def withholds(self, row: Labels, named: tuple[Coding, ...] = ()) -> str | None:
        """The rule that withholds a row with such labels; *named* are those that a consent clears."""
        is_raised = named and self.cleared.audience in RAISED_BY_CONSENT
        given = labels(named) if is_raised else _NONE
        if row.exceeds(self.cleared.level) and row.exceeds(given.level):
            return LABEL_CONFIDENTIALITY
        if not row.sensitivities <= self.cleared.sensitivities | widened(given.sensitivities):
            return LABEL_SENSITIVITY
        if not all(self._is_open(code, given) for code in row.handling):
            return LABEL_HANDLING
        return None

    def _is_open(self, code: str, given: Labels) -> bool:
        line = HANDLED[code]
        audience = self.cleared.audience
        return audience in line.open_to or (audience in line.by_consent and code in given.handling)


_NONE = Labels("U")


class Verdict(NamedTuple):
    """What becomes of a row: the rule that withholds it, if one does.

    `is_part_2`: it is disclosed, and the notice of 42 CFR 2.32 goes with it.
    """

    withheld: str | None = None
    is_part_2: bool = False


SHOWN = Verdict()


@dataclass(frozen=True, slots=True)
class RowConditions:
    """What a row of one resource type must pass to be known to one actor.

    `asking` is how consents see the actor; None where no consent can bind them. `emergency` lifts consents
    and labels for its patient's rows, but for what 42 CFR Part 2 protects, unless that is documented too, and
    for psychotherapy notes: those need the patient's own authorization (45 CFR 164.508(a)(2)).
    `attributes` are those of the record that must be there; `detail`, those that consents which look at the
    row need beside them.
    """

    rule: RowRule
    labels: LabelRule
    asking: Asking | None
    emergency: Emergency | None = None

    @property
    def attributes(self) -> frozenset[str]:
        whole = self.detail if self.asking is not None and self.labels.kind in FROM_THE_PMS else frozenset()
        return self.rule.attributes | self.labels.attributes | whole

    @property
    def detail(self) -> frozenset[str]:
        return _detail(self.labels.kind)

    @property
    def admits_nothing(self) -> bool:
        """Whether no row can pass, whatever is in it: then nobody is asked."""
        return not self.rule.clauses

    def shows_all(self, rows: Collection[object]) -> bool:
        """Whether all rows pass that no consent has a say in, without a look at each of them.

        False where that can't be told.
        """
        try:
            return self.rule.always and self.labels.plain(rows)
        except Exception:  # noqa: BLE001 - which row raises is found out one by one
            return False

    def of_patient(self, patient: PatientId, consents: Sequence[Consent]) -> Answer:
        """What the patient's consents say of all their rows of the type; BY_ROW, if it takes the row."""
        if self.asking is None:
            return IMPLIED
        said = answer(consents, self.asking)
        is_lifted = self.emergency is not None and self.emergency.concerns(patient)
        return Answer(Says.BY_ROW) if is_lifted and said.says is not Says.NOTHING else said

    def judge(
        self, row: object, owner: PatientId | None, said: Answer, consents: Sequence[Consent]
    ) -> Verdict:
        """Whether the row passes; *said* is what `of_patient` found of its owner's *consents*."""
        if not self.rule.admits(row, owner):
            return Verdict(OUT_OF_REACH)
        if owner is None and self._discloses():
            return Verdict(OWNER_UNKNOWN)
        try:
            if said.says is Says.NOTHING and self.labels.plain((row,)):
                return SHOWN
            return self._lifted(row, owner) or self._looked_at(row, said, consents)
        except Exception:  # noqa: BLE001 - a condition that raises is a no
            return Verdict(ROW_RULE_RAISED)

    def _discloses(self) -> bool:
        """Whether to show a patient's row is to disclose it, so that a consent must be asked for: whose?"""
        return self.asking is not None and self.asking.audience in OUTSIDE

    def _lifted(self, row: object, owner: PatientId | None) -> Verdict | None:
        emergency = self.emergency
        if emergency is None or not emergency.concerns(owner):
            return None
        handling = labels_of(self.labels.kind, row).handling
        if PSYCHOTHERAPY in handling:
            return None
        is_part_2 = PART_2 in handling
        return Verdict(None, is_part_2) if emergency.part2 or not is_part_2 else None

    def _looked_at(self, row: object, said: Answer, consents: Sequence[Consent]) -> Verdict:
        if said.says is Says.BY_ROW and self.asking is not None:
            said = answer(consents, self.asking, Facts.of(self.labels.kind, row))
        if said.says not in (Says.NOTHING, Says.PERMIT):
            return Verdict(CONSENT_DENIES if said.says is Says.DENY else CONSENT_UNREADABLE)
        found = self.labels.of_row(row)
        withheld = None if self.labels.always else self.labels.withholds(found, said.cleared)
        is_disclosed = withheld is None and self.labels.cleared.audience is not Audience.PATIENT
        return Verdict(withheld, is_disclosed and PART_2 in found.handling)


IMPLIED = Answer(Says.NOTHING)
"""What holds without a consent on record: the base policy takes no more away."""


def conditions(
    kind: str, rule: RowRule, cleared: Clearance, asking: Asking | None, emergency: Emergency | None
) -> RowConditions:
    """The conditions for a type's rows; consents have no say in what belongs to no patient."""
    bound = None if kind in DIRECTORY else asking
    return RowConditions(rule, _label_rule(kind, cleared), bound, emergency)


@lru_cache(maxsize=1024)
def _label_rule(kind: str, cleared: Clearance) -> LabelRule:
    return LabelRule.of(kind, cleared)


@lru_cache(maxsize=1024)
def _detail(kind: str) -> frozenset[str]:
    return frozenset(name for table in (LABELS, CODES, DATES) for name in table.get(kind, ()))
