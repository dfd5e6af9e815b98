"""The keys of all that the gateway keeps in memory, found by going through it: a new cache is found, too."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator, Mapping, Set
from functools import lru_cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

OURS = ("gateway", "policies", "resolvers", "sources")
WHAT_WAS_ASKED = ("_Document", "Operation", "Opaque", "Plan", "Planned", "Prepared")
"""What is kept of a document has the names and literals in it that its sender wrote, and no row."""

_Remembering = type(lru_cache(lambda: None))


class Kept(NamedTuple):
    """One thing that is looked up by keys: where it is, and the texts in its keys."""

    where: str
    texts: list[str]


def kept_in(root: object) -> Iterator[Kept]:
    """All mappings, sets and remembering functions that *root* leads to."""
    seen = set[int]()
    ahead: deque[tuple[str, object]] = deque([(type(root).__name__, root)])
    while ahead:
        where, found = ahead.popleft()
        if id(found) in seen or type(found).__name__ in WHAT_WAS_ASKED:
            continue
        seen.add(id(found))
        keys = _keys(found)
        if keys:
            yield Kept(where, [text for key in keys for text in _texts(key)])
        ahead.extend(_beyond(where, found))


def _keys(found: object) -> list[object]:
    if isinstance(found, Mapping | Set | WeakKeyDictionary):
        return list(found)
    if isinstance(found, _Remembering):
        return [key for held in gc.get_referents(found) if type(held) is dict for key in held]
    return []


def _texts(key: object) -> Iterator[str]:
    """The texts of a key. What is neither text nor made of texts is known by what it is."""
    if isinstance(key, str):
        yield key
    elif isinstance(key, bytes):
        yield key.decode("latin-1")
    elif isinstance(key, tuple | frozenset):
        for part in key:
            yield from _texts(part)


def _beyond(where: str, found: Any) -> Iterator[tuple[str, object]]:
    if isinstance(found, Mapping):
        yield from ((where, value) for value in list(found.values()))
    elif isinstance(found, list | tuple | set | frozenset | deque):
        yield from ((where, value) for value in list(found))
    elif type(found).__module__.partition(".")[0] in OURS:
        name = type(found).__name__
        yield from ((f"{name}.{attribute}", value) for attribute, value in _attributes(found))


def _attributes(found: Any) -> Iterator[tuple[str, object]]:
    yield from list(getattr(found, "__dict__", {}).items())
    slots = {name for of in type(found).__mro__ for name in getattr(of, "__slots__", ())}
    for name in (*slots, *getattr(type(found), "__struct_fields__", ())):
        if not name.startswith("__") and hasattr(found, name):
            yield name, getattr(found, name)
