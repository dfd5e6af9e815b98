"""A trail wherever it is kept: a directory, one of its files, or a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.audit.trail import CHECKPOINTS, Part, TrailMissing, files, opened
from gateway.configuration import Secret, SettingsError
from gateway.settings import Audit as Settings

DRIVER_MISSING = "the driver for PostgreSQL is not installed; install caregraph[postgresql]"


class Trail(Protocol):
    """What there is to read. `is_all`: nothing of it lies elsewhere. `checkpoints`: the file beside it."""

    @property
    def is_all(self) -> bool: ...

    @property
    def checkpoints(self) -> Path | None: ...

    def parts(self) -> Iterator[Part]:
        """Its parts in order; each can be read until the next one is asked for.

        Raises:
            TrailMissing: there is none.
            TrailUnreachable: it can't be got at.
            TrailUnreadable: it is damaged.
        """
        ...


@dataclass(frozen=True)
class InFiles:
    """The trail in that directory, or that part of it."""

    path: Path

    @property
    def is_all(self) -> bool:
        return self.path.is_dir()

    @property
    def checkpoints(self) -> Path | None:
        return (self.path if self.path.is_dir() else self.path.parent) / CHECKPOINTS

    def parts(self) -> Iterator[Part]:
        try:
            found = files(self.path)
        except FileNotFoundError:
            raise TrailMissing(str(self.path)) from None
        for file in found:
            with opened(file) as part:
                yield part


@dataclass(frozen=True)
class InPostgres:
    """The trail in that database; *directory* is where a gateway on this host keeps its checkpoints."""

    url: Secret
    directory: Path | None = None
    is_all = True

    @property
    def checkpoints(self) -> Path | None:
        return self.directory / CHECKPOINTS if self.directory is not None else None

    def parts(self) -> Iterator[Part]:
        try:
            from gateway.audit import postgresql_trail
        except ImportError:
            raise SettingsError([DRIVER_MISSING]) from None
        with postgresql_trail.opened(self.url.reveal()) as part:
            yield part


def named(settings: Settings) -> Trail:
    """The trail that a gateway of these settings writes.

    Raises:
        SettingsError: it writes none that outlives it.
    """
    if settings.sink == "memory":
        raise SettingsError(
            ["`audit.sink` is memory, which ends with the gateway; name a directory or a --url"]
        )
    if settings.sink == "postgresql" and settings.url is not None:
        return InPostgres(settings.url, Path(settings.directory))
    return InFiles(Path(settings.directory))
