"""The sandbox's data: one practice's patients in three systems under three identifiers."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sandbox.generator.calendar import TIME_ZONE
from sandbox.generator.population import populate
from sandbox.records import (
    IDENTIFIER_TYPES,
    MRN_SYSTEM,
    NPI_SYSTEM,
    VISIT_SYSTEM,
    Contact,
    Dataset,
    Json,
    Pms,
    Resource,
    care_key,
)

__all__ = [
    "IDENTIFIER_TYPES",
    "MRN_SYSTEM",
    "NPI_SYSTEM",
    "VISIT_SYSTEM",
    "Contact",
    "Dataset",
    "Json",
    "Pms",
    "Resource",
    "care_key",
    "generate",
]


def generate(patients: int = 100, seed: int = 7, today: date | None = None) -> Dataset:
    """Makes *patients* patients and their practice; the same arguments give the same data.

    Past and future are seen from *today*, by default the practice's calendar day. The first patient has
    something of every kind; every 17th has no appointment, every 23rd no CRM contact, every 29th has died.
    """
    return populate(patients, seed, today or datetime.now(ZoneInfo(TIME_ZONE)).date())
