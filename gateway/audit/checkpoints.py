"""Where a chain stands from time to time, written beside the trail and into the log, for others to keep."""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.audit.chain import Seals, Span, beginning

log = logging.getLogger(__name__)

RECORDS = 1_000
SECONDS = 300.0
"""A checkpoint is written after so many records, or, where there are any, so many seconds."""


class Checkpoints:
    """Those of one trail, in the file *path*, readable by its owner alone."""

    def __init__(self, path: Path, seals: Seals) -> None:
        self._path = path
        self._seals = seals
        self._span: Span | None = None
        self._seq = 0
        self._at = time.monotonic()

    def note(self, span: Span) -> None:
        """The trail has grown to the end of *span*."""
        self._span = span
        is_due = span.end.seq - self._seq >= RECORDS or span.is_closed
        if is_due or time.monotonic() - self._at >= SECONDS:
            self.write()

    def write(self) -> None:
        """Write one, unless nothing has been added since the last. It must not fail what was recorded."""
        if self._span is None or self._span.end.seq == self._seq:
            return
        span = self._span._replace(begin=beginning(self._span.chain), is_closed=False)
        self._seq, self._at = span.end.seq, time.monotonic()
        log.info("audit checkpoint %s %d %s", span.chain, span.end.seq, span.end.hash.hex())
        at = datetime.now(UTC).isoformat(timespec="seconds")
        line = f"{span.chain} {span.end.seq} {span.end.hash.hex()} {at} {self._seals.of(span).hex()}\n"
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
                file.write(line)
        except OSError as fault:
            log.error("an audit checkpoint can't be written", extra={"error": type(fault).__name__})
