"""Which errors an answer tells, where nulls come to rest, and what is not done for what nobody will see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from policies.masks import Mask
from tests.execution.awkward import Colour
from tests.execution.by_hand import ByHand, Fetched, answered, causes, planned, row, thing, to
from tests.execution.grants import denying, masking
from tests.execution.plans import fields_of
from tests.execution.worlds import Broken

pytestmark = pytest.mark.anyio

FIRST = Mask("first", "the first alone", lambda value, today: value[:1] if isinstance(value, list) else None)


class Breaking:
    """A row some of whose attributes raise."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        raise Broken(name)


async def test_the_error_that_made_a_null_is_told_and_not_one_whose_place_it_took() -> None:
    broken = type("Thing", (Breaking,), {})(id="1")
    loaders = ByHand({"Query.thing": to(broken)})

    result = await answered('{ thing(id: "1") { label flag } }', loaders)

    assert result.data == {"thing": None}
    assert [(error.path, str(error.cause)) for error in result.errors] == [(("thing", "flag"), "flag")]


async def test_one_error_is_told_for_each_null_in_the_order_of_the_answer() -> None:
    rows = [[thing(label="x", count=9), thing(label="y", count=1)], [thing(label="z", count=8)]]
    loaders = ByHand({"Query.grid": to(rows), "Query.number": Fetched({None: Broken("number")})})

    result = await answered("{ number grid { hash label } }", loaders)

    assert result.data == {
        "number": None,
        "grid": [
            [{"hash": None, "label": "x"}, {"hash": "#1", "label": "y"}],
            [{"hash": None, "label": "z"}],
        ],
    }
    assert causes(result) == {
        ("number",): "Broken",
        ("grid", 0, 0, "hash"): "BadInput",
        ("grid", 1, 0, "hash"): "BadInput",
    }
    assert [error.path for error in result.errors] == list(causes(result))


async def test_errors_of_several_items_of_a_list_that_is_null_are_one_error() -> None:
    rows = [None, thing(id="1"), None]
    loaders = ByHand({"Query.grid": to([rows])})

    result = await answered("{ grid { id } }", loaders)

    assert result.data is None
    assert causes(result) == {("grid", 0, 0): "NullHere"}


async def test_the_same_key_on_two_types_is_followed_to_the_one_that_failed() -> None:
    rows = [
        [row("Part", inner=row("Part", tone=Colour.RED)), row("Other", rank=None), row("Part", inner=None)]
    ]
    text = """{ every {
        ... on Part { x: inner { tone } } ... on Other { y: rank } ... on Thing { x: part { size } }
    } }"""

    result = await answered(text, ByHand({"Query.every": to(rows)}))

    assert result.data == {"every": [[{"x": {"tone": "RED"}}, None, {"x": None}]]}
    assert causes(result) == {("every", 0, 1, "y"): "NullHere"}


async def test_a_row_of_none_of_the_possible_types_costs_its_own_place() -> None:
    rows = [[row("Other", name="a"), row("Stranger", name="b")], [row("Page", name="c")]]

    result = await answered("{ every { name } }", ByHand({"Query.every": to(rows)}))

    assert result.data == {"every": [[{"name": "a"}, None], [None]]}
    assert causes(result) == {("every", 0, 1): "NotOfThisType", ("every", 1, 0): "NotOfThisType"}


async def test_a_scalar_that_makes_nothing_of_a_value_is_an_error() -> None:
    result = await answered("{ needed { even } }", ByHand({"Query.needed": to(thing(even=0))}))

    assert result.data == {"needed": {"even": None}}
    assert causes(result) == {("needed", "even"): "NothingShown"}


async def test_a_mask_is_put_on_objects_that_have_edges_below() -> None:
    parts = [row("Part", size=1, owner_key="a"), row("Part", size=2, owner_key="b")]
    owners = Fetched({"a": thing(id="A"), "b": thing(id="B")})
    loaders = ByHand({"Query.needed": to(thing(parts=parts)), "Part.owner": owners})

    result = await answered(
        "{ needed { parts { size owner { id } } } }", loaders, grant=masking(FIRST, "Thing.parts")
    )

    assert result.data == {"needed": {"parts": [{"size": 1, "owner": {"id": "A"}}]}}
    assert owners.asked == [["a"]]


async def test_a_mask_is_put_on_objects_that_have_denied_fields_below() -> None:
    parts = [row("Part", size=1, label="l"), row("Part", size=2, label="m")]
    grant = masking(FIRST, "Thing.parts")
    denied = denying("Part.label")
    both = type(grant)({**grant.decisions, **denied.decisions}, "both")

    result = await answered(
        "{ needed { parts { size label } } }", ByHand({"Query.needed": to(thing(parts=parts))}), grant=both
    )

    assert result.data == {"needed": {"parts": [{"size": 1, "label": None}]}}
    assert causes(result) == {("needed", "parts", 0, "label"): "Refused"}


async def test_an_edge_that_is_to_be_masked_is_refused_and_not_followed() -> None:
    friends = Fetched({"a": thing(id="A")})
    loaders = ByHand({"Query.needed": to(thing(friend_key="a")), "Thing.friend": friends})

    result = await answered("{ needed { friend { id } } }", loaders, grant=masking(FIRST, "Thing.friend"))

    assert result.data == {"needed": {"friend": None}}
    assert causes(result) == {("needed", "friend"): "Refused"}
    assert friends.asked == []


async def test_a_refused_argument_is_named() -> None:
    many = Fetched({"k": []})
    loaders = ByHand({"Query.needed": to(thing(many_key="k")), "Thing.many": many})

    result = await answered(
        "{ needed { many(first: 3) { id } } }", loaders, grant=denying("Thing.many(first:)")
    )

    assert result.data == {"needed": {"many": None}}
    assert [str(error.cause) for error in result.errors] == ["`Thing.many(first:)` is denied: told to"]
    assert many.asked == []


@pytest.mark.parametrize(
    "given", ["filter: $filter", "filter: {not: $filter}", "filter: {not: {not: $filter}}"]
)
async def test_an_input_field_that_is_denied_is_refused_however_deep_it_stands(given: str) -> None:
    many = Fetched({"k": []})
    loaders = ByHand({"Query.needed": to(thing(many_key="k")), "Thing.many": many})

    result = await answered(
        f"query ($filter: Filter) {{ needed {{ many({given}) {{ id }} }} }}",
        loaders,
        grant=denying("Range.low"),
        variables={"filter": {"within": [{"low": 1}]}},
    )

    assert [str(error.cause) for error in result.errors] == ["`Range.low` is denied: told to"]
    assert many.asked == []


async def test_nothing_is_asked_for_a_level_that_a_denial_makes_null() -> None:
    friends = Fetched({"a": thing(id="A")})
    loaders = ByHand({"Query.thing": to(thing(friend_key="a")), "Thing.friend": friends})

    result = await answered('{ thing(id: "1") { flag friend { id } } }', loaders, grant=denying("Thing.flag"))

    assert result.data == {"thing": None}
    assert causes(result) == {("thing", "flag"): "Refused"}
    assert friends.asked == []


async def test_changes_are_made_one_after_another_and_none_after_one_that_nulls_the_answer() -> None:
    made: list[str] = []

    async def moved(keys: Sequence[None]) -> dict[None, Any]:
        made.append("move")
        return {None: thing(id="1") if len(made) < 3 else None}

    async def changed(keys: Sequence[None]) -> dict[None, Any]:
        made.append("change")
        return {None: thing(id="2")}

    loaders = ByHand({"Mutation.move": moved, "Mutation.change": changed})
    result = await answered("mutation { move { id } change(to: 1) { id } }", loaders)

    assert result.data == {"move": {"id": "1"}, "change": {"id": "2"}}
    assert made == ["move", "change"]

    loaders = ByHand({"Mutation.move": moved, "Mutation.change": changed})
    result = await answered("mutation { move { id } change(to: 1) { id } }", loaders)

    assert result.data is None
    assert causes(result) == {("move",): "NullHere"}
    assert made == ["move", "change", "move"]


async def test_attributes_may_nest_deeper_than_one_python_function_can() -> None:
    depth = 40
    part: Any = row("Part", size=0, inners=[])
    for size in range(1, depth):
        part = row("Part", size=size, inners=[part, None] if size == 7 else [part])
    text = "{ needed { part { " + "size inners { " * depth + "size" + " }" * depth + " } } }"

    result = await answered(text, ByHand({"Query.needed": to(thing(part=part))}))

    assert result.data is not None
    at = result.data["needed"]["part"]
    for size in reversed(range(8, depth)):
        assert at["size"] == size
        (at,) = at["inners"]
    assert at == {"size": 7, "inners": None}
    assert [error.path[-1] for error in result.errors] == [1]


def test_a_field_of_an_interface_is_compiled_once_for_each_type_however_deep_it_recurs() -> None:
    depth = 30
    plan, _ = planned("{ named { " + "kin { " * depth + "name" + " }" * depth + " } }")

    fields = list(fields_of(plan))

    assert len(fields) == 1 + 3 * (depth + 1)
