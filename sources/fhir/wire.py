"""Owns the wire types: for each record of the model a subclass that decodes FHIR JSON strictly.

What is decoded *is* the domain record. The elements the model does not hold are known by name, and checked or
skipped over; any other name is refused, and so are modifiers, which change what a record means and are not
understood (https://hl7.org/fhir/R4/extensibility.html#modifierExtension).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import NODEFAULT, UNSET, Raw, UnsetType

from sources.fhir.elements import ELEMENTS, TYPES
from sources.fhir.inspection import Inspection, Noted
from sources.fhir.presence import Rules, checking
from sources.fhir.r4.definitions import Element
from sources.fhir.reading import WHOLE, Reading
from sources.fhir.shapes import ANYTHING, REFUSED, Shapes, several, skipped, value_type
from sources.model import Encounter, Patient, Record, Resource
from sources.naming import Practice

R = TypeVar("R", bound=Resource)

_UNREAD = " (not read)"
"""Behind the name of an element, what its attribute listens to while the element itself is skipped over."""

DEEPEST = 9
"""How many times an element may lie within one of its own kind; what lies deeper is there, and not read."""


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
    """Builds each wire type once, those it is made of first.

    Not *is_checked*: what types cannot say is left to the look at what is noted.
    """

    def __init__(self, reading: Reading, *, is_checked: bool = True) -> None:
        self.types: dict[type[Record], type[Record]] = {}
        self.noted: list[Noted] = []
        self._is_checked = is_checked
        self._open: list[type[Record]] = []
        self._allowed = reading.allowed()
        official = reading.strict == "official"
        self._shapes = None if reading.strict == "read" else _shapes(reading, is_checked=is_checked)
        if self._shapes is not None:
            self.noted += self._shapes.noted
        self._value_type = partial(value_type, official=official)

    def of(self, kind: type[Record]) -> Any:
        if kind in self.types:
            return self.types[kind]
        depth = self._open.count(kind)
        if depth == DEEPEST:
            return Raw
        self._open.append(kind)
        made, noted = self.built(kind)
        self._open.pop()
        self.noted.append(noted)
        return made if depth else self.types.setdefault(kind, made)

    def built(
        self,
        kind: type[Record],
        only: frozenset[str] | None = None,
        practices: tuple[Practice, ...] | None = None,
    ) -> tuple[type[Record], Noted]:
        """The wire type of *kind*, and what it notes; with *only*, no other element is read, and none is
        required."""
        known = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
        read = known.keys() if only is None else known.keys() & only
        is_resource = issubclass(kind, Resource)
        attributes = known | {
            name: skipped(name) for element in ELEMENTS[kind] for name in _skipped(element, read)
        }
        rules = Rules.of(TYPES[kind], attributes.__getitem__, lambda it: it.name in read or not is_resource)
        joined = _joined_by(kind, practices) if practices is not None else {}
        noted = Noted(rules)
        definitions = [*self._definitions(kind, frozenset(read), noted)]
        wire = msgspec.defstruct(
            kind.__name__,
            definitions,
            bases=(kind,),
            namespace=joined | (checking(rules) if self._is_checked else noted.namespace()),
            module=__name__,
            frozen=True,
            kw_only=True,
            repr_omit_defaults=True,
            gc=False,  # they are trees of immutable parts: nothing for the collector to find
            forbid_unknown_fields=True,
            tag_field="resourceType" if is_resource else None,
            tag=kind.__name__ if is_resource else None,
        )
        return cast(type[Record], wire), noted

    def _definitions(
        self, kind: type[Record], read: frozenset[str], noted: Noted
    ) -> Iterator[tuple[str, Any, Any]]:
        """The fields of the wire type of *kind*, of which those *read* are the model's."""
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        hints = get_type_hints(kind, include_extras=True)
        for element in ELEMENTS[kind]:
            if (known := fields.get(element.name)) is not None:
                is_read = element.name in read
                name = element.name if is_read else f"{element.name}{_UNREAD}"
                wire_type = self._wire_type(hints[known.name], element, TYPES[kind])
                if is_read and not self._is_checked:
                    wire_type = noted.plain(known.name, wire_type)
                must = is_read and element.is_required and not element.has_sibling and element.choice is None
                yield known.name, wire_type, _field(name, NODEFAULT if must else known.default)
                if not is_read:
                    yield self._unread(kind, element, noted)
            else:
                yield self._unread(kind, element, noted)
            if element.has_sibling:
                yield self._sibling(element)
        for name in self._allowed.get(TYPES[kind], ()):
            yield skipped(name), ANYTHING, msgspec.field(name=name, default=UNSET)

    def _unread(self, kind: type[Record], element: Element, noted: Noted) -> tuple[str, Any, Any]:
        if element.name in REFUSED:
            type_ = REFUSED[element.name]
        elif self._shapes is None:
            type_ = ANYTHING
        else:
            type_ = self._shapes.of(TYPES[kind], element)
            if not self._is_checked:
                type_ = noted.plain(skipped(element.name), type_)
            type_ |= UnsetType
        must = (
            element.is_required
            and not element.has_sibling
            and element.choice is None
            and not issubclass(kind, Resource)
        )
        default = NODEFAULT if must else UNSET
        return skipped(element.name), type_, _field(element.name, default)

    def _sibling(self, element: Element) -> tuple[str, Any, Any]:
        type_ = ANYTHING if self._shapes is None else self._shapes.sibling(element)
        return skipped(f"_{element.name}"), type_, _field(f"_{element.name}", UNSET)

    def _wire_type(self, hint: Any, element: Element, owner: str) -> Any:
        """The type of *element*: what the model says of its shape, what FHIR says of its values."""
        origin = get_origin(hint)
        if origin in (Union, types.UnionType):
            # Absent elements are None in the model; on the wire they are absent, never null.
            (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
            return self._wire_type(inner, element, owner)
        if origin is tuple:
            inner = self._wire_type(get_args(hint)[0], element._replace(is_list=False), owner)
            return several(inner, element)
        if isinstance(hint, type) and issubclass(hint, Record):
            return self.of(hint)
        if hint is Decimal:
            return Decimal  # to the digit as it was sent, which a float is not
        if element.primitive is None:
            raise TypeError(f"element `{element.name}` is not a primitive, but the model says it is")
        return self._value_type(owner, element)


def _field(name: str, default: Any) -> Any:
    return msgspec.field(name=name) if default is NODEFAULT else msgspec.field(name=name, default=default)


def _skipped(element: Element, read: Collection[str]) -> Iterator[str]:
    """The names on the wire of what belongs to *element* and is not read."""
    if element.name not in read:
        yield element.name
    if element.has_sibling:
        yield f"_{element.name}"


@lru_cache(maxsize=64)
def _shapes(reading: Reading, *, is_checked: bool) -> Shapes:
    return Shapes(reading.allowed(), official=reading.strict == "official", is_checked=is_checked)


@lru_cache(maxsize=64)
def _unchecked(reading: Reading) -> _Builder:
    return _Builder(reading, is_checked=False)


@lru_cache(maxsize=64)
def _builder(reading: Reading) -> _Builder:
    builder = _Builder(reading)
    for kind in ELEMENTS:
        if issubclass(kind, Resource):
            builder.of(kind)
    return builder


def wire_types(reading: Reading = WHOLE) -> dict[type[Record], type[Record]]:
    """The wire type of each record of the model."""
    return _builder(reading).types


WIRE: dict[type[Record], type[Record]] = wire_types()
"""The wire type of each record of the model, read as strictly as can be."""


def projected(
    kind: type[Record],
    elements: frozenset[str],
    practices: tuple[Practice, ...] | None = None,
    reading: Reading = WHOLE,
) -> type[Record]:
    """The wire type of *kind* that reads those elements, and keeps none of the others that R4 knows.

    With *practices*, MRNs and visit numbers are the identifiers of their systems, whatever they are typed as:
    another hospital's MRN is typed MR as well.

    Servers may answer with more than was asked for; to make attributes of it would cost more than the call.
    What is required is required of the elements that are read: the resource may be cut to them (SUBSETTED).
    """
    return _builder(reading).built(kind, elements, practices)[0]


def inspected(
    kind: type[Record],
    elements: frozenset[str],
    practices: tuple[Practice, ...] | None = None,
    reading: Reading = WHOLE,
) -> tuple[type[Record], Inspection]:
    """The same, of which each part notes itself instead of being checked; and the look at what was noted."""
    builder = _unchecked(reading)
    built, noted = builder.built(kind, elements, practices)
    return built, Inspection([*builder.noted, noted])


def kept(
    kind: type[R], elements: frozenset[str], practices: tuple[Practice, ...] | None = None
) -> Callable[[Sequence[R]], list[R]]:
    """Makes of rows that were read so rows that hold those elements and no more.

    What was only checked goes at once, while it is at hand, and not when the request ends: a page of whole
    resources is several times as large as what is read of it.
    """
    names = [field.name for field in msgspec.structs.fields(kind) if field.encode_name in elements]
    made: Callable[..., Any] = msgspec.defstruct(
        kind.__name__,
        [(name, Any) for name in names],
        bases=(kind,),
        namespace=_joined_by(kind, practices) if practices is not None else {},
        module=__name__,
        frozen=True,
        repr_omit_defaults=True,
        gc=False,
    )
    values = [attrgetter(name) for name in names]
    return lambda rows: list(map(made, *(map(value, rows) for value in values)))
