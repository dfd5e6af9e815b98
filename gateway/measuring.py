"""Counts what others tell of: calls to sources, answers and connections."""

from __future__ import annotations

import time
from datetime import datetime

from opentelemetry.trace import Tracer, get_current_span
from prometheus_client import Counter, Histogram

from gateway.changes import Outcome as Change
from gateway.telemetry import Metrics
from sources.calling import Flaw
from sources.calling.observing import Event, Outcome
from sources.pms.files import State as FileState
from sources.pms.hl7v2.observing import Outcome as Message

_GAUGES = {
    Event.UP: ("source_up", 1),
    Event.DOWN: ("source_up", 0),
    Event.LEFT_ALONE: ("source_left_alone", 1),
    Event.TAKEN_UP: ("source_left_alone", 0),
}
"""The gauges that an event sets, and to what."""


class Measuring:
    """Satisfies the observers of `sources`, `changes` and feeds, and the meter of `transport`."""

    def __init__(self, metrics: Metrics, tracer: Tracer) -> None:
        self.metrics = metrics
        self.tracer = tracer
        self._calls: dict[tuple[str, Outcome], tuple[Counter, Histogram]] = {}
        self._answered: dict[int, Counter] = {}
        self._told: dict[str, float] = {}

    def on_call(self, source: str, outcome: Outcome, seconds: float, size: int) -> None:
        calls, times = self._of(source, outcome)
        calls.inc()
        times.observe(seconds)
        if get_current_span().is_recording():
            ended = time.time_ns()
            attributes = {"caregraph.source": source, "caregraph.call": outcome.value}
            began = ended - int(seconds * 1e9)
            self.tracer.start_span("source.call", attributes=attributes, start_time=began).end(ended)

    def _of(self, source: str, outcome: Outcome) -> tuple[Counter, Histogram]:
        """The metrics of one source and outcome; finding them by label costs more than counting."""
        found = self._calls.get((source, outcome))
        if found is None:
            calls = self.metrics.upstream_calls.labels(source, outcome.value)
            found = self._calls[source, outcome] = (calls, self.metrics.upstream_seconds.labels(source))
        return found

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None:
        self.metrics.misread.labels(source).inc()

    def on_event(self, source: str, event: Event) -> None:
        self.metrics.source_events.labels(source, event.value).inc()
        gauge = _GAUGES.get(event)
        if gauge is not None:
            name, value = gauge
            getattr(self.metrics, name).labels(source).set(value)

    def on_foreign(self, source: str, kind: str, rows: int) -> None:
        self.metrics.foreign_rows.labels(source, kind).inc(rows)

    def on_message(self, source: str, outcome: Message) -> None:
        self.metrics.messages.labels(source, outcome.value).inc()

    def on_file(self, source: str, feed: str, state: FileState) -> None:
        self.metrics.files.labels(source, feed, state.value).inc()

    def on_told(self, source: str, as_of: datetime, is_stale: bool) -> None:
        if source not in self._told:
            # An age goes on while nothing happens: it is told when it is asked for.
            self.metrics.feed_age.labels(source).set_function(lambda: time.time() - self._told[source])
        self._told[source] = as_of.timestamp()
        self.metrics.feed_stale.labels(source).set(is_stale)

    def on_change(self, source: str, outcome: Change) -> None:
        self.metrics.changes.labels(source, outcome.value).inc()

    def on_poll(self, source: str, answered: bool) -> None:
        self.metrics.polls.labels(source, "answered" if answered else "failed").inc()

    def on_unreadable(self) -> None:
        self.metrics.feed.labels("unreadable").inc()

    def on_gap(self) -> None:
        self.metrics.feed.labels("gap").inc()

    def on_overflow(self) -> None:
        self.metrics.feed.labels("overflow").inc()

    def on_subscribers(self, count: int) -> None:
        self.metrics.subscribers.set(count)

    def on_lag(self, seconds: float) -> None:
        self.metrics.feed_lag.set(seconds)

    def answered(self, status: int) -> None:
        counter = self._answered.get(status)
        if counter is None:
            counter = self._answered[status] = self.metrics.responses.labels(str(status))
        counter.inc()

    def closed(self, code: int) -> None:
        self.metrics.closes.labels(str(code)).inc()

    def streamed(self, ending: str) -> None:
        self.metrics.streams.labels(ending).inc()
