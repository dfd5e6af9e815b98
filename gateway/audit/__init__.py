"""The audit trail: one record an operation, chained by hash, committed before the answer leaves."""

from gateway.audit.auditing import Audit
from gateway.audit.chain import Seals
from gateway.audit.choosing import configured
from gateway.audit.coordinates import Coordinates, of_document, of_plan
from gateway.audit.entries import OVERRIDE, Entry, Outcome, Planned, PlanRef, Record
from gateway.audit.memory import MemorySink
from gateway.audit.sink import AuditUnavailable, Sink
from gateway.audit.sqlite import SqliteSink

__all__ = [
    "OVERRIDE",
    "Audit",
    "AuditUnavailable",
    "Coordinates",
    "Entry",
    "MemorySink",
    "Outcome",
    "PlanRef",
    "Planned",
    "Record",
    "Seals",
    "Sink",
    "SqliteSink",
    "configured",
    "of_document",
    "of_plan",
]
