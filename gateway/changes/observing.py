"""What is told of changes on their way, for metrics: counts and times, and nothing of a record."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """What became of a change that a source told; the values are safe as labels of a metric."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    DEAD = "dead"


class Observer(Protocol):
    """Whoever wants to know; it must not raise."""

    def on_change(self, source: str, outcome: Outcome) -> None:
        """A change of that source was taken in, or not."""
        ...

    def on_poll(self, source: str, answered: bool) -> None:
        """One round of asking a source ended; *answered*: all it told is in the log."""
        ...

    def on_unreadable(self) -> None:
        """An entry of the log was left out, because it is none of ours."""
        ...

    def on_gap(self) -> None:
        """A subscriber was told that changes are missing."""
        ...

    def on_overflow(self) -> None:
        """A subscriber took too little too slowly, and goes on by reading the log itself."""
        ...

    def on_subscribers(self, count: int) -> None:
        """There are now so many."""
        ...

    def on_lag(self, seconds: float) -> None:
        """A change reached the subscribers so long after the gateway learned of it."""
        ...


class Unobserved:
    """The observer that looks away."""

    def on_change(self, source: str, outcome: Outcome) -> None: ...

    def on_poll(self, source: str, answered: bool) -> None: ...

    def on_unreadable(self) -> None: ...

    def on_gap(self) -> None: ...

    def on_overflow(self) -> None: ...

    def on_subscribers(self, count: int) -> None: ...

    def on_lag(self, seconds: float) -> None: ...
