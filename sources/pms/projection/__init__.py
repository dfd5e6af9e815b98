"""A practice's records, kept here because its system only tells and cannot be asked."""

from sources.pms.projection.entries import Booking, Charted, Merged
from sources.pms.projection.leading import Leading
from sources.pms.projection.practice import BilledPractice, ProjectedPractice
from sources.pms.projection.quarantine import Quarantine
from sources.pms.projection.store import Store
from sources.pms.projection.upkeep import Keeping, age
from sources.pms.projection.writing import Ledger, Outcome

__all__ = [
    "BilledPractice",
    "Booking",
    "Charted",
    "Keeping",
    "Leading",
    "Ledger",
    "Merged",
    "Outcome",
    "ProjectedPractice",
    "Quarantine",
    "Store",
    "age",
]
