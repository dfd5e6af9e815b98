"""What two policies can differ by, as a reviewer is told it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

EVERYONE = "every audience"


class Kind(Enum):
    """What a change means. Members are in the order in which they are told."""

    OPENED = "MORE OPEN"
    STRICTER = "stricter"
    NEW = "new, and denied"
    GONE = "gone"
    OTHER = "changed, no more open"


class Change(NamedTuple):
    """One difference, of one audience."""

    kind: Kind
    audience: str
    what: str
    how: str
