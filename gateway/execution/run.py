"""A plan × loaders → data and errors, breadth first: one step an edge and level, over all its rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

from graphql import OperationType
from graphql.execution.values import VariableValues

from gateway.execution.careful import (
    NULLED,
    Completion,
    Errors,
    FieldError,
    NotOfThisType,
    Path,
    careful_object,
    value_or_fault,
)
from gateway.execution.inputs import Refused
from gateway.execution.plan import Denied, Descend, Follow, Level, Many, Objects, Plan, Required, Shape, Step
from gateway.execution.standing import standing
from resolvers.batching import loaded

PathOf: TypeAlias = Callable[[int], Path]
"""The path of the nth row of a level; worked out only when an error needs it."""


@dataclass(frozen=True)
class Result:
    """`data` is None when the whole answer is null. Errors come in the order of the answer, one a null."""

    data: dict[str, Any] | None
    errors: list[FieldError]


async def run(plan: Plan, loaders: object, variables: VariableValues, root: object = None) -> Result:
    """Runs *plan* and never raises for a fault of a field: that is an error in the result."""
    running = _Run(loaders, variables)
    serial = plan.kind is OperationType.MUTATION
    objects = await running.level(plan.root, [root], lambda _: (), serial=serial)
    data = None if objects[0] is NULLED else objects[0]
    errors = running.errors
    return Result(data, standing(plan, data, errors) if errors else errors)


class _Run:
    def __init__(self, loaders: object, variables: VariableValues) -> None:
        self._loaders = loaders
        self._variables = variables
        self.errors: Errors = []

    async def level(
        self, level: Level, rows: Sequence[Any], path_of: PathOf, *, serial: bool = False
    ) -> list[Any]:
        """The objects of the rows, in order: a dict each, or NULLED."""
        objects = self._built(level, rows, path_of)
        for field in level.denied:
            self._deny(field, objects, path_of)
        steps = level.steps
        if not steps or not rows or self._is_lost(objects):
            return objects
        if len(steps) == 1:
            self._place(steps[0], await self._step(steps[0], rows, path_of), objects)
        elif serial:
            for step in steps:
                self._place(step, await self._step(step, rows, path_of), objects)
                if self._is_lost(objects):
                    break
        else:
            columns = await asyncio.gather(*(self._step(step, rows, path_of) for step in steps))
            for step, column in zip(steps, columns, strict=True):
                self._place(step, column, objects)
        return objects

    def _is_lost(self, objects: list[Any]) -> bool:
        """Whether nothing of the level will be seen: then nothing more is asked or done for it."""
        return bool(self.errors) and all(each is NULLED for each in objects)

    def _built(self, level: Level, rows: Sequence[Any], path_of: PathOf) -> list[Any]:
        try:
            return level.build(rows)
        except Exception:  # noqa: BLE001 - the careful way finds out which row, which field, and why
            return [careful_object(level, row, path_of(i), self.errors) for i, row in enumerate(rows)]

    def _deny(self, field: Denied, objects: list[Any], path_of: PathOf) -> None:
        cause = Refused(field.refused, field.decision)
        required = isinstance(field.shape, Required)
        for index in range(len(objects)):
            self.errors.append(FieldError((*path_of(index), field.key), field.nodes, cause))
            if required:
                objects[index] = NULLED

    def _place(self, step: Step, column: list[Any], objects: list[Any]) -> None:
        key = step.key
        for index, value in enumerate(column):
            if value is NULLED:
                objects[index] = NULLED
            elif objects[index] is not NULLED:
                objects[index][key] = value

    async def _step(self, step: Step, rows: Sequence[Any], path_of: PathOf) -> list[Any]:
        """The completed values of *step*, one a row."""
        if isinstance(step, Descend):
            values = _shown(step, rows)
        else:
            values = await self._followed(step, rows)
        objects = _objects_of(step.shape)
        children: list[Any] = []
        if objects is not None:
            clean = _gather_rows(step.shape, values, children)
            places = _Places(step, values, path_of)
            built = await self._objects(step, objects, children, places)
            if clean and not self.errors:
                return _regrouped(step.shape, values, iter(built))
            return self._settled(step, values, path_of, iter(built))
        return self._settled(step, values, path_of, None)

    async def _objects(self, step: Step, objects: Objects, rows: list[Any], path_of: PathOf) -> list[Any]:
        if objects.level is not None:
            return await self.level(objects.level, rows, path_of)
        by_type: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            by_type.setdefault(_type_of(objects, row), []).append(index)
        for index in by_type.pop(STRANGE, ()):
            self.errors.append(FieldError(path_of(index), step.nodes, NotOfThisType()))
        built: list[Any] = [NULLED] * len(rows)

        async def of_type(name: str, indices: list[int]) -> None:
            chosen = [rows[i] for i in indices]
            made = await self.level(objects.levels[name], chosen, lambda n: path_of(indices[n]))
            for index, each in zip(indices, made, strict=True):
                built[index] = each

        await asyncio.gather(*(of_type(name, indices) for name, indices in by_type.items()))
        return built

    def _settled(
        self, step: Step, values: list[Any], path_of: PathOf, built: Iterator[Any] | None
    ) -> list[Any]:
        completion = Completion(step, self.errors, built)
        return [
            completion.settle(step.shape, value, (*path_of(index), step.key))
            for index, value in enumerate(values)
        ]

    async def _followed(self, step: Follow, rows: Sequence[Any]) -> list[Any]:
        """The raw values of an edge, one a row: a value, None, or the exception that stands for it."""
        edge = step.edge
        try:
            loader = edge.through(self._loaders, **step.arguments.values(self._variables))
        except Exception as fault:  # noqa: BLE001 - an edge that leads nowhere is this field's error
            return [fault] * len(rows)
        if edge.key is None:
            return await _asked(loader, [None] * len(rows))
        keys, faults = _keys(edge.key, rows)
        values = await (_each(loader, keys) if edge.each else _present(loader, keys))
        for index, raised in faults.items():
            values[index] = raised
        return values


def _shown(step: Descend, rows: Sequence[Any]) -> list[Any]:
    """What the rows show there, one a row: a value, None, or the exception that stands for it."""
    try:
        values = list(map(attrgetter(step.attribute.name), rows))
        if step.through is None:
            return values
        return [None if value is None else step.through(value) for value in values]
    except Exception:  # noqa: BLE001 - which rows raise is found out one by one
        return [value_or_fault(step, row) for row in rows]


def _keys(name: str, rows: Sequence[Any]) -> tuple[list[Any], dict[int, Exception]]:
    """The rows' keys, and why some rows have none to give."""
    try:
        return list(map(attrgetter(name), rows)), {}
    except Exception:  # noqa: BLE001 - which rows raise is found out one by one
        return _keys_one_by_one(name, rows)


def _keys_one_by_one(name: str, rows: Sequence[Any]) -> tuple[list[Any], dict[int, Exception]]:
    keys: list[Any] = []
    faults: dict[int, Exception] = {}
    for index, row in enumerate(rows):
        try:
            keys.append(getattr(row, name))
        except Exception as raised:  # noqa: BLE001 - whatever a row's key raises is this field's error
            keys.append(None)
            faults[index] = raised
    return keys, faults


async def _asked(loader: Any, keys: list[Any]) -> list[Any]:
    """The values of the keys; where nothing could be had, every key has failed."""
    try:
        return await loaded(loader, keys)
    except Exception as fault:  # noqa: BLE001 - whatever a load raises is the error of what it was for
        return [fault] * len(keys)


async def _present(loader: Any, keys: list[Any]) -> list[Any]:
    """The values of the keys; where there is no key there is no value, and nobody is asked."""
    if None not in keys:
        return await _asked(loader, keys) if keys else []
    asked = [key for key in keys if key is not None]
    found = iter(await _asked(loader, asked) if asked else ())
    return [None if key is None else next(found) for key in keys]


async def _each(loader: Any, keys: list[Sequence[Any] | None]) -> list[Any]:
    """For each row the list of the values of its keys, asked for all rows at once."""
    found = iter(await _present(loader, [key for several in keys for key in several or ()]))
    return [None if several is None else [next(found) for _ in several] for several in keys]


STRANGE = ""
"""In place of the type of a row that has none of the types there can be."""


def _type_of(objects: Objects, row: Any) -> str:
    name = objects.type_of(row) if objects.type_of is not None else STRANGE
    return name if name in objects.levels else STRANGE


def _objects_of(shape: Shape) -> Objects | None:
    while isinstance(shape, Required | Many):
        shape = shape.of
    return shape if isinstance(shape, Objects) else None


def _gather_rows(shape: Shape, values: Sequence[Any], rows: list[Any]) -> bool:
    """Adds the rows in *values* to *rows*, in order; False if anything in them needs care."""
    required = isinstance(shape, Required)
    inner = shape.of if isinstance(shape, Required) else shape
    clean = True
    for value in values:
        if value is None:
            clean = clean and not required
        elif isinstance(value, Exception):
            clean = False
        elif not isinstance(inner, Many):
            rows.append(value)
        elif isinstance(value, list | tuple):
            clean = _gather_rows(inner.of, value, rows) and clean
        else:
            clean = False
    return clean


def _regrouped(shape: Shape, values: Sequence[Any], built: Iterator[Any]) -> list[Any]:
    """The objects, put where their rows were: for values in which nothing needs care."""
    inner = shape.of if isinstance(shape, Required) else shape
    if isinstance(inner, Many):
        return [None if v is None else _regrouped(inner.of, v, built) for v in values]
    return [None if v is None else next(built) for v in values]


class _Places:
    """The path of the nth row below a step."""

    def __init__(self, step: Step, values: Sequence[Any], parent: PathOf) -> None:
        self._step = step
        self._values = values
        self._parent = parent
        self._found: list[Path] | None = None

    def __call__(self, n: int) -> Path:
        if self._found is None:
            self._found = [
                (*self._parent(index), self._step.key, *rest)
                for index, value in enumerate(self._values)
                for rest in _rests(self._step.shape, value)
            ]
        return self._found[n]


def _rests(shape: Shape, value: Any) -> Iterator[Path]:
    """The list indices that lead to each row in *value*, in order."""
    inner = shape.of if isinstance(shape, Required) else shape
    if value is None or isinstance(value, Exception):
        return
    if not isinstance(inner, Many):
        yield ()
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            for rest in _rests(inner.of, item):
                yield (index, *rest)
