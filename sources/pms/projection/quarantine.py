"""Owns what could not be applied: kept as it came, listed without a word of it, until a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from sources.pms.projection.store import Store
from sources.pms.projection.tables import quarantine


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """One message, file or row of a file. `origin` tells where it came from, `why` names the fault; neither
    holds a value of a record. `digest` is the SHA-256 of what is kept, `size` its length in bytes."""

    id: int
    received: str
    origin: str
    why: str
    digest: str
    size: int


class Quarantine:
    """The quarantine of one source."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, after: int = 0, count: int = 100) -> Sequence[Quarantined]:
        """The first *count* of those behind the id *after*, oldest first.

        Raises:
            SourceUnavailable: the database does not answer.
        """
        return await self._store.read(lambda connection: listed(connection, after, count))

    async def body(self, id_: int) -> bytes | None:
        """What is kept under that id, as it came: it holds patient data. None: there is no such thing."""
        asked = select(quarantine.c.body).where(quarantine.c.id == id_)
        return await self._store.read(lambda connection: connection.execute(asked).scalar())

    async def discard(self, id_: int) -> bool:
        """Let go of it; whether there was such a thing."""
        gone = delete(quarantine).where(quarantine.c.id == id_)
        return await self._store.write(lambda connection: connection.execute(gone).rowcount > 0)


def listed(connection: Connection, after: int = 0, count: int = 100) -> list[Quarantined]:
    """What is kept behind the id *after*."""
    table = quarantine.c
    size = func.length(table.body).label("size")
    asked = select(table.id, table.received, table.origin, table.why, table.digest, size)
    rows = connection.execute(asked.where(table.id > after).order_by(table.id).limit(count))
    return [
        Quarantined(
            id=row.id,
            received=row.received,
            origin=row.origin,
            why=row.why,
            digest=row.digest.hex(),
            size=row.size,
        )
        for row in rows
    ]


def keep(connection: Connection, origin: str, why: str, body: bytes) -> None:
    """Keep *body*, once for each place it came from and fault it has."""
    digest = sha256(body).digest()
    row = {"origin": origin[:320], "why": why[:255], "digest": digest}
    same = select(quarantine.c.id).where(*(quarantine.c[name] == value for name, value in row.items()))
    if connection.execute(same).first() is None:
        received = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(insert(quarantine).values(**row, received=received, body=body))
