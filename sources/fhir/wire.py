"""Owns the wire types: for each record of the model a subclass that decodes FHIR JSON strictly.

What is decoded *is* the domain record. The elements the model does not hold are known by name and skipped
over; any other name is refused, and so are modifiers, which change what a record means and are not understood
(https://hl7.org/fhir/R4/extensibility.html#modifierExtension).
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, Raw, UnsetType

from sources.fhir.elements import ELEMENTS, Element
from sources.fhir.primitives import TYPES
from sources.model import Encounter, Patient, Record, Resource
from sources.naming import Practice

_SKIPPED: Any = Raw | UnsetType
_NONE_OF: Any = Annotated[list[Raw], msgspec.Meta(max_length=0)] | UnsetType
_UNREAD = " (not read)"
"""Behind the name of an element, what its attribute listens to while the element itself is skipped over."""

DEEPEST = 9
"""How many times an element may lie within one of its own kind; what lies deeper is there, and not read."""

_REFUSED = {"modifierExtension": _NONE_OF, "implicitRules": _NONE_OF}


def _joined_by(kind: type[Record], practices: tuple[Practice, ...]) -> dict[str, Any]:
    """The properties of *kind* that practices are joined by, read from its identifiers of their systems."""

    by_mrn_system = _grouped((practice.mrn_system, practice) for practice in practices)
    by_visit_system = _grouped((practice.visit_system, practice) for practice in practices)

    def mrns(row: Any) -> tuple[str, ...]:
        return _numbers(row, by_mrn_system)

    def visit_number(row: Any) -> str | None:
        return next(iter(_numbers(row, by_visit_system)), None)

    joining = {Patient: {"mrns": property(mrns)}, Encounter: {"visit_number": property(visit_number)}}
    return joining.get(kind, {})


def _grouped(pairs: Iterable[tuple[str, Practice]]) -> dict[str, list[Practice]]:
    """The practices under each system; several practices may share one."""
    groups: dict[str, list[Practice]] = {}
    for system, practice in pairs:
        groups.setdefault(system, []).append(practice)
    return groups


def _numbers(row: Any, practices: dict[str, list[Practice]]) -> tuple[str, ...]:
    """The values of the identifiers of those systems, under the names the house has for them, each once."""
    return tuple(
        dict.fromkeys(
            practice.given(each.value)
            for each in row.identifier
            if each.value
            for practice in practices.get(each.system, ())
        )
    )


class _Builder:
    """Builds each wire type once, those it is made of first."""

    def __init__(self) -> None:
        self.types: dict[type[Record], type[Record]] = {}
        self._open: list[type[Record]] = []

    def of(self, kind: type[Record]) -> Any:
        if kind in self.types:
            return self.types[kind]
        depth = self._open.count(kind)
        if depth == DEEPEST:
            return Raw
        self._open.append(kind)
        made = self.built(kind)
        self._open.pop()
        return made if depth else self.types.setdefault(kind, made)

    def built(
        self,
        kind: type[Record],
        only: frozenset[str] | None = None,
        practices: tuple[Practice, ...] | None = None,
    ) -> type[Record]:
        """The wire type of *kind*; with *only*, all other elements are skipped over."""
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        hints = get_type_hints(kind, include_extras=True)
        definitions: list[tuple[str, Any, Any]] = []
        for element in ELEMENTS[kind]:
            if (known := fields.get(element.name)) is not None:
                is_read = only is None or element.name in only
                name = element.name if is_read else f"{element.name}{_UNREAD}"
                wire_type = self._wire_type(hints[known.name], element)
                definitions.append((known.name, wire_type, _field(name, known.default)))
                if not is_read:
                    definitions.append(_skipped(element.name))
            else:
                definitions.append(_skipped(element.name))
            if element.primitive is not None:
                definitions.append(_skipped(f"_{element.name}"))
        is_resource = issubclass(kind, Resource)
        wire = msgspec.defstruct(
            kind.__name__,
            definitions,
            bases=(kind,),
            namespace=_joined_by(kind, practices) if practices is not None else None,
            module=__name__,
            frozen=True,
            kw_only=True,
            repr_omit_defaults=True,
            gc=False,  # they are trees of immutable parts: nothing for the collector to find
            forbid_unknown_fields=True,
            tag_field="resourceType" if is_resource else None,
            tag=kind.__name__ if is_resource else None,
        )
        return cast(type[Record], wire)

    def _wire_type(self, hint: Any, element: Element) -> Any:
        """The type of *element*: what the model says of its shape, what FHIR says of its values."""
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            # Absent elements are None in the model; on the wire they are absent, never null.
            (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
            return self._wire_type(inner, element)
        if origin is tuple:
            return tuple[self._wire_type(get_args(hint)[0], element), ...]  # type: ignore[misc]
        if isinstance(hint, type) and issubclass(hint, Record):
            return self.of(hint)
        if hint is Decimal:
            return Decimal  # to the digit as it was sent, which a float is not
        if element.primitive is None:
            raise TypeError(f"element `{element.name}` is not a primitive, but the model says it is")
        return TYPES[element.primitive]


def _field(name: str, default: Any) -> Any:
    return msgspec.field(name=name) if default is NODEFAULT else msgspec.field(name=name, default=default)


def _skipped(name: str) -> tuple[str, Any, Any]:
    attribute = f"skipped_{name.lstrip('_')}{'_sibling' if name.startswith('_') else ''}"
    return attribute, _REFUSED.get(name, _SKIPPED), msgspec.field(name=name, default=UNSET)


_builder = _Builder()
for _kind in ELEMENTS:
    if issubclass(_kind, Resource):
        _builder.of(_kind)

WIRE: dict[type[Record], type[Record]] = _builder.types
"""The wire type of each record of the model."""


def projected(
    kind: type[Record], elements: frozenset[str], practices: tuple[Practice, ...] | None = None
) -> type[Record]:
    """The wire type of *kind* that reads those elements and skips over all others that R4 knows.

    With *practices*, MRNs and visit numbers are the identifiers of their systems, whatever they are typed as:
    another hospital's MRN is typed MR as well.

    Servers may answer with more than was asked for; reading it would cost more than the call. The attributes
    of what is not read are absent.
    """
    return _builder.built(kind, elements, practices)
