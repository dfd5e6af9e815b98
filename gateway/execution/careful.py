"""Completing values with care: every fault becomes one error at its path, every null finds its place.

GraphQL specification, sections 6.4.3 (CompleteValue) and 6.4.4 (errors and non-null types).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from graphql import FieldNode

from gateway.execution.plan import (
    Denied,
    Field,
    Leaf,
    Level,
    Many,
    Objects,
    OfRow,
    Read,
    Required,
    Shape,
    TypeName,
)

Path: TypeAlias = tuple[str | int, ...]


class _Nulled:
    def __repr__(self) -> str:
        return "NULLED"


NULLED: Final[Any] = _Nulled()
"""Stands where a value must become null because of an error that has been recorded; not yet at rest."""


class NullHere(Exception):
    """A field of non-null type has no value."""


class NothingShown(Exception):
    """A scalar or an enum makes nothing of a value that is there, which none may (6.4.3)."""


class NotAList(Exception):
    """A field of list type has a value that is no list."""


class NotOfThisType(Exception):
    """A row of an abstract type is of none of its possible types."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What went wrong at one path of the answer, and the field nodes that asked for it."""

    path: Path
    nodes: tuple[FieldNode, ...]
    cause: Exception


Errors: TypeAlias = list[FieldError]


class Completion:
    """Completes the values of one field, with errors for it going to *errors*.

    `built` holds the objects of the rows in the values, in order, where a level has already built them;
    without it objects are built here, attribute by attribute.
    """

    def __init__(self, field: Field, errors: Errors, built: Iterator[Any] | None = None) -> None:
        self._nodes = field.nodes
        self._errors = errors
        self._built = built

    def settle(self, shape: Shape, value: Any, path: Path) -> Any:
        """The completed value; NULLED where null is not allowed and nothing else is to be had."""
        if isinstance(shape, Required):
            completed = self._inner(shape.of, value, path)
            if completed is None:
                return self._failed(NullHere(), path)
            return completed
        completed = self._inner(shape, value, path)
        return None if completed is NULLED else completed

    def _inner(self, shape: Shape, value: Any, path: Path) -> Any:
        if value is None:
            return None
        if isinstance(value, Exception):
            return self._failed(value, path)
        if isinstance(shape, Leaf):
            return self._leaf(shape, value, path)
        if isinstance(shape, Many):
            return self._list(shape, value, path)
        if isinstance(shape, Objects):
            return self._object(shape, value, path)
        raise AssertionError("a required shape holds no required shape")

    def _leaf(self, leaf: Leaf, value: Any, path: Path) -> Any:
        if leaf.convert is None:
            return value
        try:
            shown = leaf.convert(value)
        except Exception as fault:  # noqa: BLE001 - whatever a conversion raises is this field's error
            return self._failed(fault, path)
        return self._failed(NothingShown(), path) if shown is None else shown

    def _list(self, shape: Many, value: Any, path: Path) -> Any:
        if not isinstance(value, list | tuple):
            return self._failed(NotAList(), path)
        items = [self.settle(shape.of, item, (*path, index)) for index, item in enumerate(value)]
        return NULLED if any(item is NULLED for item in items) else items

    def _object(self, shape: Objects, value: Any, path: Path) -> Any:
        if self._built is not None:
            return next(self._built)
        level = shape.level
        if level is None:
            raise AssertionError("an abstract type is a step")
        return careful_object(level, value, path, self._errors)

    def _failed(self, cause: Exception, path: Path) -> Any:
        self._errors.append(FieldError(path, self._nodes, cause))
        return NULLED


def careful_object(level: Level, row: Any, path: Path, errors: Errors) -> Any:
    """One object of *level*, with a null in place of each step; NULLED where a required field has no value.

    Denied fields are the runner's to report: a required one makes the object NULLED here all the same.
    """
    made: dict[str, Any] = {}
    for field in level.fields:
        value = _field(field, row, (*path, field.key), errors, level)
        if value is NULLED:
            return NULLED
        made[field.key] = value
    return made


def _field(field: Field, row: Any, path: Path, errors: Errors, level: Level) -> Any:
    if isinstance(field, TypeName):
        return level.type_name
    if isinstance(field, Denied):
        return NULLED if isinstance(field.shape, Required) else None
    if not isinstance(field, Read):
        return None
    return Completion(field, errors).settle(field.shape, value_or_fault(field, row), path)


def value_or_fault(field: OfRow, row: Any) -> Any:
    """What the row shows there, or the exception that stands for it."""
    try:
        return field.value(row)
    except Exception as fault:  # noqa: BLE001 - whatever a row's attribute raises is this field's error
        return fault
