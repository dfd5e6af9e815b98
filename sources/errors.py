"""How a source can fail. No message here holds a value from a record or an upstream's own words.

SourceError
├── SourceUnavailable   it did not answer, or answered with a fault; the same call may work later
├── SourceTimeout       it did not answer in time; the same call may work later
├── SourceRejected      it refused our call (credentials, rights, a request it finds wrong)
│   └── BookmarkLost    what changed after that bookmark can no longer be told
└── SourceMisread       it sent what does not conform to its contract, or what was not asked for
"""

from __future__ import annotations


class SourceError(Exception):
    """*source* could not give what it was asked for; *why* is ours, and safe for a log."""

    retryable = False

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"source `{source}`: {why}")
        self.source = source
        self.why = why


class SourceUnavailable(SourceError):
    """The source did not answer, or answered with a fault."""

    retryable = True


class SourceTimeout(SourceError):
    """The source did not answer within its deadline."""

    retryable = True


class SourceRejected(SourceError):
    """The source refused the call."""


class BookmarkLost(SourceRejected):
    """The source cannot tell what changed after that bookmark: it is not one of its, or it has forgotten."""

    def __init__(self, source: str) -> None:
        super().__init__(source, "the bookmark is not one of ours; begin again without it")


class SourceMisread(SourceError):
    """What the source sent does not conform; *why* names the field, never its value."""
