"""Owns what is asked of a source that keeps what it refused, as it came: nobody can ask for it again."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

import msgspec

FILE, MESSAGE = "file", "message"
"""What is kept whole; what is kept of a file by the row is of the kind of record that its feed has."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One message, file or row of a file: what it is (`kind`), where it came from (`origin`) and what is
    wrong with it (`why`), none of which holds a value of a record. `digest` is the SHA-256 of what is kept,
    `size` its length in bytes."""

    id: int
    kind: str
    received: str
    origin: str
    why: str
    digest: str
    size: int


class Fate(Enum):
    """What became of something that was tried again; the values are words for an operator."""

    APPLIED = "applied"
    UNCHANGED = "taken, and nothing new"
    STALE = "taken, and older than what is known"
    REFUSED = "refused again"
    NOT_KEPT = "too long to have been kept"

    @property
    def is_settled(self) -> bool:
        """Whether it is no longer in quarantine."""
        return self in (Fate.APPLIED, Fate.UNCHANGED, Fate.STALE)


class Retried(NamedTuple):
    """What became of something in quarantine, and, if it is still there, why."""

    fate: Fate
    why: str = ""


class Quarantine(Protocol):
    """The quarantine of one source. Every method may raise SourceError: it cannot be read or written now."""

    async def kept(self, after: int = 0, count: int = 100) -> Sequence[Kept]:
        """The first *count* of what is kept behind the id *after*, oldest first."""
        ...

    async def body(self, id_: int) -> bytes | None:
        """What is kept under that id, as it came: it holds patient data. None: there is no such thing."""
        ...

    async def release(self, ids: Sequence[int], *, anyway: bool = False) -> Sequence[tuple[Kept, Retried]]:
        """Try these again by the settings of now, in the order in which they tell, each for itself.

        What is taken leaves the quarantine; what is refused again stays, for the reason it now has. Once
        more is of no effect. *anyway*: whatever a file deletes, and however many of its rows are bad.
        """
        ...

    async def discard(self, ids: Sequence[int]) -> int:
        """Let go of them; how many there were."""
        ...
