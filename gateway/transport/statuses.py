"""The HTTP status and media type of an answer, by outcome, by what the client accepts and by profile."""

from gateway.transport.negotiation import MediaType
from gateway.transport.service import Answer, Outcome
from gateway.transport.settings import StatusProfile

_EXECUTED = Outcome.EXECUTED  # for speed: looking a member up takes as long as all the rest here
_OK = 200
_PARTIAL_SUCCESS = 294
"""Not an IANA status; the draft's own, "Partial success"."""

_AUDIT_2025 = {
    Outcome.PARSE_FAILED: 400,
    Outcome.REQUEST_REFUSED: 400,
    Outcome.NOT_A_QUERY: 405,
    Outcome.RATE_LIMITED: 429,
    Outcome.TIMED_OUT: 504,
    Outcome.FAILED: 500,
}
_DRAFT_2026 = {**_AUDIT_2025, Outcome.REQUEST_REFUSED: 422}
# To clients of plain JSON a status other than 200 once meant "not from a GraphQL server".
_SAID_IN_THE_BODY = frozenset({Outcome.PARSE_FAILED, Outcome.REQUEST_REFUSED})


def status_of(answer: Answer, accepted: MediaType, profile: StatusProfile) -> int:
    """The status of an answer of the service."""
    if answer.outcome is _EXECUTED:
        partial = answer.partial and profile is StatusProfile.DRAFT_2026 and accepted is MediaType.RESPONSE
        return _PARTIAL_SUCCESS if partial else _OK
    if profile is StatusProfile.DRAFT_2026:
        return _DRAFT_2026[answer.outcome]
    if accepted is MediaType.JSON and answer.outcome in _SAID_IN_THE_BODY:
        return _OK
    return _AUDIT_2025[answer.outcome]


def media_type_of(status: int, accepted: MediaType, profile: StatusProfile) -> MediaType:
    """The media type to answer in; the draft keeps plain JSON for successes alone."""
    if profile is StatusProfile.DRAFT_2026 and not 200 <= status <= 299:
        return MediaType.RESPONSE
    return accepted
