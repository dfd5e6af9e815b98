"""Owns what becomes of one file: applied in one transaction, refused as a whole, or held for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select

from sources.pms.clock import PracticeClock
from sources.pms.files.faults import BadFile, BadRow, Held
from sources.pms.files.records import Reader
from sources.pms.files.settings import FeedSettings, FilesSettings
from sources.pms.files.shelves import Told, shelf
from sources.pms.files.tables import Row, Table, table
from sources.pms.projection import Ledger
from sources.pms.projection.quarantine import Refusal, keep
from sources.pms.projection.tables import file
from sources.quarantine import FILE

NO_STAMP = "1970-01-01T00:00:00+00:00"
"""The instant of a file whose name tells none."""

NOT_WHOLE = "it has not the checksum that is beside it"


class State(Enum):
    """What became of a file."""

    APPLIED = "applied"
    REFUSED = "refused"
    """It is in quarantine, and tried again only when it is released."""
    HELD = "held"
    """It would delete more than it may, and is in quarantine until a person decides."""
    OUTDATED = "outdated"
    """A full file that is newer was applied before."""


class Came(NamedTuple):
    """A file that has come whole: its feed, its name, the instant it tells of, and its content."""

    feed: FeedSettings
    name: str
    stamp: str
    content: bytes
    """Empty, if it is too long to be kept; it is known by its listing then."""
    listing: str = ""

    @property
    def digest(self) -> bytes:
        """What it is known by: the same content, as of the same time, is the same file."""
        known = self.content or self.listing.encode()
        return sha256(f"{self.feed.name} {self.stamp} ".encode() + known).digest()

    def refused(self, why: str) -> Refusal:
        """The whole of it, for the quarantine."""
        return Refusal(FILE, self.name, why, self.content, self.feed.name, self.stamp)

    def row_refused(self, row: Row, why: str) -> Refusal:
        """One of its rows."""
        cells = None if row.cells is None else msgspec.json.encode(row.cells)
        origin = f"{self.name} line {row.line}"
        return Refusal(self.feed.kind, origin, why, row.raw.encode(), self.feed.name, self.stamp, cells)


class Taken(NamedTuple):
    """What became of a file, and what of it is in quarantine: rows, or all of it."""

    state: State
    refused: Sequence[Refusal] = ()
    is_new: bool = True
    """Whether that is so since now; a file that comes again is what it was."""

    @property
    def bad(self) -> int:
        """How many of its rows could not be taken."""
        return len(self.refused) if self.state is State.APPLIED else 0


class _Read(NamedTuple):
    """The rows of a file that were read, and those that were not, with what keys they have."""

    told: Sequence[Told]
    bad: Sequence[tuple[Row, str]]
    bad_keys: frozenset[str | None]


class Rules(NamedTuple):
    """What one file of a practice is judged by beside its own content.

    `outdating` are, for each feed, those of which a newer file leaves nothing to tell for an older one;
    `filling` are those of which one file tells all there is, or as much as ever is told at once.
    """

    clock: PracticeClock
    future_s: float
    outdating: Mapping[str, frozenset[str]]
    filling: frozenset[str]

    @classmethod
    def of(cls, settings: FilesSettings) -> Rules:
        full: dict[str, set[str]] = {}
        for feed in settings.feeds:
            if feed.mode == "full":
                full.setdefault(feed.kind, set()).add(feed.name)
        outdating = {
            # Of an appointment the last event is known; of other records the last file is all that is.
            feed.name: frozenset(full.get(feed.kind, ())) | ({feed.name} - {_by_event(feed)})
            for feed in settings.feeds
        }
        filling = frozenset(it.name for it in settings.feeds if it.mode == "full" or it.kind not in full)
        return cls(PracticeClock(settings.time_zone), settings.future_s, outdating, filling)


def instant(stamp: str, feed: FeedSettings, clock: PracticeClock) -> str | None:
    """What the stamp in a file's name tells; None if it tells none."""
    try:
        moment = datetime.strptime(stamp, feed.stamp_format)  # noqa: DTZ007 - the practice's clock
        return moment.isoformat() if moment.tzinfo is not None else clock.instant(moment.isoformat())
    except ValueError:
        return None


def _by_event(feed: FeedSettings) -> str | None:
    return feed.name if feed.kind == "appointments" and feed.mode == "delta" else None


def state_of(connection: Connection, came: Came) -> State | None:
    """What became of a file of that content; None if none has come."""
    found = connection.execute(select(file.c.state).where(file.c.digest == came.digest)).scalar()
    return None if found is None else State(found)


def take(connection: Connection, came: Came, rules: Rules) -> Taken:
    """Do with the file what is to be done, in this transaction; what was dealt with before is left alone."""
    before = state_of(connection, came)
    if before is not None:
        return Taken(before, is_new=False)
    try:
        with connection.begin_nested():
            taken = applied(connection, came, rules, anyway=False)
    except BadFile as fault:
        taken = Taken(State.REFUSED, (came.refused(str(fault)),))
    except Held as fault:
        taken = Taken(State.HELD, (came.refused(str(fault)),))
    return _kept(connection, came, taken)


def refuse(connection: Connection, came: Came, why: str) -> Taken:
    """Put the whole file into quarantine."""
    before = state_of(connection, came)
    if before is not None:
        return Taken(before, is_new=False)
    return _kept(connection, came, Taken(State.REFUSED, (came.refused(why),)))


def _kept(connection: Connection, came: Came, taken: Taken) -> Taken:
    for refusal in taken.refused:
        keep(connection, refusal)
    remember(connection, came, taken)
    return taken


def applied(connection: Connection, came: Came, rules: Rules, *, anyway: bool) -> Taken:
    """Apply the file. *anyway*: whatever it deletes, and however many of its rows are bad.

    Raises:
        BadFile: it cannot be taken.
        Held: a person has to decide.
    """
    feed = came.feed
    ahead = datetime.fromisoformat(came.stamp) - datetime.now(UTC)
    if ahead > timedelta(seconds=rules.future_s):
        raise BadFile("its name tells of a time that is still to come")
    if is_outdated(connection, came.stamp, rules.outdating[feed.name]):
        return Taken(State.OUTDATED)
    rows = table(came.content, feed)
    read = rows_read(rows, feed, rules.clock)
    if len(read.bad) > feed.most_bad * len(rows.rows) and not anyway:
        raise BadFile(f"{len(read.bad)} of its {len(rows.rows)} rows cannot be taken")
    books = shelf(connection, feed.kind)
    there = frozenset(books.keys()) if feed.mode == "full" else frozenset()
    gone = _gone(there, read)
    if len(gone) > feed.most_deleted * len(there) and not anyway:
        raise Held(
            f"{len(gone)} of {len(there)} records are not in it; release it with --anyway if they are to go"
        )
    books.put(read.told, came.stamp)
    books.drop(gone, came.stamp)
    ledger = Ledger(connection)
    if feed.name in rules.filling:
        ledger.fed(feed.kind)
    if feed.kind == "appointments":
        ledger.told(came.stamp)
    return Taken(State.APPLIED, [came.row_refused(row, why) for row, why in read.bad])


def is_outdated(connection: Connection, stamp: str, by: frozenset[str]) -> bool:
    """Whether a newer file of those feeds was applied: what is as of *stamp* was told better."""
    newer = select(file.c.stamp).where(file.c.feed.in_(by), file.c.state == State.APPLIED.value)
    moment = datetime.fromisoformat(stamp)
    return any(datetime.fromisoformat(it) > moment for it in connection.execute(newer).scalars())


def rows_read(rows: Table, feed: FeedSettings, clock: PracticeClock) -> _Read:
    """What the rows tell, and what is wrong with those that tell nothing."""
    told: dict[str, Told] = {}
    bad: list[tuple[Row, str]] = []
    bad_keys: set[str | None] = set()
    for row, read in _each(rows, feed, clock):
        if isinstance(read, Told) and read.key not in told:
            told[read.key] = read
        else:
            bad.append((row, "its id comes twice" if isinstance(read, Told) else read))
            bad_keys.add(_key(row, feed, clock))
    return _Read(list(told.values()), bad, frozenset(bad_keys))


def _each(rows: Table, feed: FeedSettings, clock: PracticeClock) -> Iterator[tuple[Row, Told | str]]:
    """Each row, and what it tells or what is wrong with it."""
    for row in rows.rows:
        if row.cells is None:
            yield row, "it has not as many columns as the header"
            continue
        reader = Reader(row.cells, feed, clock)
        try:
            key = reader.key()
            record = None if reader.is_deleted and key is not None else reader.record()
            yield row, Told(key or "", record, reader.updated())
        except BadRow as fault:
            yield row, str(fault)


def _key(row: Row, feed: FeedSettings, clock: PracticeClock) -> str | None:
    return None if row.cells is None else Reader(row.cells, feed, clock).key()


def _gone(there: frozenset[str], read: _Read) -> frozenset[str]:
    """What is there, and not in a full file. Where a row cannot even be told whose it is, nothing is gone:
    it could be that one."""
    if None in read.bad_keys:
        return frozenset()
    return there - {row.key for row in read.told} - read.bad_keys


def remember(connection: Connection, came: Came, taken: Taken) -> None:
    """Write down what became of the file, in place of what was written before."""
    connection.execute(delete(file).where(file.c.digest == came.digest))
    row = {
        "digest": came.digest,
        "feed": came.feed.name,
        "name": came.name[:255],
        "stamp": came.stamp,
        "received": datetime.now(UTC).isoformat(timespec="seconds"),
        "state": taken.state.value,
        "bad": taken.bad,
    }
    connection.execute(insert(file).values(**row))
