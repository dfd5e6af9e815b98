"""What the settings of feeds have in common: where what they tell is kept, and whose clock they go by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from gateway.adapters.sections import Text
from gateway.configuration import Secret
from sources.pms.projection import Keeping, Store

Directory = Annotated[
    Text,
    Meta(
        description="Where the SQLite file is that keeps what was told, on a local disk that is encrypted."
        " Processes of one host share it."
    ),
]
Database = Annotated[
    Secret | None,
    Meta(
        description="A PostgreSQL database of its own for it instead, e.g."
        " postgresql://user:password@host/caregraph_pms (needs caregraph[postgresql])."
    ),
]
TimeZone = Annotated[
    Text,
    Meta(
        description="The time zone of the practice, for times that say no offset.",
        examples=["America/Chicago"],
    ),
]


KeepChangesDays = Annotated[
    float,
    Meta(
        gt=0,
        le=3_650,
        description="How long it is kept what changed; a gateway that was away for longer tells its"
        " subscribers of a gap.",
    ),
]
KeepRefusedDays = Annotated[
    float,
    Meta(gt=0, le=3_650, description="How long what was refused is kept in quarantine, if nobody acts."),
]
StaleAfterH = Annotated[
    float,
    Meta(
        gt=0,
        le=8_760,
        description="After how many hours of silence an alarm is raised and the source's status is STALE.",
    ),
]


def keeping(stale_after_h: float, changes_days: float, refused_days: float) -> Keeping:
    """What those settings say."""
    days = (timedelta(days=changes_days), timedelta(days=refused_days))
    return Keeping(timedelta(hours=stale_after_h), *days)


def store(name: str, directory: str, database: Secret | None) -> Store:
    """Where the feed *name* keeps what it tells.

    Raises:
        ValueError: *database* is no URL of a database for it.
    """
    return Store(name, f"sqlite:///{directory}/{name}.sqlite3" if database is None else database.reveal())


def faults(directory: str, database: Secret | None, time_zone: str) -> Iterator[tuple[str, str]]:
    """What is wrong with what feeds have in common: the field, and what to do about it."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "time_zone", "is not known; set it to a name of the IANA time zone database"
    try:
        store("pms", directory, database)
    except ValueError as fault:
        yield "database", f"is not usable: {fault}"
