"""Owns what bounds the calls to one source."""

from __future__ import annotations

from dataclasses import dataclass

from sources.calling.pacing import Quota


@dataclass(frozen=True)
class Limits:
    """What bounds the calls to one source.

    | | |
    |---|---|
    | `timeout_s` | the longest a question may take, waiting and retries included |
    | `concurrency` | calls under way at once; the others wait (bulkhead) |
    | `attempts` | the most a question that may be repeated is asked |
    | `retry_ratio`, `retry_burst` | retries are at most that share of the calls, and that many besides |
    | `trip_after`, `rest_s` | failures in a row after which it is left alone, and for how long |
    | `max_bytes` | the longest answer that is read |
    | `quotas` | how many calls are made in how much time; keep them below what the vendor allows |
    | `joins` | whether equal questions of one actor that are under way at once are asked once |
    """

    timeout_s: float = 2.0
    concurrency: int = 32
    attempts: int = 3
    retry_ratio: float = 0.1
    retry_burst: int = 10
    trip_after: int = 5
    rest_s: float = 5.0
    max_bytes: int = 64 << 20
    quotas: tuple[Quota, ...] = ()
    joins: bool = True


DEFAULT_LIMITS = Limits()
