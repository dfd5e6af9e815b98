"""The age that the graph shows, of a whole birth date or of what a mask left of it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.masks import AGE
from resolvers.ages import age


@pytest.mark.parametrize(
    ("born", "today", "shown"),
    [
        pytest.param("1980-11-22", date(2026, 11, 22), "46", id="on the birthday"),
        pytest.param("1980-11-23", date(2026, 11, 22), "45", id="the day before"),
        pytest.param("1980-02-29", date(2026, 2, 28), "45", id="a leap day's child, the day before"),
        pytest.param("1980-02-29", date(2026, 3, 1), "46", id="a leap day's child, in no leap year"),
        pytest.param("1980-02-29", date(2024, 2, 29), "44", id="a leap day's child, in a leap year"),
        pytest.param("1936-11-23", date(2026, 11, 22), "89", id="the last day of 89"),
        pytest.param("1936-11-22", date(2026, 11, 22), "90", id="90, to those who may see it"),
        pytest.param("2026-11-22", date(2026, 11, 22), "0", id="a newborn"),
        pytest.param("2026-11-23", date(2026, 11, 22), None, id="one to be born tomorrow"),
        pytest.param("1980", date(2026, 1, 1), "46", id="a year alone: the age reached in its course"),
        pytest.param("1980-11", date(2026, 11, 1), "46", id="a month alone: the age reached in its course"),
        pytest.param("1980-12", date(2026, 11, 30), "45", id="a month to come"),
        pytest.param("90+", date(2026, 11, 22), "90+", id="what a mask leaves of the very old"),
    ],
)
def test_the_age_of_someone_born_then(born: str, today: date, shown: str | None) -> None:
    assert age(born, today) == shown


def test_an_age_is_that_of_today_if_no_other_day_is_said() -> None:
    today = datetime.now(UTC).date()

    assert age(f"{today.year - 30}") == "30"


@given(st.dates(date(1900, 1, 1), date(2026, 12, 31)), st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_a_masked_age_does_not_tell_whether_the_birthday_has_passed(born: date, today: date) -> None:
    shown = age(str(AGE.apply(born.isoformat(), today)), today)

    reached = 2026 - born.year
    assert shown == ("90+" if reached > 89 else str(reached))
