"""Which errors of an answer stand: one for each null that an error made, in the order of the answer.

GraphQL specification, section 6.4.4: of several errors that make one position null, one need be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.execution.careful import Errors, FieldError, Path
from gateway.execution.plan import Many, Objects, Plan, Required, Shape


def standing(plan: Plan, data: dict[str, Any] | None, errors: Errors) -> Errors:
    """For each null the first error that made it; one that the null only took the place of does not stand."""
    root = Objects({plan.root.type_name: plan.root})
    reaches: dict[tuple[int, Path], list[bool]] = {}
    first: dict[Path, FieldError] = {}
    places: dict[Path, tuple[int, ...]] = {}
    for error in errors:
        place, order = _place_in(data, error.path)
        if place in first:
            continue
        alike = (len(error.path), tuple(part for part in error.path if isinstance(part, str)))
        if alike not in reaches:
            reaches[alike] = _required(root, error.path) or []
        if all(reaches[alike][len(place) :]):
            first[place] = error
            places[place] = order
    return [first[place] for place in sorted(first, key=places.__getitem__)]


def _required(shape: Shape, path: Path) -> list[bool] | None:
    """Whether each position on *path* below *shape* is non-null; None where the plan has no such path.

    Where an abstract type offers several ways along the path, they agree: the fields were validated to merge.
    """
    if not path:
        return []
    for below in _below(shape.of if isinstance(shape, Required) else shape, path[0]):
        rest = _required(below, path[1:])
        if rest is not None:
            return [isinstance(below, Required), *rest]
    return None


def _below(shape: Shape, part: str | int) -> Iterator[Shape]:
    if isinstance(shape, Many) and isinstance(part, int):
        yield shape.of
    elif isinstance(shape, Objects):
        for level in shape.levels.values():
            yield from (field.shape for field in level.fields if field.key == part)


def _place_in(data: Any, path: Path) -> tuple[Path, tuple[int, ...]]:
    """The part of *path* that leads to a null in *data*, and its position among all places."""
    order: list[int] = []
    at = data
    for length, part in enumerate(path):
        if at is None:
            return path[:length], tuple(order)
        order.append(part if isinstance(part, int) else list(at).index(part))
        at = at[part]
    return path, tuple(order)
