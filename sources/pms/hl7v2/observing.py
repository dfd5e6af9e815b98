"""Owns what is told of messages that come, to whoever counts them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Protocol, runtime_checkable


class Outcome(Enum):
    """What became of a message; the values are safe as labels of a metric."""

    APPLIED = "applied"
    STALE = "stale"
    IDLE = "idle"
    """It was taken, and is of no patient's appointment or nothing new."""
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """A number that came with another content before: the sender counts wrong, or someone else sends."""
    REFUSED = "refused"
    NOT_NOW = "not_now"
    TOO_LONG = "too_long"


@runtime_checkable
class Observer(Protocol):
    """Whoever wants to know; it must not raise, and what it is told holds no value of any record."""

    def on_message(self, source: str, outcome: Outcome) -> None: ...


class Observers:
    """All who want to know of the messages to *source*, among those who want to know of something."""

    def __init__(self, source: str, observers: Iterable[object] = ()) -> None:
        self._source = source
        self._observers = [one for one in observers if isinstance(one, Observer)]

    def saw(self, outcome: Outcome) -> None:
        for one in self._observers:
            one.on_message(self._source, outcome)
