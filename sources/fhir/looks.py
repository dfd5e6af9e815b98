"""Owns the bookmarks between two looks at what changed on a server. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class BadBookmark(Exception):
    """A bookmark is not one of ours."""


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
    def parsed(cls, text: str) -> Bookmark:
        """The bookmark that was written as *text*.

        Raises:
            BadBookmark: none was.
        """
        start, _, rest = text.partition("/")
        seen, cut, more = rest.partition("/")
        if None in (moment_of(start), moment_of(seen)) or more != ("cut" if cut else ""):
            raise BadBookmark
        return cls(start, seen, bool(cut))

    def __str__(self) -> str:
        return f"{self.start}/{self.seen}{'/cut' if self.is_cut else ''}"

    def since(self, overlap_s: int) -> str:
        """The instant from which to look: commits and clocks lag, so the last few minutes are seen again.

        Not after a look that was cut: one that is cut by what it sees again would never get on.
        """
        back = timedelta(seconds=0 if self.is_cut else overlap_s)
        return written(datetime.fromisoformat(self.seen) - back)

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
