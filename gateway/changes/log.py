"""What the house asks of a log of changes: kept in order, told once, honest about what is gone."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from sources.model import Change, Told

KEPT = 100_000
"""How many changes a log keeps unless told otherwise."""

LETTERS_KEPT = 10_000
"""How many dead letters a log keeps unless told otherwise."""


class LogUnavailable(Exception):
    """The log's store did not answer, or refused; the same call may work later. *why* is a class of error."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the log of changes is unavailable: {why}")
        self.why = why


class Gap(msgspec.Struct, frozen=True):
    """Changes were here that can no longer be told. `cursor` is where what is kept goes on."""

    cursor: str


Item: TypeAlias = Told | Gap


class Batch(NamedTuple):
    """What came after a place, in order, and the cursor to read on from (which may lie behind all items)."""

    items: tuple[Item, ...]
    cursor: str


class Unresolved(Enum):
    """Why a change has no patient; the values are safe as labels of a metric."""

    UNNAMED = "unnamed"
    """The source named none."""
    UNKNOWN = "unknown"
    """The EHR knows no patient by what the source named."""
    UNANSWERED = "unanswered"
    """The EHR could not be asked for as long as we were willing to wait."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A change that can be told to nobody, since nobody knows whose it is. Ids only, never an MRN."""

    change: Change
    why: Unresolved


class Log(Protocol):
    """Changes in the order in which they were appended, the newest of them kept; dead letters; bookmarks.

    Every method may raise LogUnavailable. Nothing in a log is more than ids, kinds and times.
    """

    async def append(self, change: Change) -> str | None:
        """Put it at the end; its cursor. None if a change of that `key` was there before: nothing is done.

        A call that raised may have appended: call again, the key keeps it single.
        """
        ...

    async def read(self, after: str | None, *, limit: int = 500, wait_s: float = 0.0) -> Batch:
        """Up to *limit* entries after a cursor (None: from the oldest kept).

        Where there is none yet, waits for the first for about *wait_s* at most. What was lost or dropped in
        between is told as a Gap at its place, also before a restart of the log; an entry that cannot be read
        is left out, and counted.

        Raises:
            CursorMalformed: *after* is no cursor.
        """
        ...

    async def latest(self) -> str:
        """The cursor behind the newest entry: what is read after it was appended later."""
        ...

    async def bury(self, letter: DeadLetter) -> bool:
        """Keep a dead letter; False if there was one of that change's `key`."""
        ...

    async def letters(self) -> Sequence[DeadLetter]:
        """The dead letters that are kept, oldest first."""
        ...

    async def bookmark(self, source: str) -> str | None:
        """How far a source's changes were taken in; None before the first time."""
        ...

    async def keep_bookmark(self, source: str, bookmark: str) -> None: ...

    async def lost(self, source: str, bookmark: str) -> bool:
        """Tell a Gap at the end: what changed in *source* after its *bookmark* is not known any more. False
        if that was told before."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds open. No call may follow."""
        ...
