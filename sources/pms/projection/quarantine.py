"""Owns what could not be applied: kept as it came, listed without a word of it, until a person decides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from sqlalchemy import Connection, delete, func, insert, select, update

from sources.calling import Flaw
from sources.pms.projection.store import Store
from sources.pms.projection.tables import quarantine
from sources.quarantine import MESSAGE, Fate, Kept, Retried

_WHY = 255

_log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """Something that cannot be applied: what it is, where it came from, and what is wrong with it.

    Of a file, `feed` and `stamp` say which and as of when; `cells` are a row's by column, in JSON.
    """

    kind: str
    origin: str
    why: str
    body: bytes
    feed: str = ""
    stamp: str = ""
    cells: bytes | None = None


Retry: TypeAlias = Callable[[Connection, Refusal, bool], Retried]
"""Apply what was refused, within the transaction; the last argument: whatever stands against it that a person
may decide. What it raises undoes what it did."""


class Quarantine:
    """The quarantine of one source, as `sources.quarantine.Quarantine`; *retry* applies what is in it."""

    def __init__(self, store: Store, retry: Retry) -> None:
        self._store = store
        self._retry = retry

    async def kept(self, after: int = 0, count: int = 100) -> Sequence[Kept]:
        return await self._store.read(partial(_listed, after=after, count=count))

    async def body(self, id_: int) -> bytes | None:
        asked = select(quarantine.c.body).where(quarantine.c.id == id_)
        return await self._store.read(lambda connection: connection.execute(asked).scalar())

    async def release(self, ids: Sequence[int], *, anyway: bool = False) -> Sequence[tuple[Kept, Retried]]:
        in_turn = await self._store.read(partial(_in_turn, ids=ids))
        each = [await self._store.write(partial(self._tried, id_=id_, anyway=anyway)) for id_ in in_turn]
        return [one for one in each if one is not None]

    async def discard(self, ids: Sequence[int]) -> int:
        gone = delete(quarantine).where(quarantine.c.id.in_(ids))
        return await self._store.write(lambda connection: connection.execute(gone).rowcount)

    def _tried(self, connection: Connection, id_: int, anyway: bool) -> tuple[Kept, Retried] | None:
        """What became of it; None: someone else has dealt with it by now."""
        row = connection.execute(select(quarantine).where(quarantine.c.id == id_)).first()
        if row is None:
            return None
        became = self._again(connection, _refusal(row), anyway)
        here = quarantine.c.id == id_
        if became.fate.is_settled:
            connection.execute(delete(quarantine).where(here))
        elif became.why:
            connection.execute(update(quarantine).where(here).values(why=became.why[:_WHY]))
        return _kept(row, len(row.body)), became

    def _again(self, connection: Connection, refusal: Refusal, anyway: bool) -> Retried:
        try:
            with connection.begin_nested():
                return self._retry(connection, refusal, anyway)
        except Exception as error:  # noqa: BLE001 - one of them must not stop those behind it
            # The class alone: what it says may quote a record.
            name = {"source": self._store.name, "error": type(error).__name__}
            _log.error("what was in quarantine could not be applied", extra=name)
            return Retried(Fate.REFUSED, "it could not be applied here")


def keep(connection: Connection, refusal: Refusal) -> None:
    """Keep what is refused, once for each place it came from and fault it has."""
    row = refusal._asdict() | {
        "origin": refusal.origin[:320],
        "why": refusal.why[:_WHY],
        "digest": sha256(refusal.body).digest(),
    }
    same = [quarantine.c[name] == row[name] for name in ("origin", "why", "digest")]
    if connection.execute(select(quarantine.c.id).where(*same)).first() is None:
        received = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(insert(quarantine).values(**row, received=received))


def message_refused(raw: bytes, why: str) -> Refusal:
    """A message, which says itself where it came from."""
    return Refusal(MESSAGE, "hl7v2 message", why, raw)


@runtime_checkable
class Observer(Protocol):
    """Whoever wants to know of refusals, as `sources.calling.Observer` has it."""

    def on_misread(self, source: str, flaw: Flaw, record: str | None) -> None: ...


def tell(observers: Sequence[object], source: str, refusal: Refusal) -> None:
    """Tell that this is refused, and kept."""
    why = refusal.why[:_WHY]
    flaw = Flaw(refusal.kind, refusal.kind, why)
    for one in observers:
        if isinstance(one, Observer):
            one.on_misread(source, flaw, None)


def _listed(connection: Connection, after: int, count: int) -> list[Kept]:
    table = quarantine.c
    columns = [table[name] for name in ("id", "kind", "received", "origin", "why", "digest")]
    asked = select(*columns, func.length(table.body).label("size"))
    rows = connection.execute(asked.where(table.id > after).order_by(table.id).limit(count))
    return [_kept(row, row.size) for row in rows]


def _in_turn(connection: Connection, ids: Sequence[int]) -> list[int]:
    """Those of *ids* that are there, by the time that they tell of and then by when they came."""
    table = quarantine.c
    rows = connection.execute(select(table.id, table.stamp).where(table.id.in_(ids)).order_by(table.id))
    return [row.id for row in sorted(rows, key=lambda row: _moment(row.stamp))]


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp) if stamp else datetime.min.replace(tzinfo=UTC)


def _kept(row: Any, size: int) -> Kept:
    return Kept(
        id=row.id,
        kind=row.kind,
        received=row.received,
        origin=row.origin,
        why=row.why,
        digest=row.digest.hex(),
        size=size,
    )


def _refusal(row: Any) -> Refusal:
    return Refusal(*(getattr(row, name) for name in Refusal._fields))
