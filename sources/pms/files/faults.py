"""Owns what is wrong with a file or a row of it: where, never what."""

from __future__ import annotations


class BadRow(Exception):
    """A row that cannot be taken; the message names the column, never its value."""


class BadFile(Exception):
    """A file that cannot be taken as a whole; the message is ours, and safe for a log."""


class Held(Exception):
    """A full file that would delete more than it may; it waits for a person to release it."""
