"""Owns what observers (metrics, spans) are told of upstream calls."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from sources.calling.flaws import Flaw


class Outcome(Enum):
    """How one exchange with a source ended; the values are safe as labels of a metric."""

    ANSWERED = "answered"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class Event(Enum):
    """What happened around the calls to a source; the values are safe as labels of a metric."""

    RETRIED = "retried"
    RETRY_WITHHELD = "retry_withheld"
    """The retry budget is spent."""
    JOINED = "joined"
    """An equal question of the same actor was under way, and its answer was shared."""
    DELAYED = "delayed"
    """A call waited for its turn within the quota."""
    WITHHELD = "withheld"
    """A call was not made: its turn would have come after its deadline."""
    UP = "up"
    DOWN = "down"
    """It answers, or no longer does."""
    LEFT_ALONE = "left_alone"
    TAKEN_UP = "taken_up"
    """The circuit breaker opened, or closed again."""


class Observer(Protocol):
    """Whoever wants to know; it must not raise, and what it is told holds no value of any record."""

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None:
        """One exchange ended; a retry is another one. *size* is the answer's, in bytes."""
        ...

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        """The source sent what does not conform: an answer, or a record.

        *record* is the record's id in the source, if it told: for no text of any kind.
        """
        ...

    def on_event(self, source: str, event: Event) -> None:
        """Something happened around the calls to a source."""
        ...

    def on_foreign(self, source: str, kind: str, rows: int) -> None:
        """The source sent *rows* rows of a *kind* that were not asked for; they were dropped."""
        ...
