"""The code that is generated for a level: how it reads, and that no name a client may choose breaks it."""

from __future__ import annotations

import json
import keyword

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution.generate import build_source
from gateway.execution.plan import Level, Objects
from tests.execution.awkward import Colour
from tests.execution.by_hand import ByHand, answered, planned, row, thing, to

NAMES = sorted(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *("rows", "objects", "add", "build", "append", "r0", "r1", "v1", "f1", "l1", "NullInRequired"),
        *("__x", "__name__", "__builtins__", "__debug__", "__class__", "_", "__", "exec", "print"),
    }
)


def level_below(text: str, key: str) -> Level:
    """The level of a root field."""
    plan, _ = planned(text)
    (field,) = (each for each in plan.root.fields if each.key == key)
    shape = field.shape
    while not isinstance(shape, Objects):
        shape = shape.of  # type: ignore[union-attr]
    assert shape.level is not None
    return shape.level


def test_a_level_becomes_one_function_that_reads_like_this() -> None:
    level = level_below(
        """{ needed {
            __typename id count colour words part { size again: size } parts { size } friend { id }
        } }""",
        "needed",
    )

    source, names = build_source(level)

    assert (
        source
        == """\
def build(rows):
    objects = []
    add = objects.append
    for r0 in rows:
        v1 = r0.id
        if v1 is None: raise NullInRequired
        v2 = r0.colour
        if v2 is not None:
            v2 = f3(v2)
            if v2 is None: raise NullInRequired
        v4 = r0.words
        if v4 is not None and None in v4: raise NullInRequired
        if v4 is None: raise NullInRequired
        v5 = r0.part
        if v5 is not None:
            v5 = s6(v5.size, v5.size)
        v7 = r0.parts
        if v7 is not None:
            l8 = []
            for r9 in v7:
                if r9 is None: raise NullInRequired
                r9 = s10(r9.size)
                l8.append(r9)
            v7 = l8
        if v7 is None: raise NullInRequired
        add({'__typename': 'Thing', 'id': v1, 'count': r0.count, 'colour': v2, 'words': v4, 'part': v5, \
'parts': v7, 'friend': None})
    return objects"""
    )
    assert names["f3"](Colour.RED) == "RED"
    assert names["s6"](1, 2) == {"size": 1, "again": 2}


@pytest.mark.anyio
@pytest.mark.parametrize("name", NAMES)
async def test_any_name_can_be_a_response_key(name: str) -> None:
    parts = [row("Part", size=3, tone=Colour.BLUE, inner=row("Part", size=4))]
    loaders = ByHand({"Query.needed": to(thing(id="1", parts=parts, even=2))})

    result = await answered(
        """{ x: needed {
            x: id b: even c: parts { x: size d: tone e: inner { x: size } }
        } }""".replace("x:", f"{name}:"),
        loaders,
    )

    assert result.errors == []
    assert result.data == {
        name: {
            name: "1",
            "b": 2,
            "c": [{name: 3, "d": "BLUE", "e": {name: 4}}],
        }
    }


FIELDS = {"id": "1", "count": 2, "words": ["a"]}


@settings(deadline=None)
@given(st.lists(st.from_regex(r"\A[_A-Za-z][_0-9A-Za-z]{0,12}\Z"), min_size=3, max_size=3, unique=True))
def test_whatever_names_are_chosen_the_function_gives_them_their_values_in_their_order(
    names: list[str],
) -> None:
    aliased = [f"{name}: {field}" for name, field in zip(names, FIELDS, strict=True)]
    level = level_below(f"{{ needed {{ {' '.join(aliased)} }} }}", "needed")

    (built,) = level.build([thing(**FIELDS)])

    assert list(dict(built).items()) == list(zip(names, FIELDS.values(), strict=True))
    assert msgspec.json.encode(built) == msgspec.json.encode(dict(built))


@settings(deadline=None)
@given(st.text(max_size=20))
def test_no_argument_of_a_request_gets_into_the_source(text: str) -> None:
    level = level_below(f"{{ thing(id: {json.dumps(text)}) {{ id count }} }}", "thing")

    source, _ = build_source(level)

    assert (
        source
        == """\
def build(rows):
    objects = []
    add = objects.append
    for r0 in rows:
        v1 = r0.id
        if v1 is None: raise NullInRequired
        add(s2(v1, r0.count))
    return objects"""
    )
