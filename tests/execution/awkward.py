"""A schema made to be awkward: every shape a field can have, each as an attribute and as an edge."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Annotated, Any, NewType, Protocol

import strawberry
from graphql import GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from policies import DataClass
from resolvers.declare import Fields, Loads, classified, edge
from resolvers.faults import BadInput
from resolvers.schema import core_of
from resolvers.wiring import wire

shown = Fields(DataClass.REFERENCE, "")


class Roads(Protocol):
    """The loaders of one request of the awkward schema."""

    def along(self, road: str, **arguments: object) -> Loads[Any, Any]:
        """The loader of an edge, `Type.field`, for these arguments."""
        ...


def leads(through: Callable[..., Loads[Any, Any]], **how: Any) -> Any:
    """An edge of the awkward schema."""
    return edge(through, "Somewhere.", data=DataClass.REFERENCE, needs="", **how)


def _road(coordinate: str) -> Callable[..., Loads[Any, Any]]:
    """A road without arguments."""

    def road(loaders: Roads) -> Loads[Any, Any]:
        return loaders.along(coordinate)

    road.__name__ = coordinate
    return road


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


Even = NewType("Even", int)


class OddNumber(Exception):
    """The custom scalar does not take odd numbers."""


def _shown_even(value: int) -> int | None:
    """Raises for odd numbers; makes nothing of zero, which a scalar may not."""
    if value % 2:
        raise OddNumber(f"{value} is odd")
    return value or None


def _taken_even(value: object) -> int:
    if not isinstance(value, int) or value % 2:
        raise ValueError("not even")
    return value


even = strawberry.scalar(name="Even", serialize=_shown_even, parse_value=_taken_even)


@strawberry.input
class Range:
    low: int = classified(DataClass.REFERENCE)
    high: int | None = classified(DataClass.REFERENCE, default=9)


@strawberry.input
class Filter:
    colour: Colour | None = classified(DataClass.REFERENCE, default=None)
    ids: list[strawberry.ID] | None = classified(DataClass.REFERENCE, default=None)
    within: list[Range] | None = classified(DataClass.REFERENCE, default=None)
    not_: Filter | None = classified(DataClass.REFERENCE, name="not", default=None)
    evenly: Even | None = classified(DataClass.REFERENCE, default=None)


def many(
    loaders: Roads,
    first: int = 2,
    colour: Colour | None = None,
    colours: list[Colour] | None = None,
    filter: Filter | None = None,
    ratio: float | None = 1.5,
    class_: Annotated[str | None, strawberry.argument(name="class")] = None,
) -> Loads[Any, Any]:
    if first < 0:
        raise BadInput("`first` must not be negative")
    return loaders.along(
        "Thing.many", first=first, colour=colour, colours=colours, filter=filter, ratio=ratio, class_=class_
    )


def thing(loaders: Roads, id: strawberry.ID) -> Loads[Any, Any]:
    return loaders.along("Query.thing", id=id)


def things(loaders: Roads, filter: Filter, grid: list[list[int]] | None = None) -> Loads[Any, Any]:
    return loaders.along("Query.things", filter=filter, grid=grid)


def anything(loaders: Roads, evenly: Even | None = None, flag: bool = True) -> Loads[Any, Any]:
    return loaders.along("Query.anything", evenly=evenly, flag=flag)


def change(loaders: Roads, to: int, filter: Filter | None = None) -> Loads[Any, Any]:
    return loaders.along("Mutation.change", to=to, filter=filter)


ROADS: dict[Callable[..., Loads[Any, Any]], str] = {
    many: "Thing.many",
    thing: "Query.thing",
    things: "Query.things",
    anything: "Query.anything",
    change: "Mutation.change",
}
"""The roads that take arguments; the others' functions are named as they are."""


def _less_than_eight(value: int) -> str:
    if value >= 8:
        raise BadInput("too much to show")
    return f"#{value}"


def _one_in_two(row: Any) -> Any:
    """A conversion of whole rows, which makes nothing of some."""
    return row if row.at % 2 else None


@strawberry.interface
class Named:
    name: str = shown("Required.")
    label: str | None = shown("Not required.")
    kin: list[Named] | None = shown("Recursive, on the interface itself.")


@strawberry.type
class Part(Named):
    name: str = shown("Required.")
    label: str | None = shown("Not required.")
    kin: list[Named] | None = shown("Recursive, on the interface itself.")
    size: int | None = shown("A number.")
    tone: Colour = shown("A required enum.")
    inner: Part | None = shown("Recursive.")
    inners: list[Part] | None = shown("Recursive.")
    owner: Thing | None = leads(_road("Part.owner"), key="owner_key")
    keeper: Thing = leads(_road("Part.keeper"), key="keeper_key")


@strawberry.type
class Other(Named):
    name: str = shown("Required.")
    label: str | None = shown("Not required.")
    kin: list[Named] | None = shown("Recursive, on the interface itself.")
    rank: int = shown("Required.")
    class_: list[str] | None = shown("A word of Python's.", graphql_name="class")
    thing: Thing = leads(_road("Other.thing"), key="thing_key")


@strawberry.type
class PageInfo:
    more: bool = shown("Required.")
    end: str | None = shown("Not required.")


@strawberry.type
class PageEdge:
    node: Thing | None = shown("A row with edges.")
    cursor: str = shown("Required.")


@strawberry.type
class Page:
    edges: list[PageEdge] = shown("Rows.")
    nodes: list[Thing] = shown("Rows with edges.")
    page_info: PageInfo = shown("Required.")
    total: int | None = leads(_road("Page.total"))


@strawberry.type
class Thing(Named):
    id: strawberry.ID = shown("Required.")
    name: str = shown("Required.")
    label: str | None = shown("Not required.")
    kin: list[Named] | None = shown("Recursive, on the interface itself.")
    count: int | None = shown("A number.")
    ratio: float | None = shown("A number.")
    flag: bool = shown("Required.")
    colour: Colour | None = shown("An enum.")
    colours: list[Colour] | None = shown("Required enums in a list.")
    colour_grid: list[list[Colour | None]] | None = shown("Enums in lists of lists.")
    even: Even | None = shown("A custom scalar.")
    evens: list[list[Even]] = shown("Custom scalars, all required.")
    words: list[str] = shown("Required words.")
    maybe_words: list[str | None] | None = shown("Words or nulls.")
    grid: list[list[int]] = shown("All required.")
    holes: list[list[int | None] | None] | None = shown("Nothing required.")
    hash: str | None = shown("Converted.", name="count", convert=_less_than_eight)
    part: Part | None = shown("A record.")
    part_needed: Part = shown("A required record.")
    parts: list[Part] = shown("Required records.")
    maybe_parts: list[Part | None] = shown("Records or nulls.")
    part_grid: list[list[Part]] = shown("Records, all required.")
    part_holes: list[list[Part | None] | None] | None = shown("Records, nothing required.")
    rare_part: Part | None = shown("A converted record.", name="part", convert=_one_in_two)
    held: Named | None = shown("An interface.")
    held_needed: list[Named] | None = shown("Required, of an interface, in a list.")
    box: list[list[Anything | None]] | None = shown("A union in lists of lists.")
    friend: Thing | None = leads(_road("Thing.friend"), key="friend_key")
    best: Thing = leads(_road("Thing.friend"), key="friend_key")
    friends: list[Thing | None] | None = leads(_road("Thing.friend"), key="friend_keys", each=True)
    close_friends: list[Thing] = leads(_road("Thing.friend"), key="friend_keys", each=True)
    many: list[Thing] | None = leads(many, key="many_key")
    others: list[Other | None] = leads(_road("Thing.others"), key="others_key")
    page: Page | None = leads(_road("Thing.page"), key="page_key")
    anything: Anything | None = leads(_road("Thing.anything"), key="anything_key")
    named: list[Named] = leads(_road("Thing.named"), key="named_key")
    score: int | None = leads(_road("Thing.score"), key="score_key")
    score_needed: int = leads(_road("Thing.score"), key="score_key")
    mood: Colour | None = leads(_road("Thing.mood"), key="mood_key")
    marks: list[list[Even]] | None = leads(_road("Thing.marks"), key="marks_key")
    alone: Thing | None = leads(_road("Thing.alone"))


Anything = Annotated[Part | Other | Thing, strawberry.union("Anything")]


@strawberry.type
class Query:
    thing: Thing | None = leads(thing)
    needed: Thing = leads(_road("Query.needed"))
    things: list[Thing | None] | None = leads(things)
    grid: list[list[Thing]] = leads(_road("Query.grid"))
    named: Named | None = leads(_road("Query.named"))
    every: list[list[Named | None]] | None = leads(_road("Query.every"))
    anything: list[Anything] | None = leads(anything)
    page: Page | None = leads(_road("Query.page"))
    number: int | None = leads(_road("Query.number"))


@strawberry.type
class Mutation:
    change: Thing | None = leads(change)
    move: Thing = leads(_road("Mutation.move"))


@cache
def awkward() -> GraphQLSchema:
    """The awkward schema, wired for graphql-core."""
    schema = strawberry.Schema(
        Query,
        mutation=Mutation,
        types=[Part, Other, Thing],
        config=StrawberryConfig(auto_camel_case=True, scalar_map={Even: even}),
    )
    core = core_of(schema)
    wire(core)
    return core
