"""Objects of an answer into which nothing more is filled: structs, by response key.

As dicts they would take five times the memory. An answer has thousands of them: made, encoded and let go.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

import msgspec

KINDS = 4096
"""How many selections of keys have their type kept; the least recently used goes first."""


class Shown(msgspec.Struct, eq=False, gc=False):
    """One object. To whoever looks into it, it is what the dict of its keys and values would be."""

    def __getitem__(self, key: str) -> Any:
        try:
            place = self.__struct_encode_fields__.index(key)
        except ValueError:
            raise KeyError(key) from None
        return getattr(self, self.__struct_fields__[place])

    def __iter__(self) -> Iterator[str]:
        return iter(self.__struct_encode_fields__)

    def __len__(self) -> int:
        return len(self.__struct_encode_fields__)

    def keys(self) -> tuple[str, ...]:
        return self.__struct_encode_fields__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown | dict) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment] # as a dict's


@lru_cache(maxsize=KINDS)
def shown(keys: tuple[str, ...]) -> type[Shown]:
    """The type of objects with these keys; it takes their values in this order.

    Keys may be any names, of attributes of structs too: none becomes the name of an attribute.
    """
    fields = [(f"value_{place}", Any, msgspec.field(name=key)) for place, key in enumerate(keys)]
    made = msgspec.defstruct("Shown", fields, bases=(Shown,), module=__name__, eq=False, gc=False)
    return cast("type[Shown]", made)
