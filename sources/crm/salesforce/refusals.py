"""Owns what Salesforce's error codes mean where its HTTP status says something else. Pure.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
"""

from __future__ import annotations

from msgspec import Struct

from sources.calling import Nonconforming, Reader, Reply

_MEANT = {
    "REQUEST_LIMIT_EXCEEDED": 429,  # sent as 403
    "SERVER_UNAVAILABLE": 503,
    "QUERY_TIMEOUT": 503,  # sent as 400
    "QUERY_TOO_COMPLICATED": 413,  # sent as 400
}


class _Refusal(Struct, frozen=True, gc=False, rename="camel"):
    """One of the errors of a refusal; their words are Salesforce's, and are not read."""

    error_code: str = ""


_REFUSALS = Reader[tuple[_Refusal, ...]](tuple[_Refusal, ...], "error")


def meant(reply: Reply) -> Reply:
    """*reply* with the status that HTTP has for what its error code says."""
    if reply.status < 400:
        return reply
    try:
        refusals = _REFUSALS.read(reply.body)
    except Nonconforming:
        return reply
    statuses = [_MEANT[one.error_code] for one in refusals if one.error_code in _MEANT]
    return reply._replace(status=statuses[0]) if statuses else reply
