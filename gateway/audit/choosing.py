"""The audit as the settings want it."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.auditing import Audit
from gateway.audit.chain import Seals
from gateway.audit.memory import MemorySink
from gateway.audit.sink import Sink
from gateway.audit.sqlite import SqliteSink
from gateway.settings import Audit as Settings


def configured(settings: Settings, policy_version: str, fallback: bytes) -> Audit:
    """The audit for those settings; *fallback* is the secret where they name none. Nothing is opened yet."""
    secret = settings.secret.reveal().encode() if settings.secret is not None else fallback
    return Audit(_sink(settings, Seals(secret)), secret, policy_version, timeout_s=settings.timeout_s)


def _sink(settings: Settings, seals: Seals) -> Sink:
    if settings.sink == "memory":
        return MemorySink(seals)
    return SqliteSink(Path(settings.directory), seals, full=settings.records_per_file)
