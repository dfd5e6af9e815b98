"""What becomes of what sources send and is refused, by the settings."""

from __future__ import annotations

from gateway.audit.choosing import secret_of
from gateway.audit.pseudonyms import Pseudonyms
from gateway.quarantine import Quarantining, Store
from gateway.settings import Settings
from gateway.telemetry import Metrics


def quarantining(settings: Settings, metrics: Metrics) -> Quarantining:
    """The quarantine of these settings."""
    path = settings.quarantine.path()
    pseudonyms = Pseudonyms(secret_of(settings).reveal().encode())

    def pseudonym(source: str, kind: str, record: str) -> str:
        if kind == "Patient":
            return pseudonyms.patient(record)
        return pseudonyms.record("\n".join((source, kind, record)))

    return Quarantining(None if path is None else Store(path), metrics, pseudonym)
