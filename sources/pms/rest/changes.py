"""Owns what changed in a practice: appointments updated lately, and bookmarks between two looks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sources.model import Appointment, Change, ChangeKind, ChangeType, PatientId
from sources.pms.clock import PracticeClock
from sources.ports import Noticed


class BadBookmark(Exception):
    """A bookmark is not one of ours."""


class Bookmark(NamedTuple):
    """Where the looks began, and the latest update they have seen; instants."""

    start: str
    seen: str

    @classmethod
    def at(cls, now: datetime) -> Bookmark:
        """The bookmark of who begins to look at *now*."""
        text = now.astimezone(UTC).isoformat(timespec="seconds")
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

    def since(self, clock: PracticeClock, overlap: timedelta, now: datetime) -> str:
        """The practice's wall time from which to look."""
        return clock.since((datetime.fromisoformat(self.seen) - overlap).isoformat(), now)

    def after(self, rows: Iterable[Appointment]) -> Bookmark:
        """The bookmark of who has seen *rows*, too."""
        updates = [row.last_updated for row in rows if row.last_updated is not None]
        return Bookmark(self.start, max([self.seen, *updates], key=datetime.fromisoformat))


def noticed(
    source: str, rows: Iterable[Appointment], bookmark: Bookmark, clock: PracticeClock, now: datetime
) -> list[Noticed]:
    """The changes that *rows* are, without those from before the looks began."""
    floor = clock.since(bookmark.start, now)
    received = now.astimezone(UTC).isoformat(timespec="milliseconds")
    return [
        Noticed(_change(source, row, received), row.patient_mrn)
        for row in rows
        # By wall time, as the practice wrote it: of an hour that comes twice it does not say which.
        if row.last_updated is not None and row.last_updated[:19] >= floor
    ]


def _change(source: str, row: Appointment, received: str) -> Change:
    return Change(
        kind=ChangeKind.CREATED if row.version == "1" else ChangeKind.UPDATED,
        type=ChangeType.APPOINTMENT,
        source=source,
        id=row.id,
        patient_id=PatientId(""),
        version=row.version or "",
        occurred=row.last_updated or received,
        received=received,
    )
