"""Owns how several sources are asked at once, each for its own keys or all for the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from sources.errors import SourceError
from sources.naming import Naming
from sources.ports import Found

A = TypeVar("A")
K = TypeVar("K", bound=str)
V = TypeVar("V")
W = TypeVar("W")


async def each(asks: Mapping[str, Awaitable[A]]) -> dict[str, A | SourceError]:
    """What each source answers; the error of one that fails stands for its answer."""

    async def one(ask: Awaitable[A]) -> A | SourceError:
        try:
            return await ask
        except SourceError as error:
            return error

    answers = await asyncio.gather(*(one(ask) for ask in asks.values()))
    return dict(zip(asks, answers, strict=True))


async def by_source(
    naming: Naming,
    keys: Iterable[K],
    ask: Callable[[str, Sequence[str]], Awaitable[Found[str, V]]],
    through: Callable[[str, V], W],
) -> dict[K, W | SourceError]:
    """Each key's value from the source that gave the key, which is asked under the key it knows.

    *through* makes of a source's value the house's. A key that no source can have given is absent.
    """
    groups: dict[str, dict[str, K]] = {}
    for key in keys:
        if (local := naming.local(key)) is not None:
            groups.setdefault(local[0], {})[local[1]] = key
    found = await each({source: ask(source, list(mine)) for source, mine in groups.items()})
    values: dict[K, W | SourceError] = {}
    for source, mine in groups.items():
        answer = found[source]
        if isinstance(answer, SourceError):
            values |= dict.fromkeys(mine.values(), answer)
            continue
        for local_key, value in answer.items():
            values[mine[local_key]] = (
                value if isinstance(value, SourceError) else _through(through, source, value)
            )
    return values


def _through(through: Callable[[str, V], W], source: str, value: V) -> W | SourceError:
    try:
        return through(source, value)
    except SourceError as error:
        return error


def first_found(keys: Iterable[K], answers: Sequence[Found[K, V] | SourceError]) -> dict[K, V | SourceError]:
    """Each key's value from the first source that has one.

    Where none has, and one could not tell, the key's value is that one's error: it may be there.
    """
    values: dict[K, V | SourceError] = {}
    for key in keys:
        told = [answer if isinstance(answer, SourceError) else answer.get(key) for answer in answers]
        had = [value for value in told if value is not None]
        if had:
            values[key] = next((value for value in had if not isinstance(value, SourceError)), had[0])
    return values
