"""What a plan is made of: levels of fields, and the shapes their values complete to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import FieldNode, OperationType, VariableDefinitionNode

from gateway.execution.arguments import Arguments
from policies import Coordinate, Decision
from resolvers.declare import Attribute, Edge


@dataclass(frozen=True, eq=False)
class Leaf:
    """A scalar or an enum. `convert` gives the shown value; without it the value is shown as it is."""

    convert: Callable[[Any], Any] | None = None


@dataclass(frozen=True, eq=False)
class Required:
    """A non-null position: a null here makes the nearest nullable position above null."""

    of: Shape


@dataclass(frozen=True, eq=False)
class Many:
    """A list."""

    of: Shape


@dataclass(frozen=True, eq=False)
class Objects:
    """An object: of the one type in `levels`, or of whichever of them `type_of` names for the row."""

    levels: Mapping[str, Level]
    type_of: Callable[[Any], str] | None = None

    @property
    def level(self) -> Level | None:
        """The only level there can be; None where the row decides."""
        return next(iter(self.levels.values())) if self.type_of is None else None


Shape: TypeAlias = Leaf | Required | Many | Objects


@dataclass(frozen=True, eq=False)
class Field:
    """One response key of a level."""

    key: str
    coordinate: Coordinate
    nodes: tuple[FieldNode, ...]
    shape: Shape


@dataclass(frozen=True, eq=False)
class TypeName(Field):
    """`__typename`: known before any row is."""


@dataclass(frozen=True, eq=False)
class Denied(Field):
    """A field that policy took out: null with the reason, and nothing behind it is in the plan.

    `refused` is what was denied: the field, or an argument that it is given.
    """

    refused: Coordinate
    decision: Decision


@dataclass(frozen=True, eq=False)
class OfRow(Field):
    """An attribute of the row.

    `through` is what a value that is there passes before it is shown: the mask first, then the conversion.
    """

    attribute: Attribute
    through: Callable[[Any], Any] | None = None
    masked: bool = False

    def value(self, row: Any) -> Any:
        """What the row shows there.

        Raises:
            Exception: whatever the attribute or the conversion raises.
        """
        value = getattr(row, self.attribute.name)
        return value if value is None or self.through is None else self.through(value)


@dataclass(frozen=True, eq=False)
class Read(OfRow):
    """All of whose parts are attributes too: generated code reads it."""


@dataclass(frozen=True, eq=False)
class Descend(OfRow):
    """That holds rows with edges of their own: a level, without a load."""


@dataclass(frozen=True, eq=False)
class Follow(Field):
    """An edge: one load for all rows of the level, and a level of what it gives."""

    edge: Edge
    arguments: Arguments


Step: TypeAlias = Descend | Follow


@dataclass(eq=False)
class Level:
    """The fields of one object type at one place of the operation.

    `build` makes the objects of a sequence of rows, with a null in place of each step; it raises when a row
    cannot be built without an error. `flat` levels have neither steps nor denied fields, here or below;
    `height` counts the lists and objects that such a level nests.
    """

    type_name: str
    fields: tuple[Field, ...] = ()
    build: Callable[[Sequence[Any]], list[Any]] = field(init=False)
    steps: tuple[Step, ...] = field(init=False)
    denied: tuple[Denied, ...] = field(init=False)
    height: int = field(init=False)

    def __post_init__(self) -> None:
        self.steps = tuple(f for f in self.fields if isinstance(f, Descend | Follow))
        self.denied = tuple(f for f in self.fields if isinstance(f, Denied))
        self.height = max((height(f.shape) for f in self.fields if isinstance(f, Read)), default=0)

    @property
    def flat(self) -> bool:
        return not self.steps and not self.denied


def height(shape: Shape) -> int:
    """How many lists and objects *shape* nests, down to the attributes of flat levels."""
    if isinstance(shape, Leaf):
        return 0
    if isinstance(shape, Objects):
        return 1 + max(level.height for level in shape.levels.values())
    return height(shape.of) + isinstance(shape, Many)


@dataclass(frozen=True, eq=False)
class Plan:
    """How one operation is run for one grant. `wanted` names the record attributes it reads, by type."""

    kind: OperationType
    root: Level
    wanted: Mapping[str, frozenset[str]]
    variables: tuple[VariableDefinitionNode, ...]
