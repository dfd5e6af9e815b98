"""What an answer says of the sources it came from, to those who may know of them."""

from __future__ import annotations

from typing import Any, Protocol

from policies import Coordinate, Decision, Effect
from sources.calling import SourceTally, Tally

SOURCES = Coordinate("Query", "sources")
"""Who may read this field may know of the sources; the others learn only whether the answer is complete."""


class Deciding(Protocol):
    """The part of a grant that this depends on."""

    def decide(self, coordinate: Coordinate) -> Decision: ...


def source_states(tally: Tally, grant: Deciding) -> dict[str, Any]:
    """`complete`; and for those who may know of the sources, these by name and how often they were called.

    To others a number of calls could tell what they may not know: a record that is there and is withheld
    costs other calls than one that is not.
    """
    if grant.decide(SOURCES).effect is not Effect.ALLOW:
        return {"complete": tally.complete}
    return {
        "upstreamCalls": tally.total,
        "complete": tally.complete,
        "sources": [_state(name, source) for name, source in sorted(tally.sources.items())],
    }


def _state(name: str, source: SourceTally) -> dict[str, Any]:
    as_of = {} if source.as_of is None else {"asOf": source.as_of}
    return {
        "name": name,
        "status": source.status.value,
        "calls": source.calls,
        "latencyMs": round(source.seconds * 1000, 1),
        "complete": source.complete,
        **as_of,
    }
