"""The explorer has a sample for each persona, all of which it may read."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.samples import SAMPLES
from sandbox.idp.personas import personas
from tests.stories.house import House


def test_every_persona_has_a_sample_of_its_own() -> None:
    assert {sample.persona for sample in SAMPLES} == {None, *personas()}


@pytest.mark.parametrize(
    ("persona", "query"), [pytest.param(it.persona, it.query, id=it.title) for it in SAMPLES if it.persona]
)
def test_a_personas_sample_is_answered_whole_and_shows_something(
    house: House, persona: str, query: str
) -> None:
    data = house.data(persona, query)

    assert any(isinstance(leaf, str) for leaf in _leaves(data))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for inner in value for leaf in _leaves(inner)] if isinstance(value, list) else [value]
