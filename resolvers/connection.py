"""Relay connections: long lists in pages (GraphQL Cursor Connections Specification)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, repeat
from typing import Generic, TypeVar

import msgspec
import strawberry

from policies import DataClass
from resolvers.declare import Fields
from resolvers.faults import BadInput
from sources.ports import Listed

R = TypeVar("R")
T = TypeVar("T")

FIRST = 20
MOST = 500
"""The default and the largest size of a page."""

seen = Fields(DataClass.REFERENCE, "")


class Rows(Generic[R]):
    """The row behind a connection: one page of rows, and how to make the cursor of the nth of them."""

    __slots__ = ("_cursor", "complete", "has_next_page", "has_previous_page", "nodes")

    def __init__(
        self,
        nodes: Sequence[R],
        cursor: Callable[[int], str],
        *,
        has_next_page: bool,
        has_previous_page: bool,
        complete: bool = True,
    ) -> None:
        self.nodes = nodes
        self._cursor = cursor
        self.has_next_page = has_next_page
        self.has_previous_page = has_previous_page
        self.complete = complete

    @property
    def edges(self) -> list[EdgeRow[R]]:
        return list(map(EdgeRow, self.nodes, count(), repeat(self._cursor)))

    @property
    def page_info(self) -> Rows[R]:
        return self

    @property
    def start_cursor(self) -> str | None:
        return self._cursor(0) if self.nodes else None

    @property
    def end_cursor(self) -> str | None:
        return self._cursor(len(self.nodes) - 1) if self.nodes else None


class EdgeRow(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """The row behind an edge of a connection: a struct, since there are as many as rows."""

    node: R
    index: int
    cursor_of: Callable[[int], str]

    @property
    def cursor(self) -> str:
        return self.cursor_of(self.index)


def size(first: int) -> int:
    """The page size asked for.

    Raises:
        BadInput: it is not between 0 and MOST.
    """
    if not 0 <= first <= MOST:
        raise BadInput(f"`first` must be between 0 and {MOST}")
    return first


def paged(first: int, after: str | None) -> Callable[[Listed[R]], Rows[R]]:
    """Cuts a page out of the rows of one key: the first *first* after the cursor *after*.

    Raises:
        BadInput: `first` or `after` can't be used.
    """
    length = size(first)
    start = 0 if after is None else _position(after) + 1

    def cut(listed: Listed[R]) -> Rows[R]:
        rows = listed.rows
        page = rows if start == 0 and len(rows) <= length else rows[start : start + length]
        return Rows(
            page,
            lambda index: f"at:{start + index}",
            has_next_page=len(rows) > start + length or not listed.complete,
            has_previous_page=start > 0,
            complete=listed.complete,
        )

    return cut


def _position(cursor: str) -> int:
    prefix, _, number = cursor.partition(":")
    if prefix != "at" or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise BadInput("`after` is no cursor of this list; use one that it gave")
    return int(number)


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = seen("Whether there are rows after this page.")
    has_previous_page: bool = seen("Whether there are rows before this page.")
    start_cursor: str | None = seen("The cursor of the first row.")
    end_cursor: str | None = seen("The cursor of the last row: pass it as `after` for the next page.")


@strawberry.type(description="A row of a list, with its place in it.")
class Edge(Generic[T]):
    node: T | None = seen("The row.")
    cursor: str = seen("The row's place: pass it as `after` to go on from here.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = seen("The rows of this page, each with its cursor.")
    nodes: list[T] = seen("The rows of this page.")
    page_info: PageInfo = seen("Where this page lies in the list.", reads=())
    complete: bool = seen("False where a source held more than could be fetched: the list is then cut short.")
