"""Owns what changed in a practice, and the bookmarks between two looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sources.model import Change, ChangeKind, ChangeType, PatientId


class BadBookmark(Exception):
    """A bookmark is not one of ours."""


class Bookmark(NamedTuple):
    """Where the looks began, and the latest update they have seen; instants."""

    start: str
    seen: str

    @classmethod
    def at(cls, now: datetime) -> Bookmark:
        """The bookmark of who begins to look at *now*."""
        text = now.astimezone(UTC).isoformat(timespec="milliseconds")
        return cls(text, text)

    @classmethod
    def parsed(cls, text: str) -> Bookmark:
        """The bookmark that was written as *text*.

        Raises:
            BadBookmark: none was.
        """
        start, _, seen = text.partition("/")
        try:
            moments = [datetime.fromisoformat(part) for part in (start, seen)]
        except ValueError:
            raise BadBookmark from None
        if any(moment.tzinfo is None for moment in moments):
            raise BadBookmark
        return cls(start, seen)

    def __str__(self) -> str:
        return f"{self.start}/{self.seen}"

    def since(self, overlap_s: int) -> str:
        """The instant from which to look: commits and clocks lag, so the last few minutes are seen again."""
        since = datetime.fromisoformat(self.seen) - timedelta(seconds=overlap_s)
        return since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def is_before(self, instant: str) -> bool:
        """Whether *instant* is not from before the looks began."""
        return datetime.fromisoformat(instant) >= datetime.fromisoformat(self.start)

    def after(self, instants: Iterable[str]) -> Bookmark:
        """The bookmark of who has seen what changed at *instants*, too."""
        return Bookmark(self.start, max([self.seen, *instants], key=datetime.fromisoformat))


def change(
    source: str, kind: ChangeKind, id_: str, version: str, occurred: str, received: datetime
) -> Change:
    """The change of an appointment."""
    return Change(
        kind=kind,
        type=ChangeType.APPOINTMENT,
        source=source,
        id=id_,
        patient_id=PatientId(""),
        version=version,
        occurred=occurred,
        received=received.astimezone(UTC).isoformat(timespec="milliseconds"),
    )
