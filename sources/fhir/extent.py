"""Owns how much is read of one search or history before it is called incomplete. Pure."""

from __future__ import annotations

from typing import NamedTuple

SMALLER = 20
"""How many times smaller than asked for a server's pages may be, for as many rows to be read of them."""


class Extent(NamedTuple):
    """So many pages of the size that is asked for, or what makes as many rows of smaller ones.

    HAPI gives pages of 50 unless its operator says otherwise, whatever is asked for. If pages alone counted,
    what a list of patients has would be cut after a few of them.
    """

    page_limit: int
    page_size: int

    def has_room(self, pages: int, rows: int) -> bool:
        """Whether another page is read, after so many with so many rows in all."""
        if pages < self.page_limit:
            return True
        return rows < self.page_limit * self.page_size and pages < self.page_limit * SMALLER
