"""One patient and one appointment of a search cannot be read: the others are there, and it is told."""

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
