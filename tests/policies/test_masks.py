"""What a mask leaves can't single anyone out, and a mask that fails leaves nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import BOUNDARY, MASKS, Coordinate, Effect, Mask
from policies.masks import AGE, KEPT, OVER_89, QUARTER, SMALL_ZIP3, UNMASKED, YEAR, YEAR_OF_BIRTH, ZIP3
from resolvers.schema import build, classify, core_of

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("mask", "value", "left"),
    [
        pytest.param(YEAR_OF_BIRTH, "1980-02-29", "1980", id="a woman of 46"),
        pytest.param(YEAR_OF_BIRTH, "1980", "1980", id="someone whose year alone is known"),
        pytest.param(YEAR_OF_BIRTH, "1980-02", "1980", id="someone whose day is unknown"),
        pytest.param(YEAR_OF_BIRTH, "2026-11-22", "2026", id="a newborn"),
        pytest.param(YEAR_OF_BIRTH, "1937-01-01", "1937", id="a man of 89 who turns 90 next year"),
        pytest.param(YEAR_OF_BIRTH, "1936-12-31", None, id="a man of 89 who turns 90 this year"),
        pytest.param(YEAR_OF_BIRTH, "1936-01-01", None, id="a woman of 90"),
        pytest.param(YEAR_OF_BIRTH, "1901-05-05", None, id="a woman of 125"),
        pytest.param(YEAR_OF_BIRTH, "2027-01-01", None, id="someone not yet born"),
        pytest.param(YEAR_OF_BIRTH, "05/05/1980", None, id="a date that is no FHIR date"),
        pytest.param(YEAR_OF_BIRTH, "1980-13-01", None, id="a thirteenth month"),
        pytest.param(YEAR_OF_BIRTH, "1980-02-29 Ana", None, id="a date with something behind it"),
        pytest.param(YEAR_OF_BIRTH, None, None, id="no birth date"),
        pytest.param(YEAR_OF_BIRTH, 1980, None, id="a number"),
        pytest.param(YEAR, "2026-08-15T10:00:00-05:00", "2026", id="an instant's year"),
        pytest.param(YEAR, "1931", "1931", id="a year's year"),
        pytest.param(YEAR, "soon", None, id="the year of no date"),
        pytest.param(QUARTER, "2026-01-01", "2026-Q1", id="January"),
        pytest.param(QUARTER, "2026-03-31T23:59:59Z", "2026-Q1", id="the end of March"),
        pytest.param(QUARTER, "2026-04", "2026-Q2", id="April, the day unknown"),
        pytest.param(QUARTER, "2026-09-30", "2026-Q3", id="September"),
        pytest.param(QUARTER, "2026-12-31", "2026-Q4", id="December"),
        pytest.param(QUARTER, "2026", None, id="the quarter of a year alone"),
        pytest.param(QUARTER, "soon", None, id="the quarter of no date"),
        pytest.param(ZIP3, "62701", "627", id="Springfield"),
        pytest.param(ZIP3, "62701-1234", "627", id="Springfield, ZIP+4"),
        pytest.param(ZIP3, "627011234", "627", id="Springfield, ZIP+4 in one"),
        pytest.param(ZIP3, "03601", "000", id="a small area"),
        pytest.param(ZIP3, "89301", "000", id="the last of the small areas"),
        pytest.param(ZIP3, "6270", None, id="four digits"),
        pytest.param(ZIP3, "K1A 0B1", None, id="Ottawa"),
        pytest.param(ZIP3, None, None, id="no ZIP code"),
        pytest.param(AGE, "1980-02-29", "1980", id="the age of a woman of 46, by her year"),
        pytest.param(AGE, "2026-11-22", "2026", id="the age of a newborn"),
        pytest.param(AGE, "1937-12-31", "1937", id="the age of one of 88 who turns 89 this year"),
        pytest.param(AGE, "1936-12-31", "90+", id="the age of one of 89 who turns 90 this year"),
        pytest.param(AGE, "1936-01-01", "90+", id="the age of one of 90"),
        pytest.param(AGE, "1901", "90+", id="the age of one of 125, whose day is unknown"),
        pytest.param(AGE, "2027-01-01", None, id="the age of one not yet born"),
        pytest.param(AGE, "ninety", None, id="the age by no date"),
        pytest.param(KEPT, "female", "female", id="a gender"),
        pytest.param(KEPT, False, False, id="not deceased"),
    ],
)
def test_what_a_mask_leaves(mask: Mask, value: object, left: object) -> None:
    assert mask.apply(value, TODAY) == left
    assert mask.transform(value, TODAY) == left, "by itself, without the net for one that raises"


def test_the_age_of_89_moves_with_the_years() -> None:
    assert YEAR_OF_BIRTH.apply("1937-06-01", date(2026, 12, 31)) == "1937"
    assert YEAR_OF_BIRTH.apply("1937-06-01", date(2027, 1, 1)) is None


def test_a_mask_that_raises_leaves_nothing() -> None:
    def broken(value: object, today: date) -> object:
        raise RuntimeError("broken")

    assert Mask("broken", "Nothing.", broken).apply("1980-02-29", TODAY) is None


def test_called_a_mask_takes_todays_date() -> None:
    this_year = datetime.now(UTC).year

    assert YEAR_OF_BIRTH(f"{this_year - 90}-12-31") is None
    assert YEAR_OF_BIRTH(f"{this_year - 80}-12-31") == f"{this_year - 80}"


def test_the_small_areas_are_those_of_the_guidance() -> None:
    assert " ".join(sorted(SMALL_ZIP3)) == (
        "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
    )


def test_which_coordinate_takes_which_mask() -> None:
    assert {str(coordinate): mask.id for coordinate, mask in MASKS.items()} == {
        "Patient.active": "kept",
        "Patient.birthDate": "year-of-birth",
        "Patient.age": "age",
        "Patient.gender": "kept",
        "Patient.deceased": "kept",
        "Patient.deceasedDateTime": "year",
        "Patient.postalCode": "zip3",
        "Engagement.lastTouch": "quarter",
    }


def test_of_every_field_whose_class_is_masked_for_someone_it_is_decided_what_is_left() -> None:
    masked = {data for (_, data), cell in BOUNDARY.items() if cell.effect is Effect.MASK}
    fields = {at for at, is_ in classify(core_of(build())).items() if is_.data in masked}

    assert MASKS.keys() | UNMASKED.keys() == fields
    assert MASKS.keys().isdisjoint(UNMASKED)
    assert all(why.endswith(".") for why in UNMASKED.values())


def test_no_argument_is_masked_since_to_search_by_a_value_is_to_learn_it() -> None:
    assert all(coordinate.argument is None for coordinate in MASKS)
    assert Coordinate("Query", "patients", "birthDate") not in MASKS


def test_masks_with_one_id_are_one_mask() -> None:
    by_id = {mask.id: mask for mask in MASKS.values()}

    assert all(by_id[mask.id] is mask for mask in MASKS.values())


BORN = (date(1900, 1, 1), date(2030, 12, 31))
dates = st.dates(*BORN)
todays = st.dates(date(2020, 1, 1), date(2032, 12, 31))


@given(dates, dates, todays)
def test_two_people_born_in_one_year_can_not_be_told_apart(one: date, other: date, today: date) -> None:
    other = other.replace(year=one.year, day=min(other.day, 28))

    for mask in (YEAR_OF_BIRTH, AGE):
        left = mask.apply(one.isoformat(), today)
        assert left == mask.apply(other.isoformat(), today)
        assert left in (None, str(one.year), OVER_89)


def years_old(born: date, today: date) -> int:
    """By counting birthdays; one of 29 February is kept on 1 March where there is no such day."""
    birthdays = 0
    for year in range(born.year + 1, today.year + 1):
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        on = (
            date(year, 3, 1) if (born.month, born.day) == (2, 29) and not is_leap else born.replace(year=year)
        )
        birthdays += on <= today
    return birthdays


@given(dates, todays)
def test_no_mask_gives_away_an_age_above_89(born: date, today: date) -> None:
    shown_year, shown_age = (mask.apply(born.isoformat(), today) for mask in (YEAR_OF_BIRTH, AGE))

    if born <= today and years_old(born, today) > 89:
        assert (shown_year, shown_age) == (None, OVER_89)
    if shown_age == OVER_89:
        assert born.year + 90 <= today.year


@pytest.mark.parametrize(
    ("born", "today", "year", "age"),
    [
        pytest.param("1936-02-29", date(2026, 2, 28), None, "90+", id="the eve of 90, in no leap year"),
        pytest.param(
            "1936-02-29", date(2025, 12, 31), "1936", "1936", id="89, the last day of the year before"
        ),
        pytest.param("1932-02-29", date(2021, 12, 31), "1932", "1932", id="89, before the year of 90"),
        pytest.param("1934-03-01", date(2024, 2, 29), None, "90+", id="89 on a leap day, 90 the day after"),
        pytest.param("1935-03-01", date(2024, 2, 29), "1935", "1935", id="88 on a leap day"),
        pytest.param("2024-02-29", date(2024, 2, 29), "2024", "2024", id="born on this leap day"),
    ],
)
def test_the_boundary_at_90_and_leap_days(born: str, today: date, year: str | None, age: str) -> None:
    assert YEAR_OF_BIRTH.apply(born, today) == year
    assert AGE.apply(born, today) == age


@given(dates, st.sampled_from(["", "T00:00:00Z", "T23:59:59.999-05:00"]), todays)
def test_a_quarter_is_that_of_the_date_and_nothing_finer(day: date, time: str, today: date) -> None:
    left = QUARTER.apply(f"{day.isoformat()}{time}", today)

    assert left == f"{day.year}-Q{1 + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].index(day.month) // 3}"


@given(st.integers(0, 99_999), st.sampled_from(["", "-0000", "1234"]), todays)
def test_a_zip_code_shows_three_digits_or_of_a_small_area_none(number: int, more: str, today: date) -> None:
    code = f"{number:05}"

    left = ZIP3.apply(f"{code}{more}", today)

    assert left == ("000" if code[:3] in SMALL_ZIP3 else code[:3])


@given(st.from_type(object) | st.text() | st.integers() | st.none() | st.lists(st.text()), todays)
def test_a_mask_of_dates_or_places_leaves_nothing_of_what_it_can_not_read(value: object, today: date) -> None:
    for mask in (YEAR_OF_BIRTH, AGE, YEAR, QUARTER, ZIP3):
        left = mask.apply(value, today)
        assert left is None or (isinstance(left, str) and isinstance(value, str) and len(left) <= 7)


@given(st.text() | dates.map(date.isoformat), todays)
def test_what_is_masked_to_a_year_or_kept_stays_as_it_is_when_masked_again(value: str, today: date) -> None:
    for mask in (YEAR_OF_BIRTH, YEAR, KEPT):
        once = mask.apply(value, today)
        assert mask.apply(once, today) == once
