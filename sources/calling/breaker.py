"""Owns when a source is left alone: a circuit breaker, and whether the source answered lately."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


class Breaker:
    """Opens after *trip_after* failures in a row, for *rest_s* seconds; then lets one call through to see.

    *clock* gives seconds that never go back.
    """

    def __init__(self, trip_after: int, rest_s: float, clock: Callable[[], float]) -> None:
        self._trip_after = trip_after
        self._rest_s = rest_s
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether the source is being left alone, but for calls that are to see."""
        return self._opened is not None

    def admits(self) -> bool:
        """Whether a call may be made now; one that is let through must be told of when it ends."""
        if self._opened is None:
            return True
        if self._probing or self._clock() - self._opened < self._rest_s:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self._opened = None
        self._probing = False

    def failed(self) -> None:
        self._failures += 1
        self._probing = False
        if self._failures >= self._trip_after:
            self._opened = self._clock()

    def abandoned(self) -> None:
        """The call ended without telling anything of the source: its caller went away."""
        self._probing = False


class Standing:
    """Whether the last exchange that told anything was answered, and since when that is so."""

    def __init__(self) -> None:
        self.up = True
        self.since = _now()

    def saw(self, up: bool) -> bool:
        """Whether that is news."""
        if up is self.up:
            return False
        self.up = up
        self.since = _now()
        return True


def _now() -> str:
    return instant(datetime.now(UTC))


def instant(moment: datetime) -> str:
    """*moment* as an instant of FHIR, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
