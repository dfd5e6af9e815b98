"""Searches that have more pages: what they found, kept under a token that says nothing."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

from sandbox.ehr.outcomes import Refusal
from sandbox.ehr.query import Query

KEPT = 1_000
"""Searches whose pages can still be asked for; the least recently used goes first."""


@dataclass(frozen=True)
class Page:
    """A part of what a search found: `ids[start : start + query.count]`; `token` is empty on a first page.

    `is_cut`: the search found more, which no page has, and it is said. `total` is what it found in all.
    """

    query: Query
    ids: list[str]
    start: int = 0
    token: str = ""
    is_cut: bool = False
    total: int = 0

    @property
    def here(self) -> list[str]:
        """The ids on this page."""
        return self.ids[self.start : self.start + self.query.count]

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after this page; a search for the count alone has no pages at all."""
        return self.query.count == 0 or self.start + self.query.count >= len(self.ids)


class Pages:
    """The searches under way."""

    def __init__(self) -> None:
        self._searches: OrderedDict[str, Page] = OrderedDict()

    def after(self, page: Page) -> str:
        """The token of the page that follows *page*."""
        key = page.token.partition(".")[0] or secrets.token_urlsafe(12)
        self._searches[key] = page
        while len(self._searches) > KEPT:
            self._searches.popitem(last=False)
        return f"{key}.{page.start + page.query.count}"

    def open(self, type_: str, token: str) -> Page:
        """The page *token* stands for; the same token gives the same page again.

        Raises:
            Refusal: 410, the token is not known or no longer, or is of a search on another type.
        """
        key, _, start = token.partition(".")
        page = self._searches.get(key)
        if page is None or page.query.type_ != type_ or not start.isdecimal():
            raise Refusal(410, "expired", "this page has expired; run the search again")
        self._searches.move_to_end(key)
        return replace(page, start=int(start[:9]), token=token)
