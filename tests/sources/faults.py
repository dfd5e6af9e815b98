"""A vendor's own faults, and the one error that each costs; those of every source are in the fault matrix."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sources.errors import SourceError
from tests.sources.stub import Behaviour

NAME = "Jane"
"""Stands in what the sources send: no error may hold it."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    name: str
    behaviour: Behaviour
    error: type[SourceError]


def table(*own: Fault) -> Sequence[Any]:
    """One vendor's *own* faults, to parametrize a test of `fault` with."""
    return [pytest.param(fault, id=fault.name) for fault in own]


async def fails_as(fault: Fault, ask: Callable[[], Awaitable[object]]) -> None:
    """Proves that *ask* fails with the fault's error, and tells nothing of what came."""
    with pytest.raises(SourceError) as raised:
        await ask()

    assert type(raised.value) is fault.error
    assert NAME not in str(raised.value)
    assert raised.value.__cause__ is None
