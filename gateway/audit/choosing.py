"""The audit as the settings want it."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.auditing import Audit
from gateway.audit.chain import Seals
from gateway.audit.checkpoints import Checkpoints
from gateway.audit.memory import MemorySink
from gateway.audit.sink import Sink
from gateway.audit.sqlite import SqliteSink
from gateway.audit.trail import CHECKPOINTS
from gateway.audit.trails import DRIVER_MISSING
from gateway.configuration import Secret, SettingsError
from gateway.settings import Audit as Settings
from gateway.settings import Settings as All


def secret_of(settings: All) -> Secret:
    """What the pseudonyms and seals of a gateway of these settings are made with."""
    return settings.audit.secret or settings.keys.care_key_secret


def configured(settings: Settings, policy_version: str, fallback: bytes) -> Audit:
    """The audit for those settings; *fallback* is the secret where they name none. Nothing is opened yet.

    Raises:
        SettingsError: the driver of the database that they name is not installed.
    """
    secret = settings.secret.reveal().encode() if settings.secret is not None else fallback
    return Audit(_sink(settings, Seals(secret)), secret, policy_version, timeout_s=settings.timeout_s)


def _sink(settings: Settings, seals: Seals) -> Sink:
    if settings.sink == "memory":
        return MemorySink(seals)
    if settings.sink == "postgresql" and settings.url is not None:
        return _postgresql(settings.url, settings, seals)
    return SqliteSink(Path(settings.directory), seals, full=settings.records_per_file)


def _postgresql(url: Secret, settings: Settings, seals: Seals) -> Sink:
    try:
        from gateway.audit.postgresql import PostgresSink
    except ImportError:
        raise SettingsError([f"`audit.sink` is postgresql, but {DRIVER_MISSING}"]) from None
    checkpoints = Checkpoints(Path(settings.directory) / CHECKPOINTS, seals)
    return PostgresSink(url.reveal(), seals, checkpoints, timeout_s=settings.timeout_s)
