"""Owns many keys in several calls: cut, asked at the same time, put together again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sources.errors import SourceError
from sources.ports import Found

K = TypeVar("K")
V = TypeVar("V")


async def in_chunks(
    keys: Sequence[K], size: int, ask: Callable[[Sequence[K]], Awaitable[Found[K, V]]]
) -> Found[K, V]:
    """What *ask* finds for *keys*, at most *size* at a time, each key once.

    A chunk that failed costs its own keys only.

    Raises:
        SourceError: every chunk failed.
    """
    distinct = list(dict.fromkeys(keys))
    if not distinct:
        return {}
    if len(distinct) <= size:
        return await ask(distinct)
    return await _all_of([distinct[i : i + size] for i in range(0, len(distinct), size)], ask)


async def _all_of(
    chunks: Sequence[Sequence[K]], ask: Callable[[Sequence[K]], Awaitable[Found[K, V]]]
) -> Found[K, V]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_caught(chunk, ask)) for chunk in chunks]
    answers = [task.result() for task in tasks]
    found: dict[K, V | SourceError] = {}
    for chunk, answer in zip(chunks, answers, strict=True):
        found.update(dict.fromkeys(chunk, answer) if isinstance(answer, SourceError) else answer)
    failed = [answer for answer in answers if isinstance(answer, SourceError)]
    if len(failed) == len(answers):
        raise failed[0]
    return found


async def _caught(
    chunk: Sequence[K], ask: Callable[[Sequence[K]], Awaitable[Found[K, V]]]
) -> Found[K, V] | SourceError:
    try:
        return await ask(chunk)
    except SourceError as error:
        return error
