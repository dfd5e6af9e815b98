"""Entries of a Redis stream, as they are read: which are ours, and whether one is missing between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from gateway.changes.entries import LOST, change_of, told
from gateway.changes.log import Batch, Gap, Item
from gateway.changes.place import Place

_MOST_DIGITS = 18
_HIGHEST = 2**63 - 1


class Row(NamedTuple):
    """An entry, and the two numbers of its id. Without a number in its log it is none of ours."""

    major: int
    minor: int
    number: int | None
    entry: bytes


class Rows(NamedTuple):
    """What a stream holds after a place, and the place behind its newest entry."""

    newest: Place
    rows: Sequence[Row]


def row_of(answer: Any) -> Row:
    """One entry as XRANGE tells it inside a script: its id, and names and values in turns."""
    id_, fields = answer
    held = dict(zip(fields[::2], fields[1::2], strict=True))
    digits = held.get(b"n", b"")
    number = int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else 0
    return Row(*numbers(id_), number or None, held.get(b"v1", b""))


def numbers(id_: bytes) -> tuple[int, int]:
    """The two numbers of an entry's id."""
    major, _, minor = id_.partition(b"-")
    return int(major), int(minor)


def batch(after: Place | None, found: Rows, on_unreadable: Callable[[], None]) -> Batch:
    """What a reader at *after* is told: the changes, and a Gap wherever the numbers do not follow."""
    reader = _Reader(after, found.newest)
    items: list[Item] = []
    for row in found.rows:
        items.extend(reader.gap_before(row))
        place = reader.passes(row)
        change = None if row.number is None else change_of(row.entry)
        if row.number is not None and row.entry == LOST:
            items.append(Gap(place.cursor))
        elif change is None:
            on_unreadable()
        else:
            items.append(told(change, place.cursor))
    items.extend(reader.gap_at_the_end(any_rows=bool(found.rows)))
    return Batch(tuple(items), reader.place.cursor)


class _Reader:
    """Where a reader is, and whether it came there without missing anything."""

    def __init__(self, after: Place | None, newest: Place) -> None:
        self._newest = newest
        self._is_torn = after is not None and after.epoch != newest.epoch
        is_on = after is not None and not self._is_torn
        self.place = after if after is not None and is_on else newest
        # None: whatever comes first is next.
        self._number = self.place.count if is_on else None

    def gap_before(self, row: Row) -> Iterator[Gap]:
        if row.number is None:
            return
        if self._is_torn or (self._number is not None and row.number != self._number + 1):
            yield Gap(_before(row, row.number, self._newest.epoch).cursor)
            self._is_torn = False

    def passes(self, row: Row) -> Place:
        if row.number is not None:
            self._number = row.number
        count = self._newest.count if self._number is None else self._number
        self.place = Place(self._newest.epoch, count, row.major, row.minor)
        return self.place

    def gap_at_the_end(self, *, any_rows: bool) -> Iterator[Gap]:
        if not any_rows and self.place.count != self._newest.count:
            self.place = self._newest
            self._is_torn = True
        if self._is_torn:
            yield Gap(self.place.cursor)


def _before(row: Row, number: int, epoch: str) -> Place:
    """The place from which this entry is the next."""
    if row.minor:
        return Place(epoch, number - 1, row.major, row.minor - 1)
    return Place(epoch, number - 1, row.major - 1, _HIGHEST)
