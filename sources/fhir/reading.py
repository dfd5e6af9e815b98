"""Owns how strictly a FHIR server is read, and which fields beside R4's it may send."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sources.calling.allowed import PATH
from sources.fhir.r4.definitions import DEFINITIONS

Strict = Literal["read", "whole", "official"]


class Reading(NamedTuple):
    """How strictly a source is read.

    `read`: elements that are read, and the names of the others. `whole`: every element to the last part of a
    part. `official`: and the patterns of codes and URIs, which hold no white space.

    `allow` names fields that R4 does not know and that the source may send all the same, each with the type
    it is in: `Meta.author`. They are dropped.
    """

    strict: Strict = "whole"
    allow: frozenset[str] = frozenset()

    def allowed(self) -> dict[str, tuple[str, ...]]:
        """The names of those fields by the type they are in."""
        found: dict[str, set[str]] = {}
        for path in sorted(self.allow):
            owner, _, name = path.rpartition(".")
            type_ = type_at(owner)
            if type_ is not None and not _knows(type_, name):
                found.setdefault(type_, set()).add(name)
        return {type_: tuple(sorted(names)) for type_, names in found.items()}


WHOLE = Reading()


def fault_in(path: str) -> str | None:
    """Why *path* cannot be allowed, with the next step; None if it can: R4 has no such field."""
    if PATH.match(path) is None:
        return "is no path of a field; write it as `Meta.author`"
    owner, _, name = path.rpartition(".")
    type_ = type_at(owner)
    if type_ is None:
        return None if owner.partition(".")[0] == "Bundle" else f"`{owner}` is no type that is read"
    return f"R4 has a `{path}`, which is read as R4 has it" if _knows(type_, name) else None


def type_at(path: str) -> str | None:
    """The type of what is at *path*: `Period` at `Encounter.period`; None if R4 has nothing there."""
    if path in DEFINITIONS:
        return path
    owner, _, name = path.rpartition(".")
    type_ = type_at(owner) if owner else None
    elements = {} if type_ is None else {element.name: element.type for element in DEFINITIONS[type_]}
    found = elements.get(name)
    return found if found in DEFINITIONS else None


def _knows(type_: str, name: str) -> bool:
    return any(name in (element.name, f"_{element.name}") for element in DEFINITIONS[type_])
