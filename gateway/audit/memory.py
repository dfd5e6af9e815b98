"""A trail in this process, gone with it: for tests and trials."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from gateway.audit.chain import Head, Seals, Span, beginning
from gateway.audit.entries import Record
from gateway.audit.sink import Item
from gateway.audit.trail import Part, Stored


class MemorySink:
    """Keeps everything it is given."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals
        self._chain = secrets.token_hex(8)
        self._head = beginning(self._chain)
        self._stored: list[Stored] = []
        self._plans: dict[str, bytes] = {}

    def append(self, items: Sequence[Item]) -> Head:
        for body, plan in items:
            self._head = self._head.then(body)
            self._stored.append(Stored(self._head.seq, self._head.hash, body))
            if plan is not None:
                self._plans[plan.digest] = plan.body
        return self._head

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def records(self) -> list[Record]:
        """What was recorded, in order."""
        return [stored.record() for stored in self._stored]

    @property
    def part(self) -> Part:
        """The trail, as it is verified."""
        span = Span(self._chain, beginning(self._chain), self._head, is_closed=False)
        return Part("memory", span, self._seals.of(span), self._plans, self._stored)
