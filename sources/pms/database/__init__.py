"""A practice's bare database, read with SELECT alone, behind the PMS ports."""

from sources.pms.database.connecting import DatabaseUnusable
from sources.pms.database.mapping import FIELDS, MappingUnusable, Table
from sources.pms.database.practice import DatabasePractice
from sources.pms.database.settings import DatabaseSettings
from sources.pms.database.transport import DatabaseTransport

__all__ = [
    "FIELDS",
    "DatabasePractice",
    "DatabaseSettings",
    "DatabaseTransport",
    "DatabaseUnusable",
    "MappingUnusable",
    "Table",
]
