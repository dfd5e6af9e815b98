"""Owns what a request for scopes is granted: the part of it that someone may have. Pure.

Grammar: SMART App Launch 2.2, "Scopes and Launch Context", versions 1 and 2.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SMART = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)"
    r"\.(?P<letters>read|write|\*|(?=[cruds])c?r?u?d?s?)(?:\?(?P<query>\S+))?"
)
_LETTERS = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True)
class ClinicalScope:
    """One scope on FHIR data; `letters` is an in-order part of `cruds`, `query` None for every row."""

    context: str
    type: str
    letters: str
    query: str | None

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.context}/{self.type}.{self.letters}{query}"


def clinical(text: str) -> ClinicalScope | None:
    """The scope on FHIR data that *text* is, or None. Queries belong to version 2 only."""
    found = _SMART.fullmatch(text)
    if found is None or (found["query"] and found["letters"] in _LETTERS):
        return None
    letters = _LETTERS.get(found["letters"], found["letters"])
    return ClinicalScope(found["context"], found["type"], letters, found["query"])


def granted(requested: Iterable[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """What *requested* and *allowed* have in common, as narrow as the narrower of the two.

    A scope that is wholly allowed keeps the words it was asked for in; one that is partly allowed is
    replaced by the parts; one that is malformed or not allowed is left out.
    """
    mine = tuple(allowed)
    return tuple(dict.fromkeys(part for text in requested for part in _parts(text, mine)))


def _parts(text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    asked = clinical(text)
    if asked is None:
        return (text,) if text in allowed else ()
    mine = [scope for scope in map(clinical, allowed) if scope is not None]
    parts = [part for scope in mine if (part := _common(asked, scope)) is not None]
    return (text,) if asked in parts else tuple(map(str, parts))


def _common(asked: ClinicalScope, mine: ClinicalScope) -> ClinicalScope | None:
    letters = "".join(letter for letter in asked.letters if letter in mine.letters)
    same_context = asked.context == mine.context
    same_type = asked.type == mine.type or "*" in (asked.type, mine.type)
    same_rows = asked.query == mine.query or None in (asked.query, mine.query)
    if not (same_context and same_type and same_rows and letters):
        return None
    type_ = mine.type if asked.type == "*" else asked.type
    return ClinicalScope(asked.context, type_, letters, asked.query or mine.query)
