"""The same schema with declared fields, for the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import strawberry

from benchmarks.engine import rows
from policies import DataClass
from resolvers.batching import Loader, Once, Tasks
from resolvers.declare import Fields, Loads, edge
from resolvers.schema import core_of
from resolvers.wiring import wire

field = Fields(DataClass.CLINICAL, "Observation.r")


class Loaders:
    """The loaders of one request."""

    def __init__(self) -> None:
        self.tasks = Tasks()
        self._made: dict[str, Loader[str, Any]] = {}

    def of(self, name: str, found: Mapping[str, Any]) -> Loader[str, Any]:
        if name not in self._made:

            async def fetch(keys: Sequence[str]) -> Mapping[str, Any]:
                return {key: found[key] for key in keys if key in found}

            self._made[name] = Loader(fetch, self.tasks)
        return self._made[name]


def along(name: str, found: Mapping[str, Any]) -> Callable[[Loaders], Loads[str, Any]]:
    return lambda loaders: loaders.of(name, found)


def at_once(value: Any) -> Callable[[Loaders], Loads[None, Any]]:
    async def call() -> Any:
        return value

    return lambda loaders: Once(call)


def led(through: Callable[..., Any], key: str | None = None) -> Any:
    return edge(through, "An edge.", data=DataClass.CLINICAL, needs="Observation.r", key=key)


@strawberry.type
class Row:
    id: str = field("a leaf")
    a: str = field("a leaf")
    b: str = field("a leaf")
    c: str = field("a leaf")
    d: str = field("a leaf")
    e: int = field("a leaf")
    f: int = field("a leaf")
    g: float = field("a leaf")
    h: bool = field("a leaf")
    i: str | None = field("a leaf")
    children: list[Row] = led(along("children", rows.CHILDREN), "id")


@strawberry.type
class Patient:
    id: str = field("a leaf")
    family: str = field("a leaf")
    given: str = field("a leaf")
    birth_date: str = field("a leaf")
    gender: str = field("a leaf")
    appointments: list[Row] = led(along("appointments", rows.APPOINTMENTS), "id")
    encounters: list[Row] = led(along("encounters", rows.ENCOUNTERS), "id")
    contact: Row | None = led(along("contacts", rows.CONTACTS), "id")


@strawberry.type
class Query:
    one: Row = led(at_once(rows.FLAT[0]))
    patients: list[Patient] = led(at_once(rows.PATIENTS))
    tree: list[Row] = led(at_once(rows.CHILDREN["root"]))
    flat: list[Row] = led(at_once(rows.FLAT))


schema = core_of(strawberry.Schema(Query))
wire(schema)
