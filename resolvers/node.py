"""Global ids: `Type/id`, unique over all types, as a FHIR reference names a resource."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import strawberry

from policies import DataClass
from resolvers.declare import Fields
from resolvers.faults import BadInput


@strawberry.interface(description="Something with an id of its own, found again by `node`.")
class Node:
    id: strawberry.ID = Fields(DataClass.REFERENCE, "")("The global id, such as `Patient/p1`.")


def global_id(type_name: str) -> Callable[[str], str]:
    """Makes global ids of the logical ids of one type."""
    return f"{type_name}/".__add__  # a built-in, since every row has an id


def identity(fields: Fields, type_name: str) -> Any:
    """The `id` of a type that can be found again by it."""
    return fields("The global id.", data=DataClass.REFERENCE, name="id", convert=global_id(type_name))


def split(given: str) -> tuple[str, str]:
    """The type and the logical id of a global id.

    Raises:
        BadInput: it is no global id.
    """
    type_name, slash, logical = given.partition("/")
    if not slash or not type_name or not logical:
        raise BadInput("`id` is no global id; write one such as `Patient/p1`")
    return type_name, logical


def logical_id(given: str, type_name: str, name: str = "id") -> str:
    """The logical id of a type's global id, the argument *name*; a bare logical id is taken as it is.

    Raises:
        BadInput: it is empty or the global id of another type.
    """
    named, slash, logical = given.partition("/")
    if not slash and named:
        return named
    if named != type_name or not logical:
        raise BadInput(f"`{name}` must be an id of type {type_name}, such as `{type_name}/x1`")
    return logical
