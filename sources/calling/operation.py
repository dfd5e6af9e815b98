"""Owns what the calls made for one operation share: by when, for whom, in which trace, and their tally."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sources.calling.tally import Tally


class Operation:
    """One operation under way.

    `deadline` is when its calls must be over, on the loop's clock. `whose` stands for the actor and the
    grant: only calls of equal ones are ever joined, and None joins none. `traceparent` goes upstream (W3C
    Trace Context); it holds ids and nothing else.
    """

    __slots__ = ("deadline", "tally", "traceparent", "whose")

    def __init__(self, deadline: float | None, whose: Hashable | None, traceparent: str | None) -> None:
        self.deadline = deadline
        self.whose = whose
        self.traceparent = traceparent
        self.tally = Tally()


_current: ContextVar[Operation | None] = ContextVar("operation", default=None)


@contextmanager
def operating(
    *, deadline: float | None = None, whose: Hashable | None = None, traceparent: str | None = None
) -> Iterator[Operation]:
    """The operation that calls made inside it belong to, by this task and by those it starts there."""
    operation = Operation(deadline, whose, traceparent)
    token = _current.set(operation)
    try:
        yield operation
    finally:
        _current.reset(token)


@contextmanager
def tallied() -> Iterator[Tally]:
    """Counts the calls made inside it, for who has no operation to tell of them."""
    with operating() as operation:
        yield operation.tally


def current_operation() -> Operation | None:
    """The operation under way in this task, if there is one."""
    return _current.get()
