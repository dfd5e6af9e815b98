"""What the ids of rules say, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policies.actor import Audience
from policies.boundary import rule
from policies.classification import DataClass
from policies.clearance import CLEARANCES, Clearance, Clearing, clearance
from policies.conditions import RowConditions
from policies.masks import MASKS
from policies.reasons import MEANINGS, masked_by
from policies.rows import Clause, RowRule

WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{(cell := rule(audience, data)).id: cell.because for audience in Audience for data in DataClass},
        **{masked_by(mask.id): mask.meaning for mask in MASKS.values()},
        **MEANINGS,
    }
)
"""By id: why a line of the boundary is as it is, what a mask leaves, what any other reason means."""


def meaning(reason: str) -> str:
    """What a reason of a decision says."""
    return WORDS.get(reason, f"The rule `{reason}` says so.")


def conditions(rule: RowRule) -> tuple[str, ...]:
    """The conditions on which a row may be known of: one must hold. `NO_ROW` alone where none ever does."""
    if rule.always:
        return (EVERY_ROW,)
    return tuple(dict.fromkeys(map(_condition, rule.clauses))) or (NO_ROW,)


EVERY_ROW = "Every row."
NO_ROW = "No row: the token has no scope that reaches one."
LEVEL_NAMES = {
    "U": "unrestricted",
    "L": "low",
    "M": "moderate",
    "N": "normal",
    "R": "restricted",
    "V": "very restricted",
}


def _condition(clause: Clause) -> str:
    parts = ["of the patient that the token is for"] if clause.bound else []
    parts += [f"with {name}={value}" for name, value in clause.query]
    return f"Rows {' and '.join(parts)}."


def withheld(rows: RowConditions) -> tuple[str, ...]:
    """What keeps rows back that scopes reach: labels, consents; and what an emergency lifts of that."""
    if rows.admits_nothing:
        return ()
    said = [_by_labels(rows.labels.cleared)]
    if rows.asking is not None:
        said.append("Where consents are kept: what the patient's consent withholds from you.")
    if rows.emergency is not None:
        said.append(
            "Of the emergency's patient: only what is protected by 42 CFR Part 2, if that is not lifted."
        )
    return tuple(said)


def _by_labels(cleared: Clearance) -> str:
    lines = (line.because for line in CLEARANCES if _gives(line, cleared))
    because = next(lines, "No line of the table clears this audience for this purpose.")
    level = LEVEL_NAMES[cleared.level]
    return f"What is labelled as more confidential than {level}, or as about more: {because}"


def _gives(line: Clearing, cleared: Clearance) -> bool:
    """Whether the clearance is the one that the line of the table gives: the same for all its purposes."""
    return clearance(line.audience, line.purposes[0]) == cleared
