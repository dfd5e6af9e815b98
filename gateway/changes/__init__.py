"""Changes on their way from the sources to the subscribers: intake, log, hub. Policy is not decided here."""

from gateway.changes.hub import Hub, HubStopped
from gateway.changes.intake import Intake, PatientsUnanswered, ResolvePatients
from gateway.changes.log import Batch, DeadLetter, Gap, Log, LogUnavailable, Unresolved
from gateway.changes.memory import MemoryLog
from gateway.changes.observing import Observer, Outcome, Unobserved
from gateway.changes.place import CursorMalformed
from gateway.changes.redis_streams import RedisLog, connected
from gateway.changes.worker import Poller

__all__ = [
    "Batch",
    "CursorMalformed",
    "DeadLetter",
    "Gap",
    "Hub",
    "HubStopped",
    "Intake",
    "Log",
    "LogUnavailable",
    "MemoryLog",
    "Observer",
    "Outcome",
    "PatientsUnanswered",
    "Poller",
    "RedisLog",
    "ResolvePatients",
    "Unobserved",
    "Unresolved",
    "connected",
]
