"""The metrics: counts and times, each label of a closed set."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CALLS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


class Answered(NamedTuple):
    """What is counted of an answer."""

    operations: Counter
    seconds: Histogram
    calls: Histogram


class Metrics:
    """All metrics, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answered: dict[tuple[str, str], Answered] = {}
        made = self.registry
        self.operations = Counter(
            "caregraph_operations", "Operations answered.", ["kind", "code"], registry=made
        )
        self.operation_seconds = Histogram(
            "caregraph_operation_seconds", "Time of an operation.", ["kind"], buckets=SECONDS, registry=made
        )
        self.operation_calls = Histogram(
            "caregraph_operation_upstream_calls",
            "Upstream calls of an operation.",
            ["kind"],
            buckets=CALLS,
            registry=made,
        )
        self.errors = Counter("caregraph_errors", "Errors shown to clients.", ["code"], registry=made)
        self.upstream_calls = Counter(
            "caregraph_upstream_calls", "Calls to sources.", ["source", "outcome"], registry=made
        )
        self.misread = Counter(
            "caregraph_misread", "Answers of sources that do not conform.", ["source"], registry=made
        )
        self.quarantined = Counter(
            "caregraph_quarantined",
            "Records and answers of sources that were refused, by what they are.",
            ["source", "kind"],
            registry=made,
        )
        self.quarantine_lost = Counter(
            "caregraph_quarantine_lost", "Refusals that could not be kept in quarantine.", registry=made
        )
        self.released_fields = Gauge(
            "caregraph_released_fields",
            "Fields released from quarantine, which a source may send beside those that are known.",
            ["source"],
            registry=made,
        )
        self.source_events = Counter(
            "caregraph_source_events",
            "What happened around calls to sources: retries, joined and withheld calls, the breaker.",
            ["source", "event"],
            registry=made,
        )
        self.source_up = Gauge(
            "caregraph_source_up", "Whether a source answered when last asked.", ["source"], registry=made
        )
        self.source_left_alone = Gauge(
            "caregraph_source_left_alone",
            "Whether a source is left alone for a while: the breaker is open.",
            ["source"],
            registry=made,
        )
        self.volume_alarms = Counter(
            "caregraph_volume_alarms",
            "Hours far above what is usual at that hour of the week, of a client or a source.",
            ["of", "name", "measure"],
            registry=made,
        )
        self.foreign_rows = Counter(
            "caregraph_source_foreign_rows",
            "Rows that sources sent, that nobody asked for, and that were dropped.",
            ["source", "kind"],
            registry=made,
        )
        self.messages = Counter(
            "caregraph_source_messages",
            "Messages that sources sent, by what became of them.",
            ["source", "outcome"],
            registry=made,
        )
        self.files = Counter(
            "caregraph_source_files",
            "Files that sources wrote, by what became of them.",
            ["source", "feed", "state"],
            registry=made,
        )
        self.feed_age = Gauge(
            "caregraph_source_age_seconds",
            "How long ago it was as of which a source has told that cannot be asked.",
            ["source"],
            registry=made,
        )
        self.feed_stale = Gauge(
            "caregraph_source_stale",
            "Whether a source that cannot be asked has been silent for too long.",
            ["source"],
            registry=made,
        )
        self.responses = Counter("caregraph_http_responses", "HTTP answers.", ["status"], registry=made)
        self.closes = Counter("caregraph_websocket_closes", "WebSockets closed.", ["code"], registry=made)
        self.streams = Counter(
            "caregraph_event_streams", "Event streams, by how they ended.", ["ending"], registry=made
        )
        self.streams_refused = Counter(
            "caregraph_streams_refused",
            "Subscriptions refused since as many were open as may be: of the client, or of the process.",
            ["bound"],
            registry=made,
        )
        self.upstream_seconds = Histogram(
            "caregraph_upstream_seconds",
            "Time of a call to a source.",
            ["source"],
            buckets=SECONDS,
            registry=made,
        )
        self.fields_denied = Counter("caregraph_fields_denied", "Fields policy refused.", registry=made)
        self.break_glass = Counter(
            "caregraph_break_glass",
            "Break-glass: declared, used while its session is open, or refused.",
            ["outcome"],
            registry=made,
        )
        self.tokens_refused = Counter(
            "caregraph_tokens_refused", "Callers not let in.", ["refusal"], registry=made
        )
        self.scopes_ignored = Counter(
            "caregraph_scopes_ignored", "Scopes in tokens that were not understood.", registry=made
        )
        self.key_fetches = Counter(
            "caregraph_key_fetches", "Fetches of the issuer's keys.", ["outcome"], registry=made
        )
        self.documents = Counter(
            "caregraph_documents", "Documents looked up: known, new or refused.", ["outcome"], registry=made
        )
        self.fallbacks = Counter(
            "caregraph_engine_fallbacks", "Operations left to graphql-core.", ["reason"], registry=made
        )
        self.subscribers = Gauge("caregraph_subscribers", "Open subscriptions.", registry=made)
        self.polls = Counter(
            "caregraph_polls", "Times a source was asked what changed.", ["source", "outcome"], registry=made
        )
        self.feed = Counter(
            "caregraph_feed", "What went wrong between log and subscribers.", ["event"], registry=made
        )
        self.feed_lag = Gauge(
            "caregraph_feed_lag_seconds", "Age of the change last read from the log.", registry=made
        )
        self.changes = Counter(
            "caregraph_changes", "Changes in sources.", ["source", "outcome"], registry=made
        )

    def answered(self, kind: str, outcome: str) -> Answered:
        """The metrics of answers of one kind; finding them by label costs more than counting."""
        found = self._answered.get((kind, outcome))
        if found is None:
            found = self._answered[kind, outcome] = Answered(
                self.operations.labels(kind, outcome),
                self.operation_seconds.labels(kind),
                self.operation_calls.labels(kind),
            )
        return found

    def rendered(self) -> tuple[bytes, str]:
        """The page for /metrics, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_1_0_0
