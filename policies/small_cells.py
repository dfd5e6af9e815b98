"""Small cells: which counts of patients may be told, and how closely. This file is for compliance to review.

Every count of an outcome is told as a range of ten, and not at all where fewer than eleven patients are
behind it. All ranges begin one above a multiple of ten: so at least ten values of a count that is withheld,
or of the difference of two that are told, fit all that is told, and nobody can tell which of them it is.
"""

from __future__ import annotations

from typing import NamedTuple

FEWEST = 11
"""The fewest patients that a count may be told of (the cell size policy of the CMS)."""

STEP = 10
"""How many counts look alike: those from 11 to 20, those from 21 to 30, and so on."""

TOO_FEW = f"fewer than {FEWEST} patients"
"""Why a count is withheld, as it is told."""


class Told(NamedTuple):
    """A count as it may be told: a range of it, or why it is withheld."""

    at_least: int | None = None
    at_most: int | None = None
    withheld: str | None = None


def told(count: int, patients: int) -> Told:
    """A *count* that is not below the number of *patients* behind it, which it may be."""
    if patients < FEWEST:
        return Told(withheld=TOO_FEW)
    at_least = FEWEST + (count - FEWEST) // STEP * STEP
    return Told(at_least, at_least + STEP - 1)


def share(part: Told, of: tuple[Told, ...]) -> float | None:
    """What share *part* is of those together: 0 to 1, worked out from what is told and nothing else.

    Each stands for the middle of its range. None where one of them is withheld.
    """
    middle, *whole = map(_middle, (part, *of))
    known = [each for each in whole if each is not None]
    return round(middle / sum(known), 2) if middle is not None and len(known) == len(of) else None


def _middle(of: Told) -> float | None:
    return None if of.at_least is None else of.at_least + (STEP - 1) / 2
