"""Owns a trial: an adapter under one fault, asked for two patients, and what its answer comes to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sources.errors import SourceError, SourceMisread, SourceRejected, SourceTimeout, SourceUnavailable
from tests.sources.matrix.cells import Sees
from tests.sources.practice import as_model

SAID = "Jane"
"""Stands in what the sources send that is wrong: nothing we say may hold it."""

ATTEMPTS = 2
PAUSE_S = 3
HURRIED_S = {"slow first byte": 1.5, "slow body": 1.5, "429": PAUSE_S - 1.0}
UNHURRIED_S = 20.0

_WHOLE: dict[type[SourceError], Sees] = {
    SourceUnavailable: Sees.UNAVAILABLE,
    SourceTimeout: Sees.TIMEOUT,
    SourceRejected: Sees.REJECTED,
    SourceMisread: Sees.MISREAD,
}


@dataclass
class Trial:
    """An adapter whose source has the fault until `heal`; `calls` counts the requests for data by then.

    It is to be asked `times` times: a fault may have several forms.
    """

    ask: Callable[[], Awaitable[Mapping[Any, Any]]]
    heal: Callable[[], Awaitable[None]]
    calls: Callable[[], int | None] = lambda: None
    times: int = 1


class Subject(Protocol):
    """An adapter that can be tried: it is asked for two patients, of whom the first meets faults of rows."""

    def under(self, fault: str, folder: Path) -> AbstractAsyncContextManager[Trial]:
        """The adapter while its source has that fault; *folder* is empty, and its own."""
        ...


@dataclass(frozen=True)
class Seen:
    """What one question came to: the answer or nothing, and the errors in it."""

    found: Mapping[Any, Any] | None
    errors: tuple[SourceError, ...]

    def sees(self, well: Mapping[Any, Any]) -> Sees:
        """What that is to a client, to whom the answer of a source without faults is *well*."""
        if self.found is None:
            return _whole(type(self.errors[0]))
        if self.found == well:
            return Sees.ANSWER
        if not self.found:
            return Sees.NOTHING
        assert set(self.found) <= set(well), "an answer for somebody who was not asked for"
        if len(self.errors) == len(well):
            (kind,) = {type(error) for error in self.errors}
            return _whole(kind)
        first, *others = well
        if isinstance(self.found.get(first), SourceMisread):
            assert all(self.found.get(key) == well[key] for key in others), "it cost others their rows"
            return Sees.MISREAD_ALONE
        assert all(row.complete is False for row in self.found.values()), "neither an answer nor an error"
        return Sees.CUT


def _whole(kind: type[SourceError]) -> Sees:
    return next(_WHOLE[each] for each in kind.__mro__ if each in _WHOLE)


async def seen(ask: Callable[[], Awaitable[Mapping[Any, Any]]]) -> Seen:
    """What the question comes to."""
    try:
        found = await ask()
    except SourceError as error:
        return Seen(None, (error,))
    return Seen(told(found), tuple(row for row in found.values() if isinstance(row, SourceError)))


def told(found: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """*found* in the model's own types, so that equal rows are equal however they were read."""
    return {key: as_model(row) for key, row in found.items()}


def timeout_s(fault: str) -> float:
    """How long a question may take: little where the fault shows only when it is over."""
    return HURRIED_S.get(fault, UNHURRIED_S)
