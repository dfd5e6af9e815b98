"""What the ids of rules say, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policies.actor import Audience
from policies.boundary import BOUNDARY, rule
from policies.classification import DataClass
from policies.masks import MASKS
from policies.reasons import MEANINGS, masked_by

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
