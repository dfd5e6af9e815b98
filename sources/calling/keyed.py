"""Owns whose rows are whose: an answer's rows under the keys that were asked for, and nobody else's. Pure.

A row that nobody asked for means that the source did not understand the question, or that the row is somebody
else's: then nothing of the answer is trusted.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TypeVar

from sources.errors import SourceError, SourceMisread

K = TypeVar("K")
V = TypeVar("V")

Pairs = Iterable[tuple[K | None, V]]
"""Rows with their keys; None: the row does not tell its key."""


class Unasked(Exception):
    """The answer holds a row that was not asked for."""


def one_each(
    source: str, rows: Pairs[K, V], unread: Pairs[K, str], asked: Container[K]
) -> dict[K, V | SourceError]:
    """The row of each key; a key whose row could not be read (*unread* says why), or which several rows bear,
    has the error.

    Raises:
        Unasked: a row has no key, or one that is not *asked*.
    """
    found: dict[K, V | SourceError] = {}
    for key, row in rows:
        if key is None or key not in asked:
            raise Unasked
        if found.setdefault(key, row) is not row:
            found[key] = SourceMisread(source, "several records bear one key")
    return _with_unread(source, found, unread, asked)


def many_each(
    source: str, rows: Pairs[K, V], unread: Pairs[K, str], asked: Container[K]
) -> dict[K, list[V] | SourceError]:
    """The rows of each key in the order they came; a key with a row that could not be read has the error.

    Raises:
        Unasked: a row has no key, or one that is not *asked*.
    """
    lists: dict[K, list[V]] = {}
    for key, row in rows:
        if key is None or key not in asked:
            raise Unasked
        lists.setdefault(key, []).append(row)
    return _with_unread(source, lists, unread, asked)


def _with_unread(
    source: str, found: dict[K, V], unread: Pairs[K, str], asked: Container[K]
) -> dict[K, V | SourceError]:
    both: dict[K, V | SourceError] = {**found}
    for key, why in unread:
        if key is None or key not in asked:
            raise Unasked
        both[key] = SourceMisread(source, why)
    return both
