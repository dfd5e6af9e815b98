"""Places in a log of changes, and the cursors that clients see of them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

import msgspec

_LONGEST = 128

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class CursorMalformed(ValueError):
    """A text that no log made. Safe to show: it holds nothing of that text."""

    def __init__(self) -> None:
        super().__init__("the cursor is not one of ours; subscribe without it to begin from now")


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Just behind the entry *count* of a log: what a reader there has read.

    *epoch* names one life of the log: emptied or lost, a log begins another. *count* grows by one an entry,
    so that a reader sees that one is missing. (*major*, *minor*) never falls within an epoch, even where the
    last entries are lost and their counts given again, so that two places can be ordered.
    """

    epoch: Annotated[str, msgspec.Meta(max_length=32)]
    count: Count
    major: Count
    minor: Count

    @classmethod
    def of(cls, cursor: str) -> Place:
        """The place a cursor stands for.

        Raises:
            CursorMalformed: it stands for none.
        """
        if len(cursor) > _LONGEST or not cursor.isascii():
            raise CursorMalformed
        try:
            packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            place = msgspec.msgpack.decode(packed, type=cls)
        except ValueError:
            raise CursorMalformed from None
        return place

    @property
    def cursor(self) -> str:
        return urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")

    def covers(self, other: Place) -> bool:
        """Whether a reader here has read all that one at *other* has."""
        return self.epoch == other.epoch and (other.major, other.minor) <= (self.major, self.minor)
