"""Owns the fields that a source may send beside those it is known to: they are dropped, and never read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec

PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_]{0,63}){1,8}\Z")
"""How such a field is written: the kind of record, the elements down to it, its name."""

_DECODE = msgspec.json.Decoder(float_hook=Decimal)
_ENCODE = msgspec.json.Encoder(decimal_format="number")


class Allowed:
    """The fields of one source, by the version of the list that allows them. A person may release more, while
    it runs; all else stays as it was given."""

    def __init__(self, lists: Mapping[str, Collection[str]] = MappingProxyType({})) -> None:
        self._given = {version: frozenset(fields) for version, fields in lists.items() if fields}
        self._released: frozenset[str] = frozenset()
        self._fields = frozenset[str]().union(*self._given.values())

    @property
    def fields(self) -> frozenset[str]:
        """All of them: `Meta.author`."""
        return self._fields

    @property
    def released(self) -> frozenset[str]:
        """Those that a person released."""
        return self._released

    @property
    def version(self) -> str:
        """Which lists hold: `medplum-1, settings-1f2e3d4c, released-5a6b7c8d`; `none` without any."""
        released = [version_of("released", self._released)] if self._released else []
        return ", ".join([*self._given, *released]) or "none"

    def release(self, fields: Iterable[str]) -> None:
        """From now on *fields* are released, and none that were released before."""
        self._released = frozenset(fields)
        self._fields = self._released.union(*self._given.values())


def version_of(name: str, fields: Collection[str]) -> str:
    """The version of a list: it differs where the list does."""
    return f"{name}-{sha256(','.join(sorted(fields)).encode()).hexdigest()[:8]}"


def without(body: bytes | memoryview | msgspec.Raw, root: str, allowed: Iterable[str]) -> bytes | None:
    """The JSON in *body* without the *allowed* fields of what messages call *root*; None: it has none.

    Raises:
        msgspec.DecodeError: it is no JSON.
    """
    value = _DECODE.decode(body)
    paths = [path.split(".")[1:] for path in allowed if path.startswith(f"{root}.")]
    dropped = sum(_drop(value, path) for path in paths)
    return _ENCODE.encode(value) if dropped else None


def _drop(value: Any, path: list[str]) -> int:
    """Take the field at *path* out of *value*, through every list on the way; how many there were."""
    if isinstance(value, list):
        return sum(_drop(item, path) for item in value)
    if not isinstance(value, dict) or path[0] not in value:
        return 0
    if len(path) == 1:
        del value[path[0]]
        return 1
    return _drop(value[path[0]], path[1:])
