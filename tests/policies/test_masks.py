"""What a mask leaves can't single anyone out, and a mask that fails leaves nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import MASKS, Coordinate, Mask
from policies.masks import KEPT, QUARTER, SMALL_ZIP3, WITHHELD, YEAR, YEAR_OF_BIRTH, ZIP3

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
        pytest.param(WITHHELD, "Ana came alone", None, id="free text"),
        pytest.param(KEPT, "female", "female", id="a gender"),
        pytest.param(KEPT, False, False, id="not deceased"),
    ],
)
def test_what_a_mask_leaves(mask: Mask, value: object, left: object) -> None:
    assert mask.apply(value, TODAY) == left


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
        "Patient.birthDate": "year-of-birth",
        "Patient.gender": "kept",
        "Patient.deceased": "kept",
        "Patient.deceasedDateTime": "year",
        "Address.state": "kept",
        "Address.postalCode": "zip3",
        "Engagement.lastTouch": "quarter",
        "CarePlan.description": "withheld",
        "DocumentReference.description": "withheld",
    }


def test_no_argument_is_masked_since_to_search_by_a_value_is_to_learn_it() -> None:
    assert all(coordinate.argument is None for coordinate in MASKS)
    assert Coordinate("Query", "patients", "birthDate") not in MASKS


def test_masks_with_one_id_are_one_mask() -> None:
    by_id = {mask.id: mask for mask in MASKS.values()}

    assert all(by_id[mask.id] is mask for mask in MASKS.values())


dates = st.dates(date(1900, 1, 1), TODAY)


@given(dates, dates)
def test_two_people_born_in_one_year_can_not_be_told_apart(one: date, other: date) -> None:
    other = other.replace(year=one.year, day=min(other.day, 28))

    left = YEAR_OF_BIRTH.apply(one.isoformat(), TODAY)

    assert left == YEAR_OF_BIRTH.apply(other.isoformat(), TODAY)
    assert left in (None, str(one.year))


@given(st.from_type(object) | st.text() | st.integers() | st.none() | st.lists(st.text()))
def test_a_mask_of_dates_or_places_leaves_nothing_of_what_it_can_not_read(value: object) -> None:
    for mask in (YEAR_OF_BIRTH, YEAR, QUARTER, ZIP3, WITHHELD):
        left = mask.apply(value, TODAY)
        assert left is None or (isinstance(left, str) and isinstance(value, str) and len(left) <= 7)
