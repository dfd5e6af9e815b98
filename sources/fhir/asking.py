"""Owns what a search asks for: elements, escaped values and parameters (https://hl7.org/fhir/R4/search.html)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from sources.fhir.primitives import ID
from sources.model import Resource
from sources.model.clinical import OfPatient, OfSubject
from sources.ports import Narrowing, PatientQuery, Wanted

Parameters = list[tuple[str, str]]

_BEHIND: dict[str, tuple[str, ...]] = {
    "charts": ("identifier",),
    "deceased": ("deceased_boolean", "deceased_date_time"),
    "encounter_ids": ("encounter", "context"),
    "general_practitioner_ids": ("general_practitioner",),
    "last_updated": ("meta",),
    "location_id": ("location",),
    "mrn": ("identifier",),
    "mrns": ("identifier",),
    "npi": ("identifier",),
    "organization_id": ("service_provider",),
    "patient_id": (),
    "postal_code": ("address",),
    "requester_id": ("requester",),
    "security": ("meta",),
    "visit": (),
    "visit_number": ("identifier",),
}
"""The attributes behind each property, those of them that a record has. Whose it is is always asked for."""

_CHOICE = re.compile(r"(abatement|deceased|effective|medication|occurrence|onset|performed|value)[A-Z]")
_SPECIAL = re.compile(r"([\\,$|])")
_ID = re.compile(ID)


def escaped(value: str) -> str:
    """*value* as one literal value of a search parameter (3.1.1.4.0.1)."""
    return _SPECIAL.sub(r"\\\1", value)


def possible_ids(ids: Iterable[str]) -> list[str]:
    """Those of *ids* that can be logical ids; no resource has any other."""
    return [id_ for id_ in ids if _ID.match(id_)]


@lru_cache(maxsize=4096)
def elements(kind: type[Resource], wanted: Wanted) -> str:
    """The value of `_elements` for the attributes *wanted*, the id and the patient the resource is about.

    Of an element with several types both names are given, `value` and `valueQuantity`: servers differ.

    Raises:
        ValueError: the record has no such attribute.
        KeyError: it is a property, and what is behind it has not been said.
    """
    fields = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    names = {"id", *_owner(kind)}
    for attribute in wanted:
        if not hasattr(kind, attribute):
            raise ValueError(f"`{kind.__name__}` has no attribute `{attribute}`")
        behind = _BEHIND[attribute] if attribute not in fields else (attribute,)
        names |= {fields[name] for name in behind if name in fields}
    names |= {choice[1] for name in names if (choice := _CHOICE.match(name)) is not None}
    return ",".join(sorted(names))


def _owner(kind: type[Resource]) -> tuple[str, ...]:
    if issubclass(kind, OfSubject):
        return ("subject",)
    return ("patient",) if issubclass(kind, OfPatient) else ()


def narrowed(narrowing: Narrowing) -> Parameters:
    """The parameters of *narrowing*: alternatives joined, one parameter for each name as it comes."""
    return [(name, ",".join(values)) for name, values in narrowing.parameters]


def matching(query: PatientQuery) -> Parameters:
    """The parameters of *query*."""
    named: Sequence[tuple[str, str | None]] = (
        ("name", _escaped(query.name)),
        ("family", _escaped(query.family)),
        ("given", _escaped(query.given)),
        ("birthdate", query.birth_date),
        ("_id", query.id),
        ("gender", _escaped(query.gender)),
        ("identifier", query.identifier),
    )
    return [(name, value) for name, value in named if value is not None]


def _escaped(value: str | None) -> str | None:
    return None if value is None else escaped(value)
