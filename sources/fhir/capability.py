"""Owns the reading of a server's CapabilityStatement: which server it is, and which searches it knows.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from sources.calling import Reader

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._()/+-]{0,59}\Z")
_SPOKEN = re.compile(r"4\.0\.\d+\Z|4\.3\.0\Z")


class _Code(msgspec.Struct, frozen=True):
    code: str | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str | None = None
    version: str | None = None


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    interaction: tuple[_Code, ...] = ()
    search_param: tuple[_Named, ...] = ()


class _Rest(msgspec.Struct, frozen=True, rename="camel"):
    mode: str | None = None
    resource: tuple[_Resource, ...] = ()
    interaction: tuple[_Code, ...] = ()
    search_param: tuple[_Named, ...] = ()


class Statement(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a CapabilityStatement."""

    fhir_version: str
    software: _Named | None = None
    rest: tuple[_Rest, ...] = ()


STATEMENT = Reader[Statement](Statement, "CapabilityStatement")


class Capability(NamedTuple):
    """What a server says it can do; `searches` and `interactions` are by resource type, `everywhere` holds
    the search parameters that all types have.
    """

    version: str
    software: str
    batch: bool
    searches: dict[str, frozenset[str]]
    interactions: dict[str, frozenset[str]]
    everywhere: frozenset[str] = frozenset()

    @property
    def is_spoken(self) -> bool:
        """Whether it is a version of FHIR that is read here: R4 (4.0.x) or R4B (4.3.0)."""
        return _SPOKEN.match(self.version) is not None

    def lacks(self, type_: str, parameter: str) -> bool:
        """Whether it names the type's search parameters, and *parameter* is none of them."""
        return bool(self.searches.get(type_)) and not self.names(type_, parameter)

    def names(self, type_: str, parameter: str) -> bool:
        """Whether it says that the type can be searched by *parameter*."""
        return type_ in self.searches and parameter in self.searches[type_] | self.everywhere

    def allows(self, type_: str, interaction: str) -> bool:
        """Whether it names *interaction* (such as `history-type`) for the type."""
        return interaction in self.interactions.get(type_, ())


def capability(body: bytes | memoryview) -> Capability:
    """What the CapabilityStatement in *body* says.

    Raises:
        Nonconforming: it is none.
    """
    statement = STATEMENT.read(body)
    rests = [rest for rest in statement.rest if rest.mode in (None, "server")]
    resources = [resource for rest in rests for resource in rest.resource]
    return Capability(
        statement.fhir_version,
        _software(statement.software),
        any(it.code == "batch" for rest in rests for it in rest.interaction),
        {it.type: frozenset(one.name for one in it.search_param if one.name) for it in resources},
        {it.type: frozenset(one.code for one in it.interaction if one.code) for it in resources},
        frozenset(one.name for rest in rests for one in rest.search_param if one.name),
    )


def _software(named: _Named | None) -> str:
    """Its name and version as far as they are plain words: they are told to an operator."""
    parts = (named.name, named.version) if named is not None else ()
    return " ".join(part for part in parts if part and _PLAIN.match(part)) or "not named"
