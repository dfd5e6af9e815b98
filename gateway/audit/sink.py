"""Where records go: what the house asks of a sink, and how one says that it can't."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gateway.audit.chain import Head
from gateway.audit.entries import PlanRef


class AuditUnavailable(Exception):
    """A record could not be made durable. *why* is a class of error, never a text that may hold a value.

    What was asked to be recorded may be in the trail nevertheless, where the sink answered too late.
    """

    def __init__(self, why: str) -> None:
        super().__init__(f"the audit trail cannot be written: {why}")
        self.why = why


class Item(NamedTuple):
    """One record as it is stored, and the plan it refers to."""

    body: bytes
    plan: PlanRef | None


class Sink(Protocol):
    """Keeps records for good. All calls come from one thread at a time, and may block."""

    def append(self, items: Sequence[Item]) -> Head:
        """Put the records at the end, all or none, and return once they are durable: the new end.

        Raises:
            AuditUnavailable: they could not be; a later call may work.
        """
        ...

    def close(self) -> None:
        """Let go of what is held open. A later call may open it again."""
        ...
