"""What the gateway tells of itself: metrics, spans and log lines, each by allow-list and without a value."""

from gateway.telemetry.logs import set_up_logging
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.spans import (
    AllowListed,
    ExporterMissing,
    exporting,
    otlp_exporter,
    trace_context,
    trace_id,
    traceparent,
    tracer_provider,
)

__all__ = [
    "AllowListed",
    "ExporterMissing",
    "Metrics",
    "exporting",
    "otlp_exporter",
    "set_up_logging",
    "trace_context",
    "trace_id",
    "traceparent",
    "tracer_provider",
]
