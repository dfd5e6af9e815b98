"""Pages of a search in one source, without a trace of the rows that are withheld.

A cursor is the source's own bookmark of a page and how far into it the row is; it is bound to the search and
to the grant. Where rows are withheld, the page is filled from the source's next ones, and whether there are
more is found out by looking: neither a short page nor a promise of more tells that something was there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

from resolvers.connection import Rows
from resolvers.cursors import Place, Seal
from sources.ports import Page

V = TypeVar("V")

MOST_PAGES = 20
"""How many of the source's pages one page is filled from; past them, an empty page may promise more."""


class _Kept(NamedTuple, Generic[V]):
    """A row that was admitted, and the place after it."""

    row: V
    after: Place


class _Found(NamedTuple, Generic[V]):
    """Those admitted of the rows of a page up to `end`, and whether any was withheld."""

    kept: list[_Kept[V]]
    end: int
    withheld: bool


class Searching(Generic[V]):
    """One search of one actor. *admit* says of each row whether they may know of it.

    *looks_ahead*: what is withheld is to be expected, so that there may be no more than seems.
    """

    def __init__(
        self,
        seal: Seal,
        bound_to: str,
        page: Callable[[int, str | None], Awaitable[Page[V]]],
        admit: Callable[[Sequence[V]], Awaitable[Sequence[bool]]],
        *,
        looks_ahead: bool,
    ) -> None:
        self._looks_ahead = looks_ahead
        self._seal = seal
        self._bound_to = bound_to
        self._page = page
        self._admit = admit

    async def rows(self, first: int, after: str | None) -> Rows[V]:
        """The *first* rows after a cursor. Raises what the source, the cursor or *admit* raises."""
        bound = sha256(f"{self._bound_to}:{first}".encode()).hexdigest()
        start = self._seal.open(bound, after) if after is not None else Place(None, 0)
        kept, goes_on, complete = await self._kept(start, first)
        return Rows(
            [one.row for one in kept[:first]],
            lambda index: self._seal.close(bound, kept[index].after),
            has_next_page=goes_on,
            has_previous_page=after is not None,
            complete=complete,
        )

    async def _kept(self, start: Place, first: int) -> tuple[list[_Kept[V]], bool, bool]:
        """At least *first* of the rows admitted from *start* on, if there are; whether there are more; and
        whether every source of them could tell.
        """
        complete = True
        kept: list[_Kept[V]] = []
        place, looks_ahead = start, self._looks_ahead
        for _ in range(MOST_PAGES):
            got = await self._page(max(first, 1), place.bookmark)
            complete = complete and not got.missing
            most = len(got.rows) if looks_ahead else first - len(kept)
            found = await self._admitted(got, place, most)
            kept += found.kept
            looks_ahead = looks_ahead or found.withheld
            if looks_ahead and found.end < len(got.rows):
                rest = Place(place.bookmark, found.end)
                found = await self._admitted(got, rest, len(got.rows))
                kept += found.kept
            after = self._after(got, place, found.end)
            if after is None or len(kept) > first or (len(kept) == first and not looks_ahead):
                return kept, after is not None or len(kept) > first, complete
            place = after
        return kept, True, complete

    async def _admitted(self, got: Page[V], start: Place, most: int) -> _Found[V]:
        """Of the next rows of a page, at most so many, those that are admitted."""
        end = min(start.skip + most, len(got.rows))
        rows = got.rows[start.skip : end]
        admitted = await self._admit(rows)
        kept = [
            _Kept(row, self._after(got, start, at) or Place(start.bookmark, at))
            for at, (row, is_admitted) in enumerate(zip(rows, admitted, strict=True), start.skip + 1)
            if is_admitted
        ]
        return _Found(kept, end, not all(admitted))

    def _after(self, got: Page[V], start: Place, row: int) -> Place | None:
        """The place after that many rows of the source's page; None where the search ends there."""
        if row < len(got.rows):
            return Place(start.bookmark, row)
        return Place(got.next, 0) if got.next is not None else None
