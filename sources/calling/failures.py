"""Owns the one table from what went wrong upstream to the error a caller gets."""

from __future__ import annotations

from sources.calling.observing import Outcome
from sources.calling.transport import Fault, Reply
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable

_FAULTS: dict[Fault, tuple[type[SourceError], Outcome]] = {
    Fault.BROKEN: (SourceUnavailable, Outcome.FAILED),
    Fault.UNTRUSTED: (SourceUnavailable, Outcome.FAILED),
    Fault.SLOW: (SourceTimeout, Outcome.TIMED_OUT),
    Fault.TOO_BIG: (SourceMisread, Outcome.ANSWERED),
    Fault.UNREADABLE: (SourceMisread, Outcome.FAILED),
}

_STATUSES: dict[int, tuple[type[SourceError], str]] = {
    401: (SourceRejected, "it does not accept our credentials; check the client and its secret or key"),
    403: (SourceRejected, "it does not allow us this; check the scopes our client is granted"),
    404: (SourceRejected, "it does not know this path; check the base URL"),
    408: (SourceUnavailable, "it gave up waiting for our request"),
    413: (SourceRejected, "our request is too big for it; lower the number of ids a call"),
    414: (SourceRejected, "our request is too long for it; search by POST"),
    429: (SourceUnavailable, "it is asking us to slow down"),
    503: (SourceUnavailable, "it is out of service for now"),
}


def error_of(source: str, ending: Reply | Fault) -> SourceError:
    """The error for an exchange that ended so. Its words are ours alone."""
    if isinstance(ending, Fault):
        return _FAULTS[ending][0](source, ending.value)
    status = ending.status
    kind, why = _STATUSES.get(status) or _of_class(status)
    return kind(source, f"{why} (HTTP {status})")


def _of_class(status: int) -> tuple[type[SourceError], str]:
    if status >= 500:
        return SourceUnavailable, "it failed"
    if status >= 400:
        return SourceRejected, "it finds our request wrong"
    return SourceMisread, "it redirects us, which is not followed; check the base URL"


def outcome_of(ending: Reply | Fault) -> Outcome:
    """What observers are told of an exchange that ended so."""
    if isinstance(ending, Fault):
        return _FAULTS[ending][1]
    if ending.status < 400:
        return Outcome.ANSWERED
    if ending.status == 429:
        return Outcome.THROTTLED
    return Outcome.FAILED if ending.status >= 500 else Outcome.REJECTED
