"""How a change is written in a log that outlives the process, and read back: strictly, and ids alone."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from gateway.changes.log import DeadLetter
from sources.model import Change, Told

_FIELDS = Change.__struct_fields__


class _Written(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change as it is written; whatever else is found there is not ours to read."""


class _Letter(DeadLetter, frozen=True, forbid_unknown_fields=True):
    change: _Written


def written(change: Change) -> bytes:
    """The change as an entry of the log."""
    return msgspec.json.encode(_Written(**_fields(change)))


LOST = b"lost"
"""An entry in whose place changes are missing that a source could not tell any more."""


def lost_key(source: str, bookmark: str) -> str:
    """What tells one such loss from another."""
    return f"lost:{source}:{bookmark}"


def told(change: Change, cursor: str) -> Told:
    """The change with its place in the log."""
    return Told(cursor=cursor, **_fields(change))


def change_of(entry: bytes) -> Change | None:
    """The change that was written so; None if none was."""
    try:
        return msgspec.json.decode(entry, type=_Written)
    except ValueError:
        return None


def letter_written(letter: DeadLetter) -> bytes:
    return msgspec.json.encode(_Letter(_Written(**_fields(letter.change)), letter.why))


def letter_of(entry: bytes) -> DeadLetter | None:
    """The dead letter that was written so; None if none was."""
    try:
        read = msgspec.json.decode(entry, type=_Letter)
    except ValueError:
        return None
    return DeadLetter(Change(**_fields(read.change)), read.why)


def digest(change: Change) -> str:
    """The change's key at a fixed length, whatever a source puts into ids and versions."""
    return digest_of(change.key)


def digest_of(key: str) -> str:
    """The same of any key."""
    return blake2b(key.encode(), digest_size=16).hexdigest()


def _fields(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in _FIELDS}
