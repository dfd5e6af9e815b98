"""What the ids of rules say, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policies.actor import Audience
from policies.boundary import BOUNDARY, rule
from policies.classification import DataClass
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


def _condition(clause: Clause) -> str:
    parts = ["of the patient that the token is for"] if clause.bound else []
    parts += [f"with {name}={value}" for name, value in clause.query]
    return f"Rows {' and '.join(parts)}." if parts else EVERY_ROW
