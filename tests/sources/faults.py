"""What any source may do wrong, and the one error that it costs: a table for the tests of every adapter."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sources.calling import Limits
from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable
from tests.sources.stub import Behaviour, answer, cut_short, drip, json_answer, reset, silence

NAME = "Jane"
"""Stands in what the sources send: no error may hold it."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; a *slow* one shows only when the time is up."""

    name: str
    behaviour: Behaviour
    error: type[SourceError]
    slow: bool = False

    @property
    def limits(self) -> Limits:
        """Time enough for a busy machine, unless the fault is that it runs out."""
        return Limits(timeout_s=0.5 if self.slow else 30.0, attempts=2, trip_after=1000)


EVERY_SOURCE = (
    Fault("reset", lambda asked: reset, SourceUnavailable),
    Fault("slow first byte", lambda asked: silence, SourceTimeout, slow=True),
    Fault("slow body", lambda asked: drip, SourceTimeout, slow=True),
    Fault("cut connection", lambda asked: cut_short, SourceUnavailable),
    Fault("429", lambda asked: json_answer({}, 429, Retry_After="60"), SourceUnavailable),
    Fault("500", lambda asked: json_answer({"message": NAME}, 500), SourceUnavailable),
    Fault("503", lambda asked: json_answer({}, 503, Retry_After="0"), SourceUnavailable),
    Fault("revoked credential", lambda asked: json_answer({}, 401), SourceRejected),
    Fault("no rights", lambda asked: json_answer({}, 403), SourceRejected),
    Fault("redirect", lambda asked: answer(b"", 302, Location="http://other.example/"), SourceMisread),
    Fault("HTML", lambda asked: answer(b"<html>Jane", type_="text/html"), SourceMisread),
    Fault("cut JSON", lambda asked: answer(b'{"name": "Jane"'), SourceMisread),
    Fault("a list", lambda asked: answer(b'["Jane"]'), SourceMisread),
    Fault("null", lambda asked: answer(b"null"), SourceMisread),
    Fault("empty body", lambda asked: answer(b""), SourceMisread),
    Fault("unknown field", lambda asked: answer(b'{"vendor": "Jane"}'), SourceMisread),
)


def table(*own: Fault) -> Sequence[Any]:
    """The faults of every source and those of one vendor's *own*, to parametrize a test of `fault` with."""
    return [pytest.param(fault, id=fault.name) for fault in (*EVERY_SOURCE, *own)]


async def fails_as(fault: Fault, ask: Callable[[], Awaitable[object]]) -> None:
    """Proves that *ask* fails with the fault's error, and tells nothing of what came."""
    with pytest.raises(SourceError) as raised:
        await ask()

    assert type(raised.value) is fault.error
    assert NAME not in str(raised.value)
    assert raised.value.__cause__ is None
