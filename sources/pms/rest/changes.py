"""Owns what changed in a practice: appointments updated lately. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sources.looks import Bookmark
from sources.model import Appointment, Change, ChangeKind, ChangeType, PatientId
from sources.pms.clock import PracticeClock
from sources.ports import Noticed


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
