"""Owns how fast a source is asked: below the quotas we set, and below what it says is left to us."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sources.calling.allowance import Allowance, AllowanceReader

LONGEST_REST_S = 60.0
"""However long a source asks us to stay away, one call is let through to see after this time."""

_SLOTS = 32
"""How finely a period is divided: requests older than it by one part more may still count."""


@dataclass(frozen=True)
class Quota:
    """At most *requests* in any *per_s* seconds."""

    requests: int
    per_s: float


class Window:
    """Counts requests against one quota; its memory does not grow with them.

    Times are of one clock that never goes back.
    """

    def __init__(self, quota: Quota) -> None:
        self._limit = quota.requests
        self._slot_s = quota.per_s / _SLOTS
        self._slots: deque[tuple[int, int]] = deque()
        self._count = 0

    def wait(self, now: float) -> float:
        """Seconds until a request may be made, 0 if one may be made now."""
        slot = int(now / self._slot_s)
        while self._slots and self._slots[0][0] < slot - _SLOTS:
            self._count -= self._slots.popleft()[1]
        if self._count < self._limit:
            return 0.0
        return max(0.0, (self._slots[0][0] + _SLOTS + 1) * self._slot_s - now)

    def take(self, now: float) -> None:
        """A request is made."""
        slot = int(now / self._slot_s)
        self._count += 1
        if self._slots and self._slots[-1][0] >= slot:
            last, count = self._slots.pop()
            self._slots.append((last, count + 1))
        else:
            self._slots.append((slot, 1))


class Pace:
    """When the next request to one source may be made. *clock* gives seconds that never go back."""

    def __init__(
        self, quotas: Sequence[Quota], reader: AllowanceReader | None, clock: Callable[[], float]
    ) -> None:
        self._windows = [Window(quota) for quota in quotas]
        self._reader = reader
        self._clock = clock
        self._left: int | None = None
        self._until = 0.0

    def wait(self) -> float:
        """Seconds until a request may be made, 0 if one may be made now."""
        if not self._windows and self._left is None:
            return 0.0
        now = self._clock()
        wait = max((window.wait(now) for window in self._windows), default=0.0)
        if self._left is not None and now >= self._until:
            self._left = None
        if self._left is not None and self._left <= 0:
            wait = max(wait, self._until - now)
        return wait

    def take(self) -> None:
        """A request is made."""
        if self._left is not None:
            self._left -= 1
        if self._windows:
            now = self._clock()
            for window in self._windows:
                window.take(now)

    def learn(self, headers: Mapping[str, str]) -> None:
        """What the source says of our quota in an answer."""
        allowance = self._reader(headers) if self._reader is not None else None
        if allowance is not None:
            self._allow(allowance)

    def rest(self, seconds: float) -> None:
        """The source asked us not to come back for so long."""
        if seconds > 0:
            self._allow(Allowance(0, seconds))

    def _allow(self, allowance: Allowance) -> None:
        now = self._clock()
        resets_in_s = LONGEST_REST_S if allowance.resets_in_s is None else allowance.resets_in_s
        until = now + min(resets_in_s, LONGEST_REST_S)
        is_resting = self._left is not None and self._left <= 0 and now < self._until
        if not is_resting or (allowance.left <= 0 and until > self._until):
            self._left, self._until = allowance.left, until
