"""Owns whose rows are whose: an answer's rows under the keys that were asked for, and nobody else's. Pure.

A row that nobody asked for is dropped, and *dropped* is told how many were. Where such rows outnumber those
that were asked for, the source did not understand the question: then nothing of the answer is trusted, not
even that a key has no row.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from sources.errors import SourceError, SourceMisread


class Identified(Protocol):
    """A row that bears an id of its own."""

    @property
    def id(self) -> str: ...


K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R", bound=Identified)

Pairs = Iterable[tuple[K | None, V]]
"""Rows with their keys; None: the row does not tell its key."""

Dropped: TypeAlias = Callable[[int], None]
"""Told how many rows of an answer were dropped; not called where none were."""


class Unasked(Exception):
    """More rows of the answer were not asked for than were."""


def one_each(
    source: str, rows: Pairs[K, V], unread: Pairs[K, str], asked: Container[K], dropped: Dropped
) -> dict[K, V | SourceError]:
    """The row of each key; a key whose row could not be read (*unread* says why), or which several rows bear,
    has the error.

    Raises:
        Unasked: most rows have no key, or one that is not *asked*.
    """
    found: dict[K, V | SourceError] = {}
    own = foreign = 0
    for key, row in rows:
        if key is None or key not in asked:
            foreign += 1
            continue
        own += 1
        if found.setdefault(key, row) is not row:
            found[key] = SourceMisread(source, "several records bear one key")
    return _with_unread(source, found, unread, asked, (own, foreign), dropped)


def many_each(
    source: str, rows: Pairs[K, R], unread: Pairs[K, str], asked: Container[K], dropped: Dropped
) -> dict[K, list[R] | SourceError]:
    """The rows of each key in the order they came. A row that came twice counts once; a key with a row that
    could not be read, or with several that bear one id and differ, has the error.

    Raises:
        Unasked: most rows have no key, or one that is not *asked*.
    """
    by_id: dict[K, dict[str, R]] = {}
    contradicted: set[K] = set()
    own = foreign = 0
    for key, row in rows:
        if key is None or key not in asked:
            foreign += 1
            continue
        own += 1
        mine = by_id.get(key)
        if mine is None:
            mine = by_id[key] = {}
        first = mine.setdefault(row.id, row)
        if first is not row and first != row:
            contradicted.add(key)
    lists: dict[K, list[R] | SourceError] = {key: list(mine.values()) for key, mine in by_id.items()}
    for key in contradicted:
        lists[key] = SourceMisread(source, "several records bear one id")
    return _with_unread(source, lists, unread, asked, (own, foreign), dropped)


def only_asked(rows: Sequence[V], is_asked: Callable[[V], bool], dropped: Dropped) -> list[V]:
    """Those of *rows*, found by a search, that match what was searched for.

    Raises:
        Unasked: most do not.
    """
    kept = [row for row in rows if is_asked(row)]
    _weigh(len(kept), len(rows) - len(kept), dropped)
    return kept


def _with_unread(
    source: str,
    found: dict[K, V],
    unread: Pairs[K, str],
    asked: Container[K],
    counted: tuple[int, int],
    dropped: Dropped,
) -> dict[K, V | SourceError]:
    both: dict[K, V | SourceError] = {**found}
    own, foreign = counted
    for key, why in unread:
        if key is None or key not in asked:
            foreign += 1
            continue
        own += 1
        both[key] = SourceMisread(source, why)
    _weigh(own, foreign, dropped)
    return both


def _weigh(own: int, foreign: int, dropped: Dropped) -> None:
    if foreign:
        dropped(foreign)
    if foreign > own:
        raise Unasked
