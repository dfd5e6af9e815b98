"""What goes to graphql-core, whole, and that it is answered there by the same declarations and decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from graphql import parse

from gateway.execution.collect import Opaque, operation_of
from gateway.execution.core import CoreScope, run_in_core
from gateway.execution.engine import Granted, Prepared
from policies.masks import Mask
from sources.errors import SourceUnavailable
from tests.execution.awkward import awkward
from tests.execution.by_hand import ByHand, Directly, Fetched, planned, row, thing, to
from tests.execution.grants import Everything, masking

HIDE = Mask("hide", "nothing is shown", lambda value, today: None)


async def in_core(text: str, loaders: ByHand, grant: Granted | None = None) -> tuple[Any, dict[Any, str]]:
    """graphql-core's data, and the class of the cause of each error by path."""
    document = parse(text)
    prepared = Prepared.of(text, document, operation_of(document, None))
    scope = CoreScope(grant or Everything(), loaders, awkward)
    result = await run_in_core(awkward(), prepared, scope, {})
    causes = {tuple(e.path or ()): type(e.original_error).__name__ for e in result.errors or ()}
    return result.data, causes


@pytest.mark.parametrize(
    ("text", "reason", "variables"),
    [
        ("{ __schema { queryType { name } } needed { id } }", "introspection", {}),
        ('{ __type(name: "Thing") { name } }', "introspection", {}),
        ("query ($if: Boolean = true) { number @include(if: $if) }", "condition", {"if": None}),
    ],
    ids=["the schema", "a type", "a condition that is null"],
)
def test_what_the_engine_does_not_see_through_it_says(
    text: str, reason: str, variables: dict[str, object]
) -> None:
    with pytest.raises(Opaque) as opaque:
        planned(text, variables=variables)

    assert opaque.value.reason == reason


@pytest.mark.anyio
async def test_introspection_and_data_are_answered_together() -> None:
    loaders = ByHand({"Query.needed": to(thing(id="1"))})

    data, causes = await in_core("{ __schema { queryType { name } } needed { id } }", loaders)

    assert data == {"__schema": {"queryType": {"name": "Query"}}, "needed": {"id": "1"}}
    assert causes == {}


@pytest.mark.anyio
async def test_rows_of_abstract_types_are_told_apart() -> None:
    rows = [[row("Other", rank=1), None], [row("Part", size=2)], [row("Page", total=3)]]
    loaders = ByHand({"Query.every": to(rows)})

    data, causes = await in_core(
        "{ every { __typename ... on Other { rank } ... on Part { size } } }", loaders
    )

    assert data == {
        "every": [
            [{"__typename": "Other", "rank": 1}, None],
            [{"__typename": "Part", "size": 2}],
            [None],
        ]
    }
    assert list(causes) == [("every", 2, 0)]


@pytest.mark.anyio
async def test_an_edge_without_a_key_is_asked_once_for_a_level() -> None:
    alone = Fetched({None: thing(id="A")})
    loaders = ByHand({"Query.grid": to([[thing(), thing()]]), "Thing.alone": alone})

    data, _ = await in_core("{ grid { alone { id } } }", loaders)

    assert data == {"grid": [[{"alone": {"id": "A"}}, {"alone": {"id": "A"}}]]}
    assert alone.asked == [[None]]


@pytest.mark.anyio
async def test_a_loader_that_gives_too_few_values_fails_its_keys_and_names_none_of_them() -> None:
    async def one_less(keys: Sequence[str]) -> list[Any]:
        return [thing(id="of whom?") for _ in keys][1:]

    async def root(keys: Sequence[None]) -> list[Any]:
        return [[[thing(friend_key="secret 1"), thing(friend_key="secret 2")]] for _ in keys]

    loaders = Directly({"Query.grid": root, "Thing.friend": one_less})

    data, causes = await in_core("{ grid { friend { id } } }", loaders)

    assert data == {"grid": [[{"friend": None}, {"friend": None}]]}
    assert causes == {("grid", 0, 0, "friend"): "WrongCount", ("grid", 0, 1, "friend"): "WrongCount"}


@pytest.mark.anyio
async def test_a_field_that_is_dropped_takes_nothing_from_those_that_wait_for_the_same_key() -> None:
    let_go = asyncio.Event()

    async def slow(keys: Sequence[str]) -> dict[str, Any]:
        await let_go.wait()
        return {key: thing(id=key) for key in keys}

    async def broken(keys: Sequence[str]) -> dict[str, Any]:
        asyncio.get_running_loop().call_later(0.01, let_go.set)
        raise SourceUnavailable("ehr", "it did not answer")

    loaders = ByHand(
        {
            "Query.grid": to([[thing(friend_key="a")]]),
            "Query.every": to([[thing(friend_key="a", score_key="s")]]),
            "Thing.friend": slow,
            "Thing.score": broken,
        }
    )
    text = "{ grid { friend { id } } every { ... on Thing { friend { id } scoreNeeded } } }"

    data, causes = await asyncio.wait_for(in_core(text, loaders), 5)

    assert data == {"grid": [[{"friend": {"id": "a"}}]], "every": [[None]]}
    assert causes == {("every", 0, 0, "scoreNeeded"): "SourceUnavailable"}


@pytest.mark.anyio
async def test_what_lies_behind_an_edge_is_not_shown_to_whom_it_is_to_be_masked() -> None:
    friends = Fetched({"a": thing(id="A")})
    loaders = ByHand({"Query.needed": to(thing(friend_key="a")), "Thing.friend": friends})

    data, causes = await in_core("{ needed { friend { id } } }", loaders, masking(HIDE, "Thing.friend"))

    assert data == {"needed": {"friend": None}}
    assert causes == {("needed", "friend"): "Refused"}
    assert friends.asked == []


@pytest.mark.anyio
async def test_a_failure_of_a_source_is_told_where_its_field_is() -> None:
    loaders = ByHand({"Query.number": Fetched({None: SourceUnavailable("ehr", "it did not answer")})})
    document = parse("{\n  number\n}")
    prepared = Prepared.of("a document", document, operation_of(document, None))

    result = await run_in_core(awkward(), prepared, CoreScope(Everything(), loaders, awkward), {})

    assert result.errors is not None
    (error,) = result.errors
    assert [(at.line, at.column) for at in error.locations or ()] == [(2, 3)]
    assert isinstance(error.original_error, SourceUnavailable)
