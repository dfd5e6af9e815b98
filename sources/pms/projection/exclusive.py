"""Owns the right to write: of all processes that share a projection one has it, until it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool


@contextmanager
def exclusive(url: URL, name: str) -> Iterator[bool]:
    """Whether the right is ours for as long as the block runs; a process that dies loses it at once.

    Raises:
        SQLAlchemyError: PostgreSQL does not answer.
        OSError: the lock's file cannot be made.
    """
    if url.get_backend_name() == "sqlite":
        with _file_lock(Path(f"{url.database}.writer")) as is_ours:
            yield is_ours
    else:
        with _advisory_lock(url, name) as is_ours:
            yield is_ours


def lock_number(name: str) -> int:
    """The advisory lock of PostgreSQL that stands for a name: 64 bits, signed."""
    return int.from_bytes(sha256(f"caregraph projection {name}".encode()).digest()[:8], "big", signed=True)


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = True
    except BlockingIOError:
        is_ours = False
    try:
        yield is_ours
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(url: URL, name: str) -> Iterator[bool]:
    """Held by a connection that does nothing else, and goes with it."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)
    with engine.connect() as connection:
        taken = connection.execute(
            text("SELECT pg_try_advisory_lock(:number)"), {"number": lock_number(name)}
        )
        yield bool(taken.scalar())
