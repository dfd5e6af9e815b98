"""The attributes of a level → the source of one Python function that builds its objects, and that function.

The function is optimistic: it raises as soon as a row cannot be built without an error, and
`gateway.execution.careful` then builds the level. A generated function looks like this:

    def build(rows):
        objects = []
        add = objects.append
        for r0 in rows:
            v1 = r0.period
            if v1 is not None:
                v1 = s2(v1.start, v1.end)
            add({'status': r0.status, 'period': v1, 'practitioners': None})
        return objects

An object into which steps put something is a dict; any other is a struct of its keys, `s2` above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.execution.plan import Field, Leaf, Level, Many, Objects, Read, Required, Shape, TypeName
from gateway.execution.shown import shown

Build = Callable[[Sequence[Any]], list[Any]]


class NullInRequired(Exception):
    """A null stands where the schema promises a value: the level has to be built with care."""


class _Source:
    """The lines of one function, and the objects its code refers to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"NullInRequired": NullInRequired}
        self._count = 0

    def fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def bind(self, value: object, letter: str = "f") -> str:
        name = self.fresh(letter)
        self.names[name] = value
        return name

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)


def builder(level: Level) -> Build:
    """The function that builds the objects of *level* from its rows."""
    source, names = build_source(level)
    exec(compile(source, f"<level {level.type_name}>", "exec"), names)  # noqa: S102 - made of names of the schema
    build: Build = names["build"]
    return build


def build_source(level: Level) -> tuple[str, dict[str, Any]]:
    """The text of that function, and the objects its names stand for.

    INVARIANT: no text of a request gets into the source but response keys, as Python literals.
    """
    source = _Source()
    source.line(0, "def build(rows):")
    source.line(1, "objects = []")
    source.line(1, "add = objects.append")
    source.line(1, "for r0 in rows:")
    source.line(2, f"add({_display(source, level, 'r0', 2)})")
    source.line(1, "return objects")
    return "\n".join(source.lines), source.names


def _display(source: _Source, level: Level, row: str, depth: int) -> str:
    """The expression that makes one object; statements it relies on are written before it."""
    values = [_value(source, level, field, row, depth) for field in level.fields]
    keys = tuple(field.key for field in level.fields)
    if not level.steps:
        return f"{source.bind(shown(keys), 's')}({', '.join(values)})"
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in zip(keys, values, strict=True)) + "}"


def _value(source: _Source, level: Level, field: Field, row: str, depth: int) -> str:
    if isinstance(field, TypeName):
        return repr(level.type_name)
    if not isinstance(field, Read):
        return "None"  # a step fills it in; a denied field stays null
    read = f"{row}.{field.attribute.name}"
    if field.through is not None:
        read = _assigned(source, read, depth)
        source.line(depth, f"if {read} is not None: {read} = {source.bind(field.through)}({read})")
    return _completed(source, field.shape, read, depth)


def _assigned(source: _Source, expression: str, depth: int) -> str:
    if expression.isidentifier():
        return expression
    name = source.fresh("v")
    source.line(depth, f"{name} = {expression}")
    return name


def _completed(source: _Source, shape: Shape, expression: str, depth: int) -> str:
    """An expression for the completed value of *expression*."""
    if isinstance(shape, Required):
        return _required(source, shape.of, expression, depth)
    if isinstance(shape, Leaf):
        return _leaf(source, shape, expression, depth)
    if isinstance(shape, Many) and _as_it_is(shape.of):
        return expression
    name = _assigned(source, expression, depth)
    if isinstance(shape, Many) and isinstance(shape.of, Required) and _as_it_is(shape.of.of):
        source.line(depth, f"if {name} is not None and None in {name}: raise NullInRequired")
        return name
    source.line(depth, f"if {name} is not None:")
    if isinstance(shape, Many):
        _list(source, shape, name, depth + 1)
    else:
        source.line(depth + 1, f"{name} = {_object(source, shape, name, depth + 1)}")
    return name


def _required(source: _Source, shape: Shape, expression: str, depth: int) -> str:
    if isinstance(shape, Objects):
        name = _assigned(source, expression, depth)
        source.line(depth, f"if {name} is None: raise NullInRequired")
        source.line(depth, f"{name} = {_object(source, shape, name, depth)}")
        return name
    name = _assigned(source, _completed(source, shape, expression, depth), depth)
    source.line(depth, f"if {name} is None: raise NullInRequired")
    return name


def _object(source: _Source, shape: Objects, name: str, depth: int) -> str:
    level = shape.level
    if level is None:
        raise AssertionError("an abstract type is a step")
    return _display(source, level, name, depth)


def _as_it_is(shape: Shape) -> bool:
    return isinstance(shape, Leaf) and shape.convert is None


def _leaf(source: _Source, leaf: Leaf, expression: str, depth: int) -> str:
    if leaf.convert is None:
        return expression
    name = _assigned(source, expression, depth)
    source.line(depth, f"if {name} is not None:")
    source.line(depth + 1, f"{name} = {source.bind(leaf.convert)}({name})")
    source.line(depth + 1, f"if {name} is None: raise NullInRequired")
    return name


def _list(source: _Source, shape: Many, name: str, depth: int) -> None:
    items, item = source.fresh("l"), source.fresh("r")
    source.line(depth, f"{items} = []")
    source.line(depth, f"for {item} in {name}:")
    # The item gets a name of its own: completing it may assign to it.
    completed = _completed(source, shape.of, item, depth + 1)
    source.line(depth + 1, f"{items}.append({completed})")
    source.line(depth, f"{name} = {items}")
