"""Owns what R4 says of each type that is read: its elements, their types, how often they come, their codes.

The tables are written one word an element: its name, a colon, its type. `.` is a part of its own, named by
its path (`Patient.contact`); `code(a|b)` a code that is one of those. Behind that `!` means once, `*` any
number, `+` at least one, `?` that one of the choice it belongs to (`onset[x]`) has to be there; nothing: at
most one. `^` marks what came with R4B. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sources.fhir.r4.backbones import BACKBONES
from sources.fhir.r4.datatypes import DATATYPES
from sources.fhir.r4.resources import RESOURCES

_WORD = re.compile(r"(?P<name>\w+):(?P<type>[\w.]+)(?:\((?P<codes>[^)]*)\))?(?P<often>[!*+?]?)(?P<b>\^?)\Z")

_DATATYPE = "id:String extension:Extension*"
_BACKBONE = f"{_DATATYPE} modifierExtension:Extension*"
_RESOURCE = (
    "id:Id meta:Meta implicitRules:uri language:code text:Narrative contained:Resource*"
    " extension:Extension* modifierExtension:Extension*"
)
CHOICES = (
    *("abatement", "allowed", "asNeeded", "author", "bounds", "deceased", "doseNumber", "dose", "effective"),
    *("medication", "multipleBirth", "occurrence", "onset", "performed", "product", "rate", "reported"),
    *("scheduled", "seriesDoses", "source", "subject", "timing", "value"),
)
"""The elements with a type of one's choosing, by the name before it: `value` of `valueQuantity`."""

PLAIN = frozenset({"String", "Id", "xhtml"})
"""Primitives that bear neither id nor extensions, and so come without a sibling."""


class Element(NamedTuple):
    """One element of a type. `codes` are all it may be, if that is a code; `choice` names the choice it is
    one of. One of a choice is never required by itself; `is_required` says that some one of them is.
    """

    name: str
    type: str
    is_list: bool = False
    is_required: bool = False
    codes: tuple[str, ...] = ()
    choice: str | None = None
    is_r4b: bool = False

    @property
    def primitive(self) -> str | None:
        """Its type, if that is a primitive."""
        return self.type if self.type[0].islower() or self.type in PLAIN else None

    @property
    def has_sibling(self) -> bool:
        """Whether `_name` may come beside it, with its id and extensions."""
        return self.primitive is not None and self.type not in PLAIN


def _element(owner: str, word: str) -> Element:
    match = _WORD.match(word)
    if match is None:
        raise ValueError(f"`{owner}` has an element that is not written as one: {word}")
    name, type_ = match["name"], match["type"]
    often = match["often"]
    return Element(
        name,
        f"{owner}.{name}" if type_ == "." else type_,
        often in ("*", "+"),
        often in ("!", "+", "?"),
        tuple(match["codes"].split("|")) if match["codes"] else (),
        _choice(name, type_),
        bool(match["b"]),
    )


def _choice(name: str, type_: str) -> str | None:
    """The choice of which `nameType` is one, if it is."""
    suffix = f"{type_[0].upper()}{type_[1:]}"
    stem = name.removesuffix(suffix)
    return stem if stem != name and stem in CHOICES else None


def _defined() -> dict[str, tuple[Element, ...]]:
    tables = ((RESOURCES, _RESOURCE), (BACKBONES, _BACKBONE), (DATATYPES, _DATATYPE))
    return {
        owner: _without_lone_choices([_element(owner, word) for word in f"{common} {own}".split()])
        for table, common in tables
        for owner, own in table.items()
    }


def _without_lone_choices(elements: list[Element]) -> tuple[Element, ...]:
    """The same; what no other can be chosen instead of is no choice, such as `Immunization.doseQuantity`."""
    often = Counter(element.choice for element in elements)
    return tuple(it._replace(choice=None) if often[it.choice] == 1 else it for it in elements)


DEFINITIONS: Mapping[str, tuple[Element, ...]] = MappingProxyType(_defined())
"""The elements of each type in order, by FHIR's name of it; of a part, by its path (`Patient.contact`)."""
