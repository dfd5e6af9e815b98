"""The ids that decisions give as reasons, beside those of the boundary's rules; and what each one says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UNCLASSIFIED = "unclassified"
RULE_RAISED = "rule-raised"
PURPOSE_NOT_PERMITTED = "purpose-not-permitted"
CONFINED = "confined-to-one-patient"
SCOPE_HELD = "scope-held"
SCOPE_MISSING = "scope-missing"
MASK_MISSING = "mask-missing"
OUT_OF_REACH = "row-out-of-reach"
CONSENT_DENIES = "consent-denies"
CONSENT_UNREADABLE = "consent-unreadable"
LABEL_CONFIDENTIALITY = "label-confidentiality"
LABEL_SENSITIVITY = "label-sensitivity"
LABEL_HANDLING = "label-handling"
OWNER_UNKNOWN = "row-owner-unknown"
ROW_RULE_RAISED = "row-rule-raised"

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        UNCLASSIFIED: "Denied: no rule knows the field.",
        RULE_RAISED: "Denied: a rule could not be evaluated.",
        PURPOSE_NOT_PERMITTED: "Denied: the audience may not ask for the stated purpose.",
        CONFINED: "Denied: the token is for one patient, and the field tells of all of them together.",
        SCOPE_MISSING: "Denied: the token lacks a scope the field needs.",
        SCOPE_HELD: "The token holds the scopes the field needs.",
        MASK_MISSING: "Denied: the boundary masks the data class, and the field has no mask.",
    }
)

WITHHELD: Mapping[str, str] = MappingProxyType(
    {
        OUT_OF_REACH: "The token's scopes do not reach the row.",
        CONSENT_DENIES: "A consent of the patient denies it.",
        CONSENT_UNREADABLE: "A consent of the patient says something that can't be evaluated.",
        LABEL_CONFIDENTIALITY: "The row is more confidential than the audience is cleared for.",
        LABEL_SENSITIVITY: "The row tells of something the audience is not cleared for.",
        LABEL_HANDLING: "A handling code of the row closes it to the audience.",
        OWNER_UNKNOWN: "Whose row it is, and so whose consent is asked for, is not known.",
        ROW_RULE_RAISED: "A condition could not be evaluated.",
    }
)
"""The ids of the conditions that withhold a row; the audit counts them."""


def masked_by(mask_id: str) -> str:
    """The reason that names the mask a value is shown through, such as `mask-year`."""
    return f"mask-{mask_id}"
