"""Whether the whole gateway answers alike over a server that others wrote and over the sandbox's own."""

from __future__ import annotations

from typing import Any

from sandbox.records import Dataset
from tests.interop.programs import Disagreement, same
from tests.stories.house import House
from tests.stories.test_story_fhir_practice import house_of
from tests.stories.test_story_one_patient import QUERY

_EVERYONE = "{ patients(first: 50) { nodes { id mrn name { family given } } pageInfo { hasNextPage } } }"


def same_answers(held: Dataset, ehr: dict[str, Any]) -> str:
    """What was asked of both.

    Raises:
        Disagreement: their answers differ.
    """
    with house_of(held) as house:
        expected = _asked(house)
    with house_of(held, ehr=ehr) as house:
        found = _asked(house)
    same(found, expected, "answers")
    return f"{len(expected)} answers equal, of the list of patients and of each one's story"


def _asked(house: House) -> dict[str, Any]:
    """The answer to each question; patients in no order, for a search has none."""
    everyone = _data(house, _EVERYONE)
    told = {"everyone": everyone}
    for node in everyone["patients"]["nodes"]:
        told[node["id"]] = _data(house, QUERY, id=node["id"])
    return told


def _data(house: House, query: str, **variables: str) -> Any:
    answer = house.ask("clinician", query, variables)
    if "errors" in answer:
        raise Disagreement(f"the gateway answers with errors: {answer['errors']}")
    return _unordered(answer["data"])


def _unordered(value: Any) -> Any:
    """*value* without what a server says of its own keeping, and rows by their ids."""
    if isinstance(value, list):
        items = [_unordered(item) for item in value]
        return sorted(items, key=lambda item: item["id"]) if _has_ids(items) else items
    if isinstance(value, dict):
        return {name: _unordered(item) for name, item in value.items() if name != "lastUpdated"}
    return value


def _has_ids(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in items)
