"""SMART App Launch scopes (v1, v2, granular) and our private ones: text in, one canonical value out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote

Query: TypeAlias = tuple[tuple[str, str], ...]
"""The search parameters of a granular scope, in FHIR search syntax, sorted: all must match."""

LETTERS = "cruds"
"""SMART v2 permissions in their only defined order: create, read, update, delete, search."""


class Context(Enum):
    """Whose records a scope is about: the launch patient's, the user's, or those of the whole system."""

    PATIENT = "patient"
    USER = "user"
    SYSTEM = "system"


class ResourceScope(NamedTuple):
    """One clinical scope: `type` is a FHIR resource type or `*`, `letters` an ordered part of `cruds`."""

    context: Context
    type: str
    letters: str
    query: Query = ()

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.context.value}/{self.type}.{self.letters}{'?' if query else ''}{query}"


class PrivateScope(NamedTuple):
    """A scope of our own for what FHIR has no type for, such as `__engagement.read`. It has no context."""

    name: str
    verb: str

    def __str__(self) -> str:
        return f"__{self.name}.{self.verb}"


@dataclass(frozen=True, slots=True)
class Scopes:
    """All that a token's scopes permit. Two texts that permit the same by the same letters are equal.

    `ignored` holds the scopes that could not be understood, as they came; they permit nothing.
    """

    resources: frozenset[ResourceScope] = frozenset()
    private: frozenset[PrivateScope] = frozenset()
    ignored: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Scopes:
        """Read a token's `scope` (RFC 6749 section 3.3: words parted by spaces). Never raises.

        What is unknown, malformed, or a search that no row could be re-checked by is ignored, one by one.
        """
        resources: list[ResourceScope] = []
        private: list[PrivateScope] = []
        ignored: list[str] = []
        for word in filter(None, text.split(" ")):
            if (scope := _resource_scope(word)) is not None:
                resources.append(scope)
            elif (own := private_scope(word)) is not None:
                private.append(own)
            elif _NOT_DATA.fullmatch(word) is None:
                ignored.append(word)
        return cls(_merged(resources), frozenset(private), tuple(ignored))

    @property
    def beyond_one_patient(self) -> bool:
        """Whether some scope has a context wider than the launch patient."""
        return any(scope.context is not Context.PATIENT for scope in self.resources)

    def __str__(self) -> str:
        """The canonical text, sorted."""
        return " ".join(sorted(str(scope) for scope in (*self.resources, *self.private)))


_URI = "http://smarthealthit.org/fhir/scopes/"
_V1 = {"read": "rs", "write": "cud", "*": LETTERS}

# The lookahead refuses the empty permission: `patient/Patient.` must not mean anything. The query's
# characters are those RFC 6749 lets a scope have.
_RESOURCE = re.compile(
    r"(?P<context>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\."
    r"(?:(?P<v1>read|write|\*)|(?P<v2>(?=[cruds])c?r?u?d?s?)(?:\?(?P<query>[\x21\x23-\x5B\x5D-\x7E]+))?)"
)
_PRIVATE = re.compile(r"__(?P<name>[a-z][a-z0-9_]*)\.(?P<verb>[a-z]+)")
_NOT_DATA = re.compile(
    r"openid|fhirUser|profile|offline_access|online_access|launch(?:/[a-z]+(?:\?role=[\x21\x23-\x5B\x5D-\x7E]+)?)?"
)
# Plain search parameters only. A modifier (`code:in`), a chain (`subject.name`) or `_filter`, `_has` and the
# like can't be re-checked on a row, so a scope with one permits nothing.
_PARAMETER = re.compile(r"[a-z][a-z-]*")
# What a decoded value may hold is what a scope may, but for `&` and `%`: with these or a space, two
# different scopes would have the same canonical text, and so the same cached grant.
_VALUE = re.compile(r"[\x21\x23\x24\x27-\x5B\x5D-\x7E]+")


def private_scope(word: str) -> PrivateScope | None:
    """The private scope that *word* is, if it is one."""
    match = _PRIVATE.fullmatch(word)
    return PrivateScope(match["name"], match["verb"]) if match is not None else None


def _resource_scope(word: str) -> ResourceScope | None:
    match = _RESOURCE.fullmatch(word.removeprefix(_URI))
    if match is None:
        return None
    query = _query(match["query"]) if match["query"] is not None else ()
    if query is None:
        return None
    letters = match["v2"] if match["v1"] is None else _V1[match["v1"]]
    return ResourceScope(Context(match["context"]), match["type"], letters, query)


def _query(text: str) -> Query | None:
    pairs: set[tuple[str, str]] = set()
    for part in text.split("&"):
        name, _, value = part.partition("=")
        # Some servers echo the scope as it was on the wire, percent-encoded.
        plain = unquote(value)
        if _PARAMETER.fullmatch(name) is None or _VALUE.fullmatch(plain) is None:
            return None
        pairs.add((name, plain))
    return tuple(sorted(pairs))


def _merged(scopes: Iterable[ResourceScope]) -> frozenset[ResourceScope]:
    """`X.r` and `X.s` together are `X.rs`: the canonical form joins what differs in letters alone."""
    letters: dict[tuple[Context, str, Query], str] = defaultdict(str)
    for scope in scopes:
        letters[scope.context, scope.type, scope.query] += scope.letters
    return frozenset(
        ResourceScope(context, kind, in_order(held), query)
        for (context, kind, query), held in letters.items()
    )


def in_order(letters: Iterable[str]) -> str:
    """The permissions among *letters*, each once, in SMART's order."""
    held = frozenset(letters)
    return "".join(letter for letter in LETTERS if letter in held)
