"""Ages, of birth dates."""

from __future__ import annotations

from datetime import UTC, date, datetime

from policies.masks import OVER_89


def age(born: str, today: date | None = None) -> str | None:
    """The age of someone born then, in whole years, on that day (else today, UTC); None for the unborn.

    A month or day that is not told counts as passed: of a year alone, it is the age reached in the course of
    this year. What policy shows of the very old is shown as it is.
    """
    if born == OVER_89:
        return born
    on = today or datetime.now(UTC).date()
    parts = [int(part) for part in born.split("-")]
    is_to_come = [on.month, on.day][: len(parts) - 1] < parts[1:]
    years = on.year - parts[0] - is_to_come
    return str(years) if years >= 0 else None
