"""What the gateway is to cost beside the other contenders, and why it costs more where it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.report import Results

GATEWAY = "gateway"


class Aim(NamedTuple):
    """At most *times* what *other* costs, in CPU a request."""

    query: str
    other: str
    times: float


AIMS = (
    Aim("worklist", "textbook", 1 / 25),
    Aim("worklist", "floor", 1.6),
    Aim("patient", "textbook", 1 / 10),
    Aim("patient", "floor", 2.5),
)

REASONS = {
    "worklist": (
        "three tenths are decoding what sources send and holding all of each row of the EHR against R4, read"
        " or not, which the floor leaves out; a tenth is letting go of it, an eighth making and encoding the"
        " answer, a seventh putting bookings and contacts into the words of FHIR; the rest is spread over the"
        " way of rows through keys, conditions and pages, nothing of it above 3 %"
    ),
    "patient": (
        "fixed costs, none above a twentieth but two: a fifth is the HTTP client's, whose thread is woken for"
        " each call, and 7 % the audit's, committed before the answer leaves; the others are of each call"
        " (breaker, pace, tally, counters), of each loader (a task, a future), of the identity and the grant"
    ),
}


def lines(results: Results) -> Iterator[str]:
    """Each aim with what was measured, and the reason where it was missed."""
    for query, other, times in AIMS:
        measured = {name: each for name, each in results.get(query, {}).items() if each.samples}
        if GATEWAY not in measured or other not in measured:
            continue
        ratio = measured[GATEWAY].cpu_ms / measured[other].cpu_ms
        said = "met" if ratio <= times else f"missed: {REASONS[query]}"
        yield f"{query}: {_times(ratio)} of the {other}, aim {_times(times)}: {said}"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}×" if ratio >= 1 else f"1/{1 / ratio:.1f}"
