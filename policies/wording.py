"""What the ids of rules say, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policies.actor import Audience
from policies.boundary import BOUNDARY, rule
from policies.classification import DataClass
from policies.clearance import CLEARANCES, Clearance, Clearing, clearance
from policies.conditions import RowConditions
from policies.labels import LEVELS
from policies.masks import MASKS
from policies.reasons import MEANINGS, masked_by
from policies.rows import Clause, RowRule

WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{cell.id: cell.because for cell in BOUNDARY.values()},
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
LEVEL_WORDS = ("unrestricted", "low", "moderate", "normal", "restricted", "very restricted")
LEVEL_NAMES = dict(zip(LEVELS, LEVEL_WORDS, strict=True))


def _condition(clause: Clause) -> str:
    parts = ["of the patient that the token is for"] if clause.bound else []
    parts += [f"with {name}={value}" for name, value in clause.query]
    return f"Rows {' and '.join(parts)}." if parts else EVERY_ROW


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
    """Whether the clearance is the one that the line of the table gives for some purpose."""
    return any(clearance(line.audience, purpose) == cleared for purpose in line.purposes)
