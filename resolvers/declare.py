"""How a field of the graph is declared: an attribute of a row, or an edge that a loader leads along.

A declaration is made once, on the Strawberry type. The breadth-first engine compiles it, plain graphql-core
resolves by it (`resolvers.wiring`), and policy decides by its classification.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from policies import Classified, DataClass, Needs

if TYPE_CHECKING:
    from graphql import GraphQLField

K_contra = TypeVar("K_contra", contravariant=True)
V_co = TypeVar("V_co", covariant=True)

DECLARED = "caregraph"
CLASSIFIED = "classified"


class Loads(Protocol[K_contra, V_co]):
    """What an edge leads through: many keys in; values out, in the keys' order."""

    async def load(self, keys: Sequence[K_contra], /) -> Sequence[V_co | Exception | None]:
        """The value of each key: None where there is none, an exception where it could not be had.

        Raises:
            Exception: nothing could be had; every key fails with it.
        """
        ...


@dataclass(frozen=True)
class Attribute:
    """A field that is read from the row itself.

    `name` is the row's attribute; `reads` the attributes of the record that it needs filled (itself, unless
    it is a property); `convert` turns a value that is there into what the graph shows.
    """

    name: str
    reads: frozenset[str]
    convert: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Event(Attribute):
    """A field of a subscription, whose row is the event.

    `through` makes of the field's arguments what says which events are wanted.
    """

    through: Callable[..., Any] = field(kw_only=True)


@dataclass(frozen=True)
class Edge:
    """A field that leads to other rows.

    `through` takes the request's loaders and the field's arguments and gives the loader to ask; `key` is
    the parent row's attribute that holds the key to ask with, or, with `each`, a tuple of keys whose values
    make a list. Without a key the loader is asked once for each row with None.
    """

    through: Callable[..., Loads[Any, Any]]
    key: str | None = None
    each: bool = False
    reads: frozenset[str] = frozenset()


def needs_of(text: str) -> Needs:
    """The needs a text such as `Encounter.rs` stands for; an empty one needs no scope."""
    return Needs.parse(text) if text else Needs.NOTHING


@dataclass(frozen=True)
class Fields:
    """Declares the attributes of one type, which need the same scope and mostly are of one data class."""

    data: DataClass
    needs: str

    def __call__(
        self,
        description: str,
        *,
        data: DataClass | None = None,
        name: str | None = None,
        reads: Sequence[str] | None = None,
        convert: Callable[[Any], Any] | None = None,
        graphql_name: str | None = None,
    ) -> Any:
        """An attribute; *name* where the row calls it otherwise, *reads* where it is a property."""
        return AttributeField(
            description=description,
            graphql_name=graphql_name,
            metadata={
                CLASSIFIED: Classified(data or self.data, needs_of(self.needs)),
                DECLARED: (name, None if reads is None else frozenset(reads), convert),
            },
        )


class AttributeField(StrawberryField):
    """A Strawberry field without a resolver; knows its declaration once it knows its name."""


class EdgeField(StrawberryField):
    """A Strawberry field whose arguments are those of the function that picks the loader."""


def edge(
    through: Callable[..., Loads[Any, Any]],
    description: str,
    *,
    data: DataClass,
    needs: str,
    key: str | None = None,
    each: bool = False,
    reads: Sequence[str] | None = None,
) -> Any:
    """An edge along the loader that *through* picks: a function of (loaders, the field's arguments…)."""
    if reads is None:
        reads = () if key is None else (key,)
    return EdgeField(
        description=description,
        base_resolver=StrawberryResolver(_with_arguments_of(through)),
        metadata={
            CLASSIFIED: Classified(data, needs_of(needs)),
            DECLARED: Edge(through, key, each, frozenset(reads)),
        },
    )


def event(through: Callable[..., Any], description: str, *, data: DataClass, needs: str, name: str) -> Any:
    """A field of a subscription: *through*, a function of its arguments, says which events are wanted."""
    return EdgeField(
        description=description,
        base_resolver=StrawberryResolver(_with_arguments_of(through, skip=0)),
        metadata={
            CLASSIFIED: Classified(data, needs_of(needs)),
            DECLARED: Event(name, frozenset(), through=through),
        },
    )


def _with_arguments_of(through: Callable[..., Any], skip: int = 1) -> Callable[..., Any]:
    """A stand-in resolver that has the arguments of *through*, less its first, for Strawberry to read."""

    def never_called(**_: Any) -> None:
        raise AssertionError("edges are resolved by their declaration")

    signature = inspect.signature(through)
    parameters = list(signature.parameters.values())[skip:]
    never_called.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=inspect.Signature.empty
    )
    never_called.__annotations__ = {
        name: annotation
        for name, annotation in inspect.get_annotations(through).items()
        if name in {p.name for p in parameters}
    }
    never_called.__module__ = through.__module__
    never_called.__name__ = through.__name__
    return never_called


def declaration(field: GraphQLField) -> Attribute | Edge | None:
    """How *field* of a built schema was declared; None if it was not declared here."""
    definition = field.extensions.get("strawberry-definition")
    if definition is None:
        return None
    declared = definition.metadata.get(DECLARED)
    if declared is None or isinstance(declared, Edge | Event):
        return declared
    name, reads, convert = declared
    name = name or definition.python_name
    return Attribute(name, frozenset({name}) if reads is None else reads, convert)


def classification(field: GraphQLField) -> Classified | None:
    """What policy knows of *field* of a built schema; None if it was left unclassified."""
    definition = field.extensions.get("strawberry-definition")
    found = definition.metadata.get(CLASSIFIED) if definition is not None else None
    return found if isinstance(found, Classified) else None


def classified(data: DataClass, needs: str = "", **field: Any) -> Any:
    """An input field or argument that is of another class than the field it narrows."""
    return strawberry.field(metadata={CLASSIFIED: Classified(data, needs_of(needs))}, **field)
