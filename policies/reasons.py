"""The ids that decisions give as reasons, beside those of the boundary's rules; and what each one says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UNCLASSIFIED = "unclassified"
RULE_RAISED = "rule-raised"
PURPOSE_NOT_PERMITTED = "purpose-not-permitted"
SCOPE_HELD = "scope-held"
SCOPE_MISSING = "scope-missing"
MASK_MISSING = "mask-missing"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        UNCLASSIFIED: "Denied: no rule knows the field.",
        RULE_RAISED: "Denied: a rule could not be evaluated.",
        PURPOSE_NOT_PERMITTED: "Denied: the audience may not ask for the stated purpose.",
        SCOPE_MISSING: "Denied: the token lacks a scope the field needs.",
        SCOPE_HELD: "The token holds the scopes the field needs.",
        MASK_MISSING: "Denied: the boundary masks the data class, and the field has no mask.",
    }
)


def masked_by(mask_id: str) -> str:
    """The reason that names the mask a value is shown through, such as `mask-year`."""
    return f"mask-{mask_id}"
