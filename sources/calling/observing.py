"""Owns what is told of upstream calls: to observers (metrics, spans), and to the operation that made them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Protocol


class Outcome(Enum):
    """How one exchange with a source ended; the values are safe as labels of a metric."""

    ANSWERED = "answered"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


class Observer(Protocol):
    """Whoever wants to know; it must not raise, and what it is told holds no value of any record."""

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None:
        """One exchange ended; a retry is another one. *size* is the answer's, in bytes."""
        ...

    def on_misread(self, source: str, why: str) -> None:
        """The source sent what does not conform; *why* names the field."""
        ...

    def on_foreign(self, source: str, kind: str, rows: int) -> None:
        """The source sent *rows* rows of a *kind* that were not asked for; they were dropped."""
        ...


class Tally:
    """How many exchanges there were with each source, and how many bytes came back."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """The exchanges with all sources together."""
        return self.calls.total()

    def add(self, source: str, size: int) -> None:
        self.calls[source] += 1
        self.bytes[source] += size


_tally: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallied() -> Iterator[Tally]:
    """Counts the exchanges made inside it, by this task and by those it starts there."""
    tally = Tally()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


def current_tally() -> Tally | None:
    """The tally of the operation under way, if it keeps one."""
    return _tally.get()
