"""Owns the types by which elements that nobody reads are checked whole, down to the last part of a part."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import NODEFAULT, UNSET, Raw, UnsetType

from sources.fhir.inspection import Noted
from sources.fhir.presence import Rules, checking
from sources.fhir.primitives import OFFICIAL, REFERENCES, TYPES
from sources.fhir.r4.definitions import DEFINITIONS, Element

ANYTHING: Any = Raw | UnsetType
"""What is skipped over without a look."""

NONE_OF: Any = Annotated[list[Raw], msgspec.Meta(max_length=0)] | UnsetType
REFUSED = {"modifierExtension": NONE_OF, "implicitRules": NONE_OF}
"""The elements that change what a record means; none of them is understood."""


def value_type(owner: str, element: Element, *, official: bool) -> Any:
    """What one value of a primitive *element* of the type *owner* is decoded as; *official* leaves no pattern
    of the official schema out."""
    if element.codes:
        return Literal[element.codes]
    if (owner, element.name) == ("Reference", "reference"):
        return REFERENCES
    return (OFFICIAL if official else TYPES)[element.type]


def several(type_: Any, element: Element) -> Any:
    """As many of *type_* as there may be of *element*."""
    if not element.is_list:
        return type_
    many: Any = tuple[type_, ...]
    return Annotated[many, msgspec.Meta(min_length=1)] if element.is_required else many


def skipped(name: str) -> str:
    """The attribute of an element that is not read."""
    return f"skipped_{name.lstrip('_')}{'_sibling' if name.startswith('_') else ''}"


class Shapes:
    """A type for each of FHIR's, which takes what conforms and keeps nothing that anyone would read.

    *allowed* names, by type, the fields that a vendor adds. Not *is_checked*: what types cannot say is left
    to the look at `noted`.
    """

    def __init__(
        self, allowed: dict[str, tuple[str, ...]], *, official: bool, is_checked: bool = True
    ) -> None:
        self.noted: list[Noted] = []
        self._is_checked = is_checked
        self._allowed = allowed
        self._value_type = partial(value_type, official=official)
        self._made: dict[str, Any] = {}
        for name in DEFINITIONS:
            self._made[name] = self._shape(name)
        # Types hold each other: they find one another by name, in the namespace of their class.
        names = {_identifier(name): made for name, made in self._made.items()}
        for made in self._made.values():
            for name, other in names.items():
                setattr(made, name, other)

    def of(self, owner: str, element: Element) -> Any:
        """The type of *element* of the type *owner*."""
        if element.type == "Resource":
            return Raw
        inner = (
            self._value_type(owner, element) if element.primitive is not None else self._made[element.type]
        )
        return several(inner, element)

    def sibling(self, element: Element) -> Any:
        """The type of what comes beside a primitive *element*."""
        one: Any = self._made["Element"]
        return (tuple[one | None, ...] if element.is_list else one) | UnsetType

    def _shape(self, owner: str) -> Any:
        rules = Rules.of(owner, skipped, lambda element: True)
        noted = None if self._is_checked else Noted(rules)
        definitions: list[tuple[str, Any, Any]] = []
        for element in DEFINITIONS[owner]:
            is_required = element.is_required and not element.has_sibling and element.choice is None
            definitions.append(self._defined(owner, element, NODEFAULT if is_required else UNSET, noted))
            if element.has_sibling:
                often = f"tuple[{_ELEMENT} | None, ...]" if element.is_list else _ELEMENT
                definitions.append(_field(f"_{element.name}", f"{often} | UnsetType", UNSET))
        definitions += [_field(name, ANYTHING, UNSET) for name in self._allowed.get(owner, ())]
        if noted is not None:
            self.noted.append(noted)
        return msgspec.defstruct(
            _identifier(owner),
            definitions,
            namespace={"UnsetType": UnsetType} | (checking(rules) if noted is None else noted.namespace()),
            frozen=True,
            kw_only=True,
            gc=False,
            forbid_unknown_fields=True,
        )

    def _defined(
        self, owner: str, element: Element, default: Any, noted: Noted | None
    ) -> tuple[str, Any, Any]:
        if element.name in REFUSED:
            return _field(element.name, REFUSED[element.name], UNSET)
        if element.type == "Resource":
            return _field(element.name, ANYTHING, UNSET)
        if element.primitive is not None:
            value = several(self._value_type(owner, element), element)
            if noted is not None:
                value = noted.plain(skipped(element.name), value)
            return _field(element.name, value | UnsetType, default)
        type_ = _identifier(element.type)
        if element.is_list:
            type_ = f"tuple[{type_}, ...]"
        return _field(element.name, f"{type_} | UnsetType" if default is UNSET else type_, default)


def _field(name: str, type_: Any, default: Any) -> tuple[str, Any, Any]:
    field = msgspec.field(name=name) if default is NODEFAULT else msgspec.field(name=name, default=default)
    return skipped(name), type_, field


def _identifier(name: str) -> str:
    """A name that nothing else in this module has: it would be found first."""
    return f"shape_{name.replace('.', '_')}"


_ELEMENT = _identifier("Element")
