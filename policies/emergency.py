"""An emergency: for whom the glass is broken, and how long (v3 ActReason `BTG`)."""

from __future__ import annotations

from dataclasses import dataclass

from sources.model import PatientId

BREAK_GLASS = "BTG"
"""Break-glass as a purpose of use; recorded, never stated: it is declared with a reason, for one patient."""

LONGEST_S = 15 * 60
"""An emergency lapses this long after it was declared."""


@dataclass(frozen=True, slots=True, repr=False)
class Emergency:
    """One patient's emergency, declared by one actor. `until` is in seconds since the epoch.

    For that patient's rows it lifts consent, sensitivity labels and limits of purpose; never scopes, the
    boundary, or another patient's protection. `part2`: a medical emergency is documented (42 CFR 2.51), so
    that it lifts what 42 CFR Part 2 protects too. `declared` is the trace id under which it was declared.
    """

    patient: PatientId
    until: float
    part2: bool
    declared: str

    def concerns(self, owner: PatientId | None) -> bool:
        """Whether a row of *owner* is the patient's it was declared for."""
        return owner == self.patient

    def is_over(self, now: float) -> bool:
        """Whether it has lapsed at *now*; what is no number has."""
        return not now < self.until

    def __repr__(self) -> str:
        """Without the patient, so that none reaches a log."""
        return f"Emergency(part2={self.part2!r})"
