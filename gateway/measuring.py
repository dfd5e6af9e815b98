"""Counts what others tell of: calls to sources, answers and connections."""

from __future__ import annotations

from gateway.changes import Outcome as Change
from gateway.telemetry import Metrics
from sources.calling.observing import Outcome


class Measuring:
    """Satisfies the observers of `sources.calling` and `changes`, and the meter of `transport`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None:
        self._metrics.upstream_calls.labels(source, outcome.value).inc()
        self._metrics.upstream_seconds.labels(source).observe(seconds)

    def on_misread(self, source: str, why: str) -> None:
        self._metrics.misread.labels(source).inc()

    def on_change(self, source: str, outcome: Change) -> None:
        self._metrics.changes.labels(source, outcome.value).inc()

    def on_poll(self, source: str, answered: bool) -> None:
        self._metrics.polls.labels(source, "answered" if answered else "failed").inc()

    def on_unreadable(self) -> None:
        self._metrics.feed.labels("unreadable").inc()

    def on_gap(self) -> None:
        self._metrics.feed.labels("gap").inc()

    def on_overflow(self) -> None:
        self._metrics.feed.labels("overflow").inc()

    def on_subscribers(self, count: int) -> None:
        self._metrics.subscribers.set(count)

    def on_lag(self, seconds: float) -> None:
        self._metrics.feed_lag.set(seconds)

    def answered(self, status: int) -> None:
        self._metrics.responses.labels(str(status)).inc()

    def closed(self, code: int) -> None:
        self._metrics.closes.labels(str(code)).inc()
