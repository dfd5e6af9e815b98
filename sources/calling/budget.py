"""Owns how many calls may be retries: a source that struggles is not asked a multiple of what it fails at."""

from __future__ import annotations


class RetryBudget:
    """Allows *burst* retries, and one more for every 1/*ratio* calls; it saves up no more than *burst*."""

    def __init__(self, ratio: float, burst: int) -> None:
        self._ratio = ratio
        self._burst = float(burst)
        self._left = float(burst)

    def called(self) -> None:
        """A call begins that is no retry."""
        self._left = min(self._burst, self._left + self._ratio)

    def spend(self) -> bool:
        """Whether a retry may be made; it counts as made."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
