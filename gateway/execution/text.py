"""A plan as text, for people: what is read, what is loaded, what was taken out and why."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.execution.plan import (
    Denied,
    Descend,
    Field,
    Follow,
    Leaf,
    Level,
    Many,
    Objects,
    OfRow,
    Plan,
    Required,
    Shape,
)


def text(plan: Plan) -> str:
    """The plan, one line a level, edge or refusal; attributes on one line with their level."""
    lines = [plan.kind.value, *_level(plan.root, "  ")]
    lines += [
        f"reads {name}: {', '.join(sorted(plan.wanted[name]))}"
        for name in sorted(plan.wanted)
        if plan.wanted[name]
    ]
    return "\n".join(lines)


def _level(level: Level, indent: str) -> Iterator[str]:
    read = [_attribute(field) for field in level.fields if not isinstance(field, Descend | Follow | Denied)]
    if read:
        yield indent + ", ".join(read)
    for field in level.fields:
        if isinstance(field, Denied):
            yield f"{indent}{field.key}: denied ({', '.join(field.decision.reasons)})"
        elif isinstance(field, Descend | Follow):
            yield f"{indent}{field.key}{_masked(field)}{_how(field)}"
            yield from _below(field.shape, indent + "  ")


def _how(field: Descend | Follow) -> str:
    if isinstance(field, Descend):
        return ""
    edge = field.edge
    by = f" by {'each of ' if edge.each else ''}{edge.key}" if edge.key is not None else ""
    return f" ← {edge.through.__name__}{by}"


def _below(shape: Shape, indent: str) -> Iterator[str]:
    objects = _objects(shape)
    if objects is None:
        return
    if objects.type_of is None:
        yield from _level(next(iter(objects.levels.values())), indent)
        return
    for name, level in objects.levels.items():
        yield f"{indent}on {name}"
        yield from _level(level, indent + "  ")


def _attribute(field: Field) -> str:
    objects = _objects(field.shape)
    if objects is None:
        return field.key + _masked(field)
    inner = ", ".join(_attribute(below) for level in objects.levels.values() for below in level.fields)
    return f"{field.key}{_masked(field)} {{{inner}}}"


def _masked(field: Field) -> str:
    return " (masked)" if isinstance(field, OfRow) and field.masked else ""


def _objects(shape: Shape) -> Objects | None:
    while isinstance(shape, Required | Many):
        shape = shape.of
    return None if isinstance(shape, Leaf) else shape
