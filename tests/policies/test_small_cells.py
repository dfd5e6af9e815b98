"""What may be told of a count of patients, and what nobody can work out from what is told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policies.small_cells import TOO_FEW, Told, share, told

MANY = 10
"""How many values must fit what is told of a count that is not: it could be any of them."""


@pytest.mark.parametrize(
    ("count", "patients", "said"),
    [
        pytest.param(0, 0, Told(withheld=TOO_FEW), id="nobody"),
        pytest.param(10, 10, Told(withheld=TOO_FEW), id="ten"),
        pytest.param(11, 11, Told(11, 20), id="eleven"),
        pytest.param(20, 20, Told(11, 20), id="the last of the first range"),
        pytest.param(21, 21, Told(21, 30), id="the first of the next"),
        pytest.param(500, 10, Told(withheld=TOO_FEW), id="many bookings of ten"),
        pytest.param(500, 11, Told(491, 500), id="many bookings of eleven"),
    ],
)
def test_a_count_is_a_range_of_ten_and_nothing_where_fewer_than_eleven_are_behind_it(
    count: int, patients: int, said: Told
) -> None:
    assert told(count, patients) == said


def test_the_reason_is_stated_in_words() -> None:
    assert TOO_FEW == "fewer than 11 patients"


@pytest.mark.parametrize(
    ("part", "of", "said"),
    [
        ((30, 30), [(30, 30), (12, 12)], 0.62),
        ((30, 30), [(30, 30)], 1.0),
        ((15, 15), [(15, 15), (35, 35)], 0.3),
        ((15, 15), [(15, 15), (55, 55)], 0.22),
        ((30, 30), [(30, 30), (10, 10)], None),
        ((10, 10), [(30, 30)], None),
    ],
)
def test_a_share_is_of_the_middles_of_ranges_that_are_told(
    part: tuple[int, int], of: list[tuple[int, int]], said: float | None
) -> None:
    assert share(told(*part), tuple(told(*each) for each in of)) == said


@given(st.integers(11, 5_000), st.integers(11, 5_000), st.integers(11, 5_000))
def test_a_share_tells_nothing_that_the_ranges_do_not(one: int, other: int, near: int) -> None:
    if told(one, one) == told(near, near):
        whole = told(other, other)
        assert share(told(one, one), (told(one, one), whole)) == share(
            told(near, near), (told(near, near), whole)
        )


# An attacker who is told all that is told, and knows how it is made.

parts = st.lists(st.integers(0, 40), min_size=2, max_size=4)


@st.composite
def groups(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """How many patients there are in all; of each status, how many; and how many bookings they have of it.

    Patients may be of several statuses: so all of them are as many as the largest, at least, and at most all
    statuses together.
    """
    people = draw(parts)
    bookings = [count + draw(st.integers(0, 30)) if count else 0 for count in people]
    return draw(st.integers(max(people), sum(people))), people, bookings


@given(groups())
@example((31, [20, 11], [20, 11]))
@example((21, [20, 1], [20, 1]))
@example((20, [10, 10], [10, 10]))
@example((41, [11, 10, 10, 10], [20, 10, 10, 10]))
def test_ten_values_fit_every_count_that_is_withheld(made: tuple[int, list[int], list[int]]) -> None:
    everybody, people, bookings = made
    whole = told(everybody, everybody)
    cells = [told(*each) for each in zip(bookings, people, strict=True)]

    for at, cell in enumerate(cells):
        if cell.withheld:
            fitting = {count for count in range(11) if _fits(whole, cells, at, count)}
            assert people[at] in fitting
            assert len(fitting) >= MANY


def _fits(whole: Told, cells: list[Told], at: int, count: int) -> bool:
    """Whether a status could be of that many patients, with all else that is told."""
    bounds = [(count, count) if place == at else _people(cell) for place, cell in enumerate(cells)]
    least, most = max(low for low, _ in bounds), sum(high for _, high in bounds)
    return any(least <= everybody <= most for everybody in _values(whole))


def _people(cell: Told) -> tuple[int, int]:
    """How few and how many patients can be behind a count of bookings."""
    return (0, 10) if cell.at_most is None else (11, cell.at_most)


def _values(cell: Told) -> range:
    if cell.at_least is None or cell.at_most is None:
        return range(11)
    return range(cell.at_least, cell.at_most + 1)


@given(st.integers(0, 200), st.integers(0, 200))
def test_ten_values_fit_the_difference_of_two_counts_one_of_which_is_part_of_the_other(
    one: int, other: int
) -> None:
    whole, part = told(max(one, other), max(one, other)), told(min(one, other), min(one, other))

    fitting = set(_differences(whole, part))

    assert abs(one - other) in fitting
    assert len(fitting) >= MANY


def _differences(whole: Told, part: Told) -> Iterator[int]:
    return (have - without for have, without in product(_values(whole), _values(part)) if without <= have)
