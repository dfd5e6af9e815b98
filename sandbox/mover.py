"""Owns the mover: it keeps changing one appointment, so that a subscriber sees something arrive."""

import asyncio
from datetime import datetime, timedelta
from itertools import cycle

from sandbox.pms import AppointmentBook
from sandbox.pms.queries import AppointmentChange, AppointmentSearch
from sandbox.records import Json

STEP = timedelta(minutes=15)


async def keep_moving(book: AppointmentBook, mrn: str, every_s: float) -> None:
    """Change the patient's next appointment every *every_s* seconds, until cancelled.

    In turn it is confirmed, put off by a quarter of an hour, set back to scheduled and brought forward.
    A patient with nothing ahead is left alone.
    """
    for step in cycle(range(4)):
        await asyncio.sleep(every_s)
        coming = next_of(book, mrn)
        if coming is not None:
            book.change(coming["id"], _change(coming, step))


def next_of(book: AppointmentBook, mrn: str) -> Json | None:
    """The patient's first appointment that is still ahead and not called off."""
    now = datetime.fromisoformat(book.now())
    ahead = AppointmentSearch(
        patient_mrns=[mrn], starts_from=now, statuses=["scheduled", "confirmed"], limit=1
    )
    return next(iter(book.search(ahead).appointments), None)


def _change(row: Json, step: int) -> AppointmentChange:
    starts_at = datetime.fromisoformat(row["starts_at"])
    match step:
        case 0:
            return AppointmentChange(status="confirmed")
        case 1:
            return AppointmentChange(starts_at=starts_at + STEP)
        case 2:
            return AppointmentChange(status="scheduled")
        case _:
            return AppointmentChange(starts_at=starts_at - STEP)
