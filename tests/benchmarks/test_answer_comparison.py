"""Two answers are the same when only what a service may choose freely differs."""

from typing import Any

import pytest

from benchmarks.comparison import canonical, difference

ANSWER = {"id": "pat-1", "status": "checked-in", "start": "2026-12-01T16:00:00+00:00", "score": 7}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"id": "UGF0aWVudDpwYXQtMQ=="}, id="a wrapped id"),
        pytest.param({"status": "CHECKED_IN"}, id="an enum"),
        pytest.param({"start": "2026-12-01T10:00:00-06:00"}, id="another zone"),
        pytest.param({"start": "2026-12-01T16:00:00.000Z"}, id="another spelling of UTC"),
        pytest.param({"score": 7.0}, id="a number with a point"),
    ],
)
def test_what_a_service_may_choose_makes_no_difference(other: dict[str, Any]) -> None:
    assert difference(canonical(ANSWER), canonical(dict(reversed((ANSWER | other).items())))) == ""


@pytest.mark.parametrize(
    ("other", "words"),
    [
        pytest.param({"id": "pat-2"}, "answer.id is 'pat-2', expected 'pat-1'", id="another patient"),
        pytest.param(
            {"start": "2026-12-01T16:00:00-06:00"},
            "answer.start is '2026-12-01T22:00:00+00:00', expected '2026-12-01T16:00:00+00:00'",
            id="another instant",
        ),
        pytest.param({"score": True}, "answer.score is True, expected 7", id="a truth for a number"),
        pytest.param({"more": 1}, "answer.more is in one answer only", id="a field too many"),
    ],
)
def test_what_differs_is_named(other: dict[str, Any], words: str) -> None:
    assert difference(canonical(ANSWER), canonical(ANSWER | other)) == words


def test_the_order_of_a_list_matters() -> None:
    assert difference({"edges": [1, 2]}, {"edges": [2, 1]}) == "answer.edges[0] is 2, expected 1"
    assert difference({"edges": [1, 2]}, {"edges": [1]}) == "answer.edges has 1 items, expected 2"


def test_true_is_not_one() -> None:
    assert difference(1, True) == "answer is True, expected 1"
