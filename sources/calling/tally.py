"""Owns what an operation asked of each source, and how that went: counts and times, nothing of a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable


class Status(Enum):
    """How a source did for one operation."""

    OK = "ok"
    DEGRADED = "degraded"
    """It answered some questions and failed at others."""
    MISREAD = "misread"
    """What it sent does not conform, all of it or some records."""
    STALE = "stale"
    """It answered by what it told last, too long ago: it cannot be asked."""
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"


_STATUS: dict[type[SourceError], Status] = {
    SourceMisread: Status.MISREAD,
    SourceRejected: Status.REJECTED,
    SourceTimeout: Status.TIMEOUT,
    SourceUnavailable: Status.UNAVAILABLE,
}
"""What a failed question says of its source; where several failed, the last one in this table counts."""

_ORDER = list(_STATUS.values())


class SourceTally:
    """One source: `calls` exchanges, `bytes` and `rows` that came back, `seconds` of the longest question.

    A question is what an adapter asked for: it may take several calls, or none if an equal question of the
    same actor was under way. `as_of` is when a source told last that cannot be asked, and `is_stale` whether
    that is too long ago.
    """

    __slots__ = (
        "_failed",
        "_is_cut",
        "_is_misread",
        "_questions",
        "_worst",
        "as_of",
        "bytes",
        "calls",
        "is_stale",
        "rows",
        "seconds",
    )

    def __init__(self) -> None:
        self.calls = 0
        self.bytes = 0
        self.rows = 0
        self.seconds = 0.0
        self.as_of: str | None = None
        self.is_stale = False
        self._questions = 0
        self._failed = 0
        self._worst = Status.OK
        self._is_misread = False
        self._is_cut = False

    def called(self, size: int) -> None:
        """One exchange ended; *size* is the answer's, in bytes."""
        self.calls += 1
        self.bytes += size

    def answered(self, seconds: float) -> None:
        """A question was answered."""
        self._questions += 1
        self.seconds = max(self.seconds, seconds)

    def failed(self, error: SourceError, seconds: float) -> None:
        """A question was not answered."""
        self.answered(seconds)
        self._failed += 1
        self._worsen(error)

    def _worsen(self, error: SourceError) -> None:
        status = _status_of(error)
        if self._worst is Status.OK or _ORDER.index(status) > _ORDER.index(self._worst):
            self._worst = status

    def misread(self) -> None:
        """An answer, or a record in it, does not conform."""
        self._is_misread = True

    def told(self, error: SourceError) -> None:
        """Somebody is told of *error*: what was made of an answer counts as well as what became of a call."""
        if isinstance(error, SourceMisread):
            self.misread()
        else:
            self._questions = max(self._questions, 1)
            self._failed = max(self._failed, 1)
            self._worsen(error)

    def cut(self) -> None:
        """There was more than was read, or rows were dropped."""
        self._is_cut = True

    @property
    def status(self) -> Status:
        """How it did."""
        if self._failed:
            return self._worst if self._failed == self._questions else Status.DEGRADED
        if self._is_misread:
            return Status.MISREAD
        return Status.STALE if self.is_stale else Status.OK

    @property
    def complete(self) -> bool:
        """Whether all that was asked for came."""
        return not (self._failed or self._is_misread or self._is_cut)


def _status_of(error: SourceError) -> Status:
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), Status.UNAVAILABLE)


class Tally:
    """What one operation asked of each source, in the order in which it first asked them."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceTally] = {}

    def of(self, source: str) -> SourceTally:
        """The tally of one source."""
        found = self.sources.get(source)
        if found is None:
            found = self.sources[source] = SourceTally()
        return found

    def told(self, errors: Iterable[SourceError]) -> None:
        """The errors of sources that an answer tells of: none of these has done well, or told all."""
        for error in errors:
            self.of(error.source).told(error)

    @property
    def calls(self) -> Mapping[str, int]:
        """The exchanges with each source that was called."""
        return {name: source.calls for name, source in self.sources.items() if source.calls}

    @property
    def total(self) -> int:
        """The exchanges with all sources together."""
        return sum(source.calls for source in self.sources.values())

    @property
    def complete(self) -> bool:
        """Whether all that was asked for came, from every source."""
        return all(source.complete for source in self.sources.values())
