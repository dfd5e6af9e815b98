"""Owns the bookmarks between two looks at what changed in a source that tells when it was changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sources.errors import BookmarkLost


class Bookmark(NamedTuple):
    """Where the looks began, and the latest update they have seen; instants.

    `is_cut`: the last look was not given all there was, and went no further than that.
    """

    start: str
    seen: str
    is_cut: bool = False

    @classmethod
    def at(cls, now: datetime) -> Bookmark:
        """The bookmark of who begins to look at *now*."""
        text = written(now)
        return cls(text, text)

    @classmethod
    def parsed(cls, text: str, source: str) -> Bookmark:
        """The bookmark of the looks at *source* that was written as *text*.

        Raises:
            BookmarkLost: none was.
        """
        start, _, rest = text.partition("/")
        seen, cut, more = rest.partition("/")
        if None in (moment_of(start), moment_of(seen)) or more != ("cut" if cut else ""):
            raise BookmarkLost(source)
        return cls(start, seen, bool(cut))

    def __str__(self) -> str:
        return f"{self.start}/{self.seen}{'/cut' if self.is_cut else ''}"

    def since(self, overlap: timedelta) -> datetime:
        """From when to look: commits and clocks lag, so that the last few minutes are seen again.

        Not after a look that was cut: one that is cut by what it sees again would never get on.
        """
        return datetime.fromisoformat(self.seen) - (timedelta() if self.is_cut else overlap)

    def is_before(self, instant: str) -> bool:
        """Whether *instant* is not from before the looks began."""
        return datetime.fromisoformat(instant) >= datetime.fromisoformat(self.start)

    def after(self, instants: Iterable[str]) -> Bookmark:
        """The bookmark of who has seen what changed at *instants*, too."""
        return Bookmark(self.start, max([self.seen, *instants], key=datetime.fromisoformat))

    def cut(self, instant: str) -> Bookmark:
        """The bookmark of who has seen what changed until *instant*, behind which there is more."""
        return Bookmark(self.start, instant, is_cut=True)


def moment_of(text: str | None) -> datetime | None:
    """The moment of an instant; None where *text* is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def written(moment: datetime) -> str:
    """*moment* as an instant of FHIR."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
