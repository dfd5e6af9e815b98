"""Owns how a source's rows come to bear the house's ids, in themselves and wherever they refer to others."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from sources.model import Appointment, Coverage, Location, Mrn, Record, Reference, Resource
from sources.naming import Naming

R = TypeVar("R", bound=Resource)
Rename = Callable[[str], str]

_LITERAL = re.compile(
    r"(?P<before>(?:[a-z][a-z0-9+.-]*://.*/)?[A-Z][A-Za-z]+/)(?P<id>[A-Za-z0-9.-]{1,64})(?P<after>/_history/.*)?"
)
"""A literal reference to a resource of a server (https://hl7.org/fhir/R4/references.html#literal)."""


def resource(row: R, naming: Naming, source: str) -> R:
    """A FHIR resource of *source* under the house's ids; ids of FHIR can't be mistaken for others'."""
    if source == naming.bare:
        return row

    def rename(id_: str) -> str:
        return naming.given(source, id_)

    renamed: R = msgspec.structs.replace(_within(row, rename), id=rename(row.id))
    return renamed


def appointment(row: Appointment, naming: Naming, source: str) -> Appointment:
    """A booking of *source* under the house's ids, MRNs and visit numbers. Raises Ambiguous."""
    return msgspec.structs.replace(
        row,
        id=naming.given(source, row.id),
        patient_mrn=Mrn(naming.given(source, row.patient_mrn)) if row.patient_mrn else row.patient_mrn,
        location_id=naming.given(source, row.location_id) if row.location_id is not None else None,
        visit_number=naming.given(source, row.visit_number) if row.visit_number is not None else None,
    )


def coverage(row: Coverage, naming: Naming, source: str) -> Coverage:
    """A coverage of *source* under the house's ids. Raises Ambiguous."""
    return msgspec.structs.replace(
        row, id=naming.given(source, row.id), patient_mrn=Mrn(naming.given(source, row.patient_mrn))
    )


def location(row: Location, naming: Naming, source: str) -> Location:
    """A practice's location under the house's id. Raises Ambiguous."""
    return msgspec.structs.replace(row, id=naming.given(source, row.id))


def _within(value: Any, rename: Rename) -> Any:
    """*value* with every reference in it renamed; what holds none is the same object."""
    if isinstance(value, tuple):
        return tuple(_within(item, rename) for item in value)
    if isinstance(value, Reference):
        return _reference(value, rename)
    if not isinstance(value, Record):
        return value
    changes = {
        name: _within(held, rename) for name in _holders(type(value)) if (held := getattr(value, name))
    }
    return msgspec.structs.replace(value, **changes) if changes else value


def _reference(value: Reference, rename: Rename) -> Reference:
    match = _LITERAL.fullmatch(value.reference or "")
    if match is None:
        return value
    named = f"{match['before']}{rename(match['id'])}{match['after'] or ''}"
    return msgspec.structs.replace(value, reference=named)


@cache
def _holders(kind: type) -> tuple[str, ...]:
    """The attributes of a record in which there can be references."""
    model = next(one for one in kind.__mro__ if one.__module__.startswith("sources.model"))
    return tuple(name for name, hint in get_type_hints(model).items() if _can_hold(hint))


def _can_hold(hint: Any, within: frozenset[type] = frozenset()) -> bool:
    """Whether a reference can be in it; *within* are the records around it, for some hold their own kind."""
    if not (isinstance(hint, type) and issubclass(hint, Record)):
        return any(_can_hold(inner, within) for inner in get_args(hint))
    if issubclass(hint, Reference):
        return True
    hints = () if hint in within else get_type_hints(hint).values()
    return any(_can_hold(inner, within | {hint}) for inner in hints)
