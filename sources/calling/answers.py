"""Owns strict reading of JSON answers: a typed value, or where and how the answer does not conform."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from sources.calling.allowed import without
from sources.calling.flaws import Flaw

T = TypeVar("T")

_WHERE = re.compile(r" - at `(?:key in )?\$?\.?(?P<path>[^`]*)`\Z")
_UNKNOWN = re.compile(r"\AObject contains unknown field `(?P<name>.*)`\Z", re.DOTALL)
_MISSING = re.compile(r"\AObject missing required field `(?P<name>\w+(?:\[x\])?)`\Z")
_SEVERAL = re.compile(r"\ASeveral types for `(?P<name>\w+\[x\])`\Z")
_WRONG_TYPE = re.compile(r"\A(?:Expected|Invalid) `(?P<wanted>[a-z0-9 |]+)`, got `(?P<got>[a-z0-9 |]+)`\Z")
_FIELD_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63})?")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_JSON = "not JSON that can be read"


class Nonconforming(Exception):
    """An answer does not conform; the message says where and how in our words, with no value out of it."""


class Reader(Generic[T]):
    """Reads JSON as *type*; *root* is how a message names the whole, such as `Encounter`."""

    def __init__(self, type: type[T] | Any, root: str) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(type)
        self._root = root

    def read(self, body: bytes | memoryview | msgspec.Raw, allowed: frozenset[str] = frozenset()) -> T:
        """*body* as a value, without the *allowed* fields of it that the type does not know.

        Raises:
            Nonconforming: it is not JSON, or not of the type.
        """
        try:
            return self._decoded(body)
        except Nonconforming as fault:
            if not allowed or not Flaw.of(str(fault)).is_extra:
                raise
            stripped = self._without(body, allowed)
            if stripped is None:
                raise
        return self._decoded(stripped)

    def _without(self, body: bytes | memoryview | msgspec.Raw, allowed: frozenset[str]) -> bytes | None:
        # A field that is extra is found before what follows it is known to be JSON.
        try:
            return without(body, self._root, allowed)
        except _UNREADABLE:
            raise Nonconforming(f"{self._root}: {_NOT_JSON}") from None

    def _decoded(self, body: bytes | memoryview | msgspec.Raw) -> T:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise Nonconforming(explained(self._root, str(error))) from None
        except _UNREADABLE:
            raise Nonconforming(f"{self._root}: {_NOT_JSON}") from None


def explained(root: str, message: str) -> str:
    """What msgspec's *message* says, without anything that may come from the answer's values."""
    match = _WHERE.search(message)
    path = "" if match is None else re.sub(r"\[[^\]]*\]", "[]", match["path"])
    fault = message if match is None else message[: match.start()]
    place = f"{root}{'' if not path or path.startswith('[') else '.'}{path}"
    return _said(place, fault)


def not_asked(place: str, names: Iterable[str], asked: Container[str], allowed: frozenset[str]) -> str | None:
    """What is wrong with fields of those *names* where only *asked* and *allowed* ones should be; or None."""
    unasked = (name for name in names if name not in asked and f"{place}.{name}" not in allowed)
    return next((extra(place, name) for name in unasked), None)


def extra(place: str, name: str) -> str:
    """What is said of a field that nobody knows; its name only if it looks like one."""
    shown = f"`{name}`" if _FIELD_NAME.fullmatch(name) else "of a strange name"
    return f"{place}: unknown field {shown}"


def _said(place: str, fault: str) -> str:
    if (unknown := _UNKNOWN.match(fault)) is not None:
        return extra(place, unknown["name"])
    if (missing := _MISSING.match(fault)) is not None:
        return f"{place}: `{missing['name']}` is missing"
    if (several := _SEVERAL.match(fault)) is not None:
        return f"{place}: several types for `{several['name']}`"
    if (wrong := _WRONG_TYPE.match(fault)) is not None:
        return f"{place}: {wrong['got']} instead of {wrong['wanted']}"
    return f"{place}: malformed"
