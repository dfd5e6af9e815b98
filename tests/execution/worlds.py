"""Worlds of rows for the awkward schema: drawn from a seed, the same whenever asked, faults included."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from zlib import crc32

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLUnionType,
)

from resolvers.batching import Loader, Tasks
from resolvers.declare import Attribute, declaration
from tests.execution.awkward import Colour, awkward

WORDS = ("", "a", "None", "naïve “word”", "0")
COLOURS = tuple(Colour)
LENGTHS = (0, 1, 2, 2, 3)


class Broken(Exception):
    """A fault that was put in; its message says where."""


class Rates(NamedTuple):
    """How many of a thousand values are null, stand as null where none may be, or fail."""

    nulls: int = 0
    missing: int = 0
    faults: int = 0


CALM = Rates(nulls=40)
GRUFF = Rates(nulls=80, missing=8, faults=15)
WILD = Rates(nulls=200, missing=60, faults=100)


class Row:
    """A row of the type its class is named after; each attribute is drawn when it is read."""

    def __init__(self, world: World, at: int) -> None:
        self._world = world
        self.at = at

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._world.attribute(self, name)


@cache
def row_type(name: str) -> type[Row]:
    return type(name, (Row,), {})


class _Key(NamedTuple):
    several: bool


@cache
def attributes() -> Mapping[tuple[str, str], GraphQLOutputType | _Key]:
    """What each attribute of a row holds: a value of a type of the schema, a key, or a tuple of keys."""
    found: dict[tuple[str, str], GraphQLOutputType | _Key] = {}
    for of in awkward().type_map.values():
        if not isinstance(of, GraphQLObjectType) or of.name.startswith("__"):
            continue
        for definition in of.fields.values():
            declared = declaration(definition)
            assert declared is not None
            if not isinstance(declared, Attribute):
                if declared.key is not None:
                    found[of.name, declared.key] = _Key(declared.each)
            elif declared.convert is None:
                found[of.name, declared.name] = definition.type
    return found


def type_of_edge(road: str) -> GraphQLOutputType:
    """What one key of a road leads to; an edge with `each` makes lists of what its road leads to."""
    type_name, _, name = road.partition(".")
    of = awkward().type_map[type_name]
    assert isinstance(of, GraphQLObjectType)
    found: GraphQLOutputType = of.fields[name].type
    return found


@dataclass
class World:
    """All rows there can be, for one seed. `read` names the attributes that were read, by type."""

    seed: int
    rates: Rates = CALM
    read: set[tuple[str, str]] = field(default_factory=set)

    def attribute(self, row: Row, name: str) -> Any:
        type_name = type(row).__name__
        self.read.add((type_name, name))
        at = _below(row.at, name)
        of = attributes()[type_name, name]
        self._fail_perhaps(at)
        if isinstance(of, _Key):
            return self._keys(at) if of.several else self._key(at)
        return self.value(of, at)

    def value(self, of: GraphQLOutputType, at: int, *, loaded: bool = False) -> Any:
        """A value of a type; in what is *loaded*, failures stand as values among the others."""
        if isinstance(of, GraphQLNonNull):
            of = of.of_type
            if self._happens(at, "missing", self.rates.missing):
                return None
        elif self._happens(at, "null", self.rates.nulls):
            return None
        if loaded and self._happens(at, "fault", self.rates.faults):
            return Broken(f"value {at}")
        if isinstance(of, GraphQLList):
            length = LENGTHS[_draw(at, len(LENGTHS))]
            items = [self.value(of.of_type, _below(at, str(i)), loaded=loaded) for i in range(length)]
            return items if _draw(at, 2) else tuple(items)
        if isinstance(of, GraphQLObjectType):
            return row_type(of.name)(self, at)
        if isinstance(of, GraphQLInterfaceType | GraphQLUnionType):
            return self._one_of(of, at)
        return self._leaf(of, at)

    def _one_of(self, of: GraphQLInterfaceType | GraphQLUnionType, at: int) -> Row:
        if self._happens(at, "stranger", self.rates.faults // 4):
            return row_type("Stranger" if _draw(at, 2) else "Page")(self, at)
        possible = awkward().get_possible_types(of)
        return row_type(possible[_draw(at, len(possible))].name)(self, at)

    def _leaf(self, of: GraphQLOutputType, at: int) -> Any:
        odd = self._happens(at, "odd", self.rates.faults)
        if isinstance(of, GraphQLEnumType):
            return "no colour" if odd else COLOURS[_draw(at, 3)]
        assert not isinstance(of, GraphQLNonNull | GraphQLList)
        number = _draw(at, 10)
        match of.name:
            case "Even":
                return (0 if number < 5 else 7) if odd else 2 * number + 2
            case "Int":
                return number
            case "Float":
                return number / 4
            case "Boolean":
                return number > 4
            case _:
                return WORDS[number % len(WORDS)]

    def _key(self, at: int) -> str | None:
        return None if self._happens(at, "null", self.rates.nulls) else f"k{_draw(at, 5)}"

    def _keys(self, at: int) -> tuple[str | None, ...] | None:
        if self._happens(at, "missing", self.rates.missing):
            return None
        return tuple(self._key(_below(at, str(i))) for i in range(_draw(at, 4)))

    def _fail_perhaps(self, at: int) -> None:
        if self._happens(at, "fault", self.rates.faults):
            raise Broken(f"attribute {at}")

    def happens(self, road: str, what: str) -> bool:
        """Whether something that happens to whole loads happens to those of *road*."""
        return self._happens(_below(self.seed, road), what, self.rates.faults // 2)

    def along(self, road: str, arguments: Mapping[str, object], key: object) -> Any:
        """What one key of a road leads to. Roads of one name and equal arguments lead to the same."""
        at = _below(self.seed, f"{road} {sorted(arguments.items())!r} {key}")
        return self.value(type_of_edge(road), at, loaded=True)

    def _happens(self, at: int, what: str, rate: int) -> bool:
        return rate > 0 and _draw(_below(at, what), 1000) < rate


def _below(at: int, name: str) -> int:
    """The number of the place *name* below a place."""
    return crc32(name.encode(), at ^ 0x5BD1E995)


def _draw(at: int, below: int) -> int:
    """A number under *below*, spread evenly over places: a CRC alone is too regular for that."""
    return (((at * 2654435761) & 0xFFFFFFFF) >> 7) % below


class WorldRoads:
    """The loaders of one request through a world (`awkward.Roads`)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks = Tasks()
        self.asked: list[tuple[str, tuple[object, ...]]] = []
        self._loaders: dict[str, Any] = {}

    def close(self) -> None:
        """Ends what still runs for the request."""
        self.tasks.cancel()

    def along(self, road: str, **arguments: object) -> Any:
        if self.world.happens(road, "no road"):
            raise Broken(f"no road {road}")
        known = f"{road} {sorted(arguments.items())!r}"
        if known not in self._loaders:
            through = _Direct(self, road, arguments)
            is_batched = _draw(_below(self.world.seed, road), 2) == 0
            self._loaders[known] = Loader(through.fetch, self.tasks) if is_batched else through
        return self._loaders[known]


class _Direct:
    """One road. What it does wrong it does whatever the batch, so that two executors can be compared."""

    def __init__(self, roads: WorldRoads, road: str, arguments: Mapping[str, object]) -> None:
        self._roads = roads
        self._road = road
        self._arguments = arguments

    async def load(self, keys: Sequence[object]) -> Any:
        found = await self._found(keys)
        if self._roads.world.happens(self._road, "too few"):
            return [found[key] for key in keys][:-1]
        if self._roads.world.happens(self._road, "nothing"):
            return None
        return tuple(found[key] for key in keys)

    async def fetch(self, keys: Sequence[Any]) -> Any:
        if self._roads.world.happens(self._road, "nothing"):
            return None
        return await self._found(keys)

    async def _found(self, keys: Sequence[Any]) -> dict[Any, Any]:
        world = self._roads.world
        self._roads.asked.append((self._road, tuple(keys)))
        for _ in range(_draw(_below(world.seed, self._road), 4)):
            await asyncio.sleep(0)
        if world.happens(self._road, "fault"):
            raise Broken(f"road {self._road}")
        return {key: world.along(self._road, self._arguments, key) for key in keys}
