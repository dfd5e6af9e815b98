"""What is wrong with what a client asked, in words that are ours and safe to show it."""

from __future__ import annotations


class BadInput(Exception):
    """An argument can't be used; the message names it and says what would do, never its value."""


class TooMuch(BadInput):
    """More is asked for than is done at once; the message says what the bound is."""
