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
        "a sixth is decoding the EHR's rows and holding all of each against R4, read or not, which the floor"
        " leaves out; a sixth is building dicts where the floor fills structs, a tenth the bookings, whose"
        " times are checked and put on the practice's clock one by one, a tenth freeing it all; the rest is"
        " spread over the way of rows through keys, conditions and pages"
    ),
    "patient": (
        "fixed costs, none above a twentieth but the HTTP client's, which wakes the loop twice a call where"
        " the floor's does once: of each call (breaker, pace, tally, counters), of each loader (a task, a"
        " future), of the identity, the grant and the audit's commit"
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
