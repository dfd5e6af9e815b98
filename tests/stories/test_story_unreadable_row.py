"""Patients of a search cannot be read: the others are there, and it is told, without how many and where."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.dataset import generate
from tests.stories.conftest import TODAY
from tests.stories.house import House, running

SECRET = "Zaphod Beeblebrox"
PATIENTS = """
query ($first: Int!, $after: String) {
  patients(first: $first, after: $after) {
    nodes { id name { family } }
    complete
    pageInfo { hasNextPage endCursor }
  }
}
"""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A house of five, of whom the EHR sends one with a field that nobody knows."""
    dataset = generate(5, today=TODAY)
    held: dict[str, dict[str, Any]] = dataset.resources["Patient"]
    held[sorted(held)[2]]["name"][0]["vendorField"] = SECRET
    with running(dataset) as made:
        yield made


def asked(house: House, first: int, after: str | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = house.ask("clinician", PATIENTS, {"first": first, "after": after})
    return answer


def test_the_others_of_its_page_are_there_and_the_answer_says_that_one_is_not(house: House) -> None:
    answer = asked(house, 10)

    assert len(answer["data"]["patients"]["nodes"]) == 4
    assert answer["data"]["patients"]["complete"] is False
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["SOURCE_MISREAD"]
    assert SECRET not in str(answer)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_page_by_page_every_other_comes_once(house: House, first: int) -> None:
    every = [node["id"] for node in asked(house, 10)["data"]["patients"]["nodes"]]
    seen: list[str] = []
    after: str | None = None
    for _ in range(10):
        page = asked(house, first, after)["data"]["patients"]
        seen += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert sorted(seen) == sorted(every)


def test_two_that_cannot_be_read_are_told_as_one_is(house: House) -> None:
    dataset = generate(5, today=TODAY)
    for held in sorted(dataset.resources["Patient"])[1:3]:
        dataset.resources["Patient"][held]["name"][0]["vendorField"] = SECRET
    one = asked(house, 10)
    with running(dataset) as another:
        two = asked(another, 10)

    assert [len(answer["data"]["patients"]["nodes"]) for answer in (one, two)] == [4, 3]
    assert _untraced(two) == _untraced(one)


def test_neither_an_edge_nor_a_node_is_null_in_its_place(house: House) -> None:
    answer = house.ask("clinician", "{ patients { edges { node { id } } nodes { id } } }")
    found = answer["data"]["patients"]

    assert [edge["node"] for edge in found["edges"]] == found["nodes"]
    assert all(found["nodes"])


@pytest.mark.parametrize("persona", ["clinician", "partner"])
def test_everybody_who_may_search_is_told_in_the_same_words(house: House, persona: str) -> None:
    (error,) = house.ask(persona, PATIENTS, {"first": 10})["errors"]

    assert "path" not in error
    assert {name: error["extensions"][name] for name in ("code", "source", "retryable")} == {
        "code": "SOURCE_MISREAD",
        "source": "ehr",
        "retryable": False,
    }
    assert error["message"] == "A system this comes from sent data that cannot be relied on."


def test_a_patient_searches_for_her_own_record_alone_and_is_told_nothing_of_another(house: House) -> None:
    answer = house.ask("patient", PATIENTS, {"first": 10})

    assert [node["id"] for node in answer["data"]["patients"]["nodes"]] == ["Patient/pat-000001"]
    assert answer["data"]["patients"]["complete"] is True
    assert "errors" not in answer


def test_who_may_search_nothing_is_told_nothing_and_nothing_is_asked(house: House) -> None:
    house.forget()
    answer = house.ask("clinician", "{ patients { nodes { id } complete } }", scope="user/Location.rs")

    assert "SOURCE_MISREAD" not in str(answer)
    assert house.asked_all() == []


def _untraced(answer: dict[str, Any]) -> list[Any]:
    """The errors of an answer but for the id that tells one answer from another."""
    return [
        {**error, "extensions": {k: v for k, v in error["extensions"].items() if k != "traceId"}}
        for error in answer["errors"]
    ]
