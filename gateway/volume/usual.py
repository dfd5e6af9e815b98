"""Owns what is usual, by hour of the week a moving mean of requests and of records, and what is far above it.

Pure; hours are counted from the epoch. An hour that was never seen has no mean, so that nothing is alarmed at
a cold start.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

WEEK = 168
_UNKNOWN = -1.0
_WEIGHT = 0.3
"""How much of a mean its newest hour is: after four weeks three quarters of it are theirs."""


class Measure(IntEnum):
    """What is counted."""

    REQUESTS = 0
    RECORDS = 1


@dataclass(frozen=True)
class Bounds:
    """An hour is not normal from `times` its usual count on, and never below the least of a measure."""

    times: float = 10.0
    least_requests: int = 100
    least_records: int = 1_000

    def least(self, measure: Measure) -> int:
        """The count below which nothing is alarmed."""
        return self.least_requests if measure is Measure.REQUESTS else self.least_records


class Alarm(NamedTuple):
    """An hour's count has come to *bound*; *usual* is the count of such an hour."""

    measure: Measure
    bound: float
    usual: float


class Track:
    """What one client did, or one source gave. Its size does not depend on how much that is."""

    __slots__ = ("_alarmed", "_bounds", "_counts", "_usual", "hour")

    def __init__(self, hour: int, bounds: Bounds) -> None:
        self.hour = hour
        self._bounds = bounds
        self._counts = [0, 0]
        self._alarmed: set[Measure] = set()
        self._usual = tuple(array("d", [_UNKNOWN] * WEEK) for _ in Measure)

    @property
    def is_alarmed(self) -> bool:
        """Whether the hour that was last added to is not normal."""
        return bool(self._alarmed)

    def usual(self, measure: Measure) -> float | None:
        """The usual count of the hour that was last added to; None if there is none yet."""
        mean = self._usual[measure][self.hour % WEEK]
        return None if mean == _UNKNOWN else mean

    def add(self, hour: int, requests: int, records: int) -> list[Alarm]:
        """Counts them for *hour*; the alarms that they raise, each once an hour."""
        # A clock that is put back a little must not end an hour twice.
        if hour > self.hour or hour < self.hour - 1:
            self.roll(hour)
        self._counts[Measure.REQUESTS] += requests
        self._counts[Measure.RECORDS] += records
        return list(self._raised())

    def roll(self, hour: int) -> None:
        """Learns the hour that is over, and those without anything up to *hour*.

        After a week without anything, or if the clock went back, only the hour that is over is learnt.
        """
        self._learn(self.hour, self._counts)
        if 1 < hour - self.hour <= WEEK:
            for idle in range(self.hour + 1, hour):
                self._learn(idle, (0, 0))
        self.hour = hour
        self._counts = [0, 0]
        self._alarmed.clear()

    def kept(self) -> list[list[float]]:
        """The means, for `restored`."""
        return [[round(mean, 3) for mean in means] for means in self._usual]

    @classmethod
    def restored(cls, hour: int, bounds: Bounds, kept: list[list[float]]) -> Track:
        """A track that knows what `kept` told; its counts begin anew.

        Raises:
            ValueError: it is not what `kept` gives.
        """
        track = cls(hour, bounds)
        if len(kept) != len(Measure) or any(len(means) != WEEK for means in kept):
            raise ValueError("a track has a mean for each hour of the week")
        if any(mean < 0 and mean != _UNKNOWN for means in kept for mean in means):
            raise ValueError("a mean is no count")
        track._usual = tuple(array("d", means) for means in kept)
        return track

    def _raised(self) -> Iterator[Alarm]:
        for measure in Measure:
            usual = self.usual(measure)
            if usual is None or measure in self._alarmed:
                continue
            bound = self._bound(usual, measure)
            if self._counts[measure] >= bound:
                self._alarmed.add(measure)
                yield Alarm(measure, bound, usual)

    def _bound(self, usual: float, measure: Measure) -> float:
        return max(self._bounds.times * usual, float(self._bounds.least(measure)))

    def _learn(self, hour: int, counts: tuple[int, int] | list[int]) -> None:
        for measure in Measure:
            means, at = self._usual[measure], hour % WEEK
            mean, count = means[at], float(counts[measure])
            if mean == _UNKNOWN:
                means[at] = count
                continue
            # An hour that is not normal teaches no more than the least that is alarmed.
            means[at] = mean + _WEIGHT * (min(count, self._bound(mean, measure)) - mean)
