"""A page of a search is full, in order, and goes on where it ended; what was withheld leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.connection import Rows
from resolvers.cursors import Seal
from resolvers.faults import BadInput
from resolvers.searching import MOST_PAGES, Searching
from sources.errors import SourceUnavailable
from sources.ports import Page

SEAL = Seal(b"a secret")


class Book:
    """A source of numbers from 0, which gives a page at most *most* of them and notes what it is asked."""

    def __init__(self, holds: int, most: int = 1_000) -> None:
        self.holds = holds
        self._most = most
        self.asked: list[tuple[int, str | None]] = []
        self.missing: dict[str | None, SourceUnavailable] = {}

    async def page(self, count: int, bookmark: str | None) -> Page[int]:
        self.asked.append((count, bookmark))
        start = int(bookmark or 0)
        end = min(start + min(count, self._most), self.holds)
        missing = (self.missing[bookmark],) if bookmark in self.missing else ()
        return Page(tuple(range(start, end)), str(end) if end < self.holds else None, missing)


class Search:
    """What is searched, what is withheld of it, and which rows were judged, call by call."""

    def __init__(
        self,
        book: Book,
        withheld: frozenset[int] = frozenset(),
        looks_ahead: bool = False,
        bound_to: str = "a grant: a search",
    ) -> None:
        self.book = book
        self.withheld = withheld
        self.looks_ahead = looks_ahead
        self.bound_to = bound_to
        self.judged: list[list[int]] = []

    @property
    def admitted(self) -> list[int]:
        """All that may be known of, by a naive reading."""
        return [row for row in range(self.book.holds) if row not in self.withheld]

    def rows(self, first: int, after: str | None = None) -> Rows[int]:
        async def admit(rows: Sequence[int]) -> Sequence[bool]:
            self.judged.append(list(rows))
            return [row not in self.withheld for row in rows]

        searching = Searching(SEAL, self.bound_to, self.book.page, admit, looks_ahead=self.looks_ahead)
        return asyncio.run(searching.rows(first, after))

    def pages(self, first: int) -> list[Rows[int]]:
        """All pages, each from the cursor at the end of the one before."""
        pages = [self.rows(first)]
        while pages[-1].has_next_page and pages[-1].nodes:
            pages.append(self.rows(first, pages[-1].end_cursor))
        return pages


def searches() -> st.SearchStrategy[Search]:
    books = st.builds(Book, st.integers(0, 12), st.sampled_from([1, 2, 3, 1_000]))
    return st.builds(Search, books, st.frozensets(st.integers(0, 12)), st.booleans())


@given(searches(), st.integers(1, 5))
def test_the_pages_together_hold_what_is_admitted_in_order_and_each_but_the_last_is_full(
    search: Search, first: int
) -> None:
    pages = search.pages(first)

    assert [row for page in pages for row in page.nodes] == search.admitted
    full = [len(page.nodes) for page in pages if page.nodes][:-1]
    assert full == [first] * len(full)
    assert [page.has_previous_page for page in pages] == [False, *[True] * (len(pages) - 1)]


@given(searches(), st.integers(1, 5))
def test_who_looks_ahead_promises_more_only_where_there_is_more(search: Search, first: int) -> None:
    ahead = Search(search.book, search.withheld, looks_ahead=True)

    pages = ahead.pages(first)

    assert [page.has_next_page for page in pages] == [*[True] * (len(pages) - 1), False]
    assert all(page.nodes for page in pages[1:])


@given(searches(), st.integers(1, 5), st.data())
def test_from_the_cursor_of_any_row_the_search_goes_on_after_it(
    search: Search, first: int, data: st.DataObject
) -> None:
    page = search.rows(first)
    for index, node in enumerate(page.nodes):
        rest = search.rows(first, page.edges[index].cursor)
        after = [row for row in search.admitted if row > node]
        assert list(rest.nodes) == after[:first]


def test_where_nothing_is_withheld_a_page_is_one_call() -> None:
    search = Search(Book(6))

    first = search.rows(3)
    assert (list(first.nodes), first.has_next_page) == ([0, 1, 2], True)
    assert search.book.asked == [(3, None)]
    second = search.rows(3, first.end_cursor)
    assert (list(second.nodes), second.has_next_page) == ([3, 4, 5], False)
    assert search.book.asked == [(3, None), (3, "3")]


def test_a_short_page_is_filled_from_the_next_and_looked_beyond() -> None:
    search = Search(Book(10), frozenset({1}))

    page = search.rows(2)

    assert (list(page.nodes), page.has_next_page) == ([0, 2], True)
    assert search.book.asked == [(2, None), (2, "2")]


def test_of_what_is_withheld_at_the_end_there_is_no_promise() -> None:
    search = Search(Book(6), frozenset({1, 3, 4, 5}))

    page = search.rows(2)

    assert (list(page.nodes), page.has_next_page) == ([0, 2], False)
    assert search.book.asked == [(2, None), (2, "2"), (2, "4")]


def test_who_expects_withheld_rows_asks_for_a_page_more_before_promising_one() -> None:
    search = Search(Book(4), frozenset({2, 3}), looks_ahead=True)

    page = search.rows(2)

    assert (list(page.nodes), page.has_next_page) == ([0, 1], False)
    assert search.book.asked == [(2, None), (2, "2")]


class Generous(Book):
    """One that gives four rows whatever it is asked for."""

    async def page(self, count: int, bookmark: str | None) -> Page[int]:
        return await super().page(4, bookmark)


def test_a_source_with_larger_pages_than_asked_for_is_read_on_in_the_middle_of_one() -> None:
    search = Search(Generous(8))
    first = search.rows(3)
    second = search.rows(3, first.end_cursor)

    assert (list(first.nodes), first.has_next_page) == ([0, 1, 2], True)
    assert (list(second.nodes), second.has_next_page) == ([3, 4, 5], True)
    assert search.book.asked == [(4, None), (4, None), (4, "4")]


def test_no_row_is_judged_that_is_not_on_the_page_while_none_is_withheld() -> None:
    search = Search(Generous(8))
    search.rows(3, search.rows(3).end_cursor)

    assert search.judged == [[0, 1, 2], [3], [4, 5]]


def test_once_a_row_is_withheld_the_rest_of_the_sources_page_is_judged_without_asking_again() -> None:
    search = Search(Generous(8), frozenset({0}))

    page = search.rows(2)

    assert (list(page.nodes), page.has_next_page) == ([1, 2], True)
    assert search.judged == [[0, 1], [2, 3]]
    assert search.book.asked == [(4, None)]


def test_who_expects_withheld_rows_has_the_whole_page_judged_at_once() -> None:
    search = Search(Generous(8), looks_ahead=True)

    assert list(search.rows(2).nodes) == [0, 1]
    assert search.judged == [[0, 1, 2, 3]]


def test_a_judgement_of_other_rows_than_were_asked_of_is_none() -> None:
    async def admit(rows: Sequence[int]) -> Sequence[bool]:
        return [True] * (len(rows) - 1)

    with pytest.raises(ValueError, match="shorter"):
        asyncio.run(Searching(SEAL, "", Book(3).page, admit, looks_ahead=False).rows(3, None))


def test_where_page_upon_page_is_withheld_the_search_ends_and_promises_more() -> None:
    search = Search(Book(MOST_PAGES + 5, 1), frozenset(range(MOST_PAGES + 5)))

    page = search.rows(1)

    assert (list(page.nodes), page.has_next_page) == ([], True)
    assert len(search.book.asked) == MOST_PAGES == 20


def test_a_page_of_none_asks_for_one_row_to_tell_whether_there_are_any() -> None:
    some, none = Search(Book(3)), Search(Book(0))

    assert (list(some.rows(0).nodes), some.rows(0).has_next_page) == ([], True)
    assert (list(none.rows(0).nodes), none.rows(0).has_next_page) == ([], False)
    assert some.book.asked[0] == (1, None)


@pytest.mark.parametrize("at", [None, "2"])
def test_a_page_is_not_complete_where_a_source_could_not_tell_all_of_what_it_is_filled_from(
    at: str | None,
) -> None:
    search = Search(Book(10), frozenset({1}))
    assert search.rows(2).complete

    search.book.missing[at] = SourceUnavailable("south", "down")

    assert not search.rows(2).complete


def test_a_cursor_opens_no_other_search_and_no_page_of_another_size() -> None:
    search = Search(Book(6))
    cursor = search.rows(3).end_cursor
    asked = len(search.book.asked)

    for other, first in ((Search(search.book, bound_to="another grant: a search"), 3), (search, 2)):
        with pytest.raises(BadInput, match="another search"):
            other.rows(first, cursor)
    assert len(search.book.asked) == asked
