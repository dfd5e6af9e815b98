"""Owns the file in which what is usual outlives the process: names of clients and sources, and counts."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from gateway.volume.watching import Volume

log = logging.getLogger(__name__)

SAVES_EVERY_S = 600.0


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    client: dict[str, list[list[float]]]
    source: dict[str, list[list[float]]]


@asynccontextmanager
async def keeping(volume: Volume, path: Path | None) -> AsyncIterator[None]:
    """Restores what is usual from *path*, if one is given, and saves it now and then and at the end.

    A file that can't be read is told in the log and begun anew: what is usual is then learnt again.
    """
    if path is None:
        yield
        return
    await asyncio.to_thread(_restore, volume, path)
    saving = asyncio.create_task(_save_now_and_then(volume, path))
    try:
        yield
    finally:
        saving.cancel()
        with suppress(asyncio.CancelledError):
            await saving
        await asyncio.to_thread(_save, volume.kept(), path)


async def _save_now_and_then(volume: Volume, path: Path) -> None:
    while True:
        await asyncio.sleep(SAVES_EVERY_S)
        await asyncio.to_thread(_save, volume.kept(), path)


def _restore(volume: Volume, path: Path) -> None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        if kept.version != 1:
            raise ValueError("another version")
        volume.restore({"client": kept.client, "source": kept.source})
    except FileNotFoundError:
        return
    except (OSError, ValueError) as fault:
        log.warning("the file of `volume.file` can't be read; what is usual is learnt anew", extra=_of(fault))


def _save(kept: dict[str, dict[str, list[list[float]]]], path: Path) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(msgspec.json.encode({"version": 1, **kept}))
        beside.replace(path)
    except OSError as fault:
        log.warning("the file of `volume.file` can't be written", extra=_of(fault))


def _of(fault: Exception) -> dict[str, str]:
    return {"error": type(fault).__name__}
