"""How long to wait after failures in a row."""

from __future__ import annotations

import random


class Backoff:
    """Waits that double from *first_s* up to *most_s*, each drawn from its upper half."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = max(first_s, most_s)
        self._next_s = first_s

    def failed(self) -> float:
        """Seconds to wait after one more failure."""
        bound = min(self._next_s, self._most_s)
        self._next_s = bound * 2
        # Spreads processes over time; nothing secret depends on it.
        return bound * random.uniform(0.5, 1.0)  # noqa: S311

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self._next_s = self._first_s
