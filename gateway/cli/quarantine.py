"""`caregraph quarantine list | show | release | drop`: what was refused of sources and what becomes of it."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import wraps

import msgspec

from gateway.adapters.quarantines import quarantines
from gateway.configuration import SettingsError
from gateway.quarantine import Entry, Feeds, Group, NotReleasable, Store, StoreUnusable
from gateway.settings import read_settings
from sources.errors import SourceError
from sources.quarantine import Kept, Retried

Command = Callable[[argparse.Namespace], int]


class _Listed(Entry, frozen=True, kw_only=True):
    """An entry, and how many of what it tells are kept whole: messages, files and rows of files."""

    kept: int = 0


class _Desk:
    """The quarantine of facts, and beside it what feeds keep whole. Without a file there are no facts."""

    def __init__(self, store: Store | None, feeds: Feeds) -> None:
        self.store = store
        self.feeds = feeds
        self.unknown: Sequence[SourceError] = ()

    async def entries(self, source: str | None = None) -> tuple[dict[str, _Listed], dict[str, Group]]:
        """All entries by their ids, seen last first, and what is kept under them."""
        groups, self.unknown = await self.feeds.groups(source)
        told = {} if self.store is None else {each.id: each for each in self.store.entries(source)}
        told = {id_: group.entry for id_, group in groups.items()} | told
        ordered = sorted(told.values(), key=lambda each: each.last_seen, reverse=True)
        listed = {it.id: _listed(it, len(groups[it.id].kept) if it.id in groups else 0) for it in ordered}
        return listed, groups

    def forget(self, id_: str) -> bool:
        """Let go of the entry; whether there was one."""
        return self.store is not None and self.store.drop(id_)


def _listed(entry: Entry, kept: int) -> _Listed:
    return _Listed(**msgspec.structs.asdict(entry), kept=kept)


def _told(command: Callable[[argparse.Namespace, _Desk], Awaitable[int]]) -> Command:
    """Opens what the command needs, and says in words what is wrong with what it was given."""

    @wraps(command)
    def told(chosen: argparse.Namespace) -> int:
        async def run() -> int:
            async with _desk(chosen) as desk:
                done = await command(chosen, desk)
                for error in desk.unknown:
                    print(f"what `{error.source}` keeps is not known: {error.why}", file=sys.stderr)
                return 1 if desk.unknown else done

        try:
            return asyncio.run(run())
        except (NotReleasable, StoreUnusable, SourceError) as fault:
            print(fault, file=sys.stderr)
            return 1
        except SettingsError as fault:
            print(fault, file=sys.stderr)
            return 2

    return told


@asynccontextmanager
async def _desk(chosen: argparse.Namespace) -> AsyncIterator[_Desk]:
    if chosen.path is not None:
        yield _Desk(Store(chosen.path), Feeds({}))
        return
    settings = read_settings(chosen.config)
    path = settings.quarantine.path()
    async with quarantines(settings) as found:
        if path is None and not found:
            raise StoreUnusable("`quarantine.sink` is none: nothing is kept; set it to sqlite")
        # Until something is refused there is no file, unless there is nothing else to look at.
        store = None if path is None or (found and not path.exists()) else Store(path)
        yield _Desk(store, Feeds(found))


@_told
async def show_all(chosen: argparse.Namespace, desk: _Desk) -> int:
    """What is in quarantine, seen last first, and what was released."""
    entries, _ = await desk.entries(chosen.source)
    if chosen.json:
        for entry in entries.values():
            print(msgspec.json.encode(entry).decode())
        return 0
    for entry in entries.values():
        kept = f"  ({entry.kept} kept)" if entry.kept else ""
        print(f"{entry.id}  {entry.count:>7}  {entry.last_seen}  {entry.source}  {entry.why}{kept}")
    if desk.store is not None:
        _show_released(desk.store, chosen.source)
    if not entries and not desk.unknown:
        print("nothing is in quarantine")
    return 0


def _show_released(store: Store, source: str | None) -> None:
    for released in store.released():
        if source in (None, released.source):
            print(f"released      {released.at}  {released.source}  {released.field}  by {released.by}")
    for what, count in sorted(store.lost().items()):
        print(
            f"{count} {'groups were dropped for newer ones' if what == 'dropped' else 'refusals were lost'}"
        )


@_told
async def show(chosen: argparse.Namespace, desk: _Desk) -> int:
    """All that is known of one entry; with `--body`, one of what is kept under it, as it came."""
    entries, groups = await desk.entries()
    entry, group = _found(entries, chosen.id), groups.get(chosen.id)
    if chosen.body is not None:
        body = None if group is None else await desk.feeds.body(group, chosen.body)
        if body is None:
            raise NotReleasable(
                f"`{chosen.id}` keeps no #{chosen.body}; `show {chosen.id}` tells what it keeps"
            )
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return 0
    kept = group.kept if group is not None else ()
    if chosen.json:
        told = msgspec.structs.asdict(entry) | {"kept": kept}
        print(msgspec.json.encode(told).decode())
        return 0
    for name, value in msgspec.structs.asdict(entry).items():
        print(f"{name.replace('_', ' '):<11} {value}")
    for each in kept:
        print(
            f"#{each.id:<10} {each.received}  {each.origin}  {each.size} bytes, SHA-256 {each.digest[:16]}…"
        )
    return 0


@_told
async def release(chosen: argparse.Namespace, desk: _Desk) -> int:
    """Allow the source to send the field from now on, or try again what is kept whole."""
    _, groups = await desk.entries()
    chosen_groups = [groups[id_] for id_ in chosen.id if id_ in groups]
    for id_ in chosen.id:
        if id_ not in groups:
            _release_field(chosen, desk, id_)
    became = await desk.feeds.release(chosen_groups, anyway=chosen.anyway)
    for source, kept, retried in became:
        _tell(chosen, source, kept, retried)
    left = sum(not retried.fate.is_settled for _, _, retried in became)
    _, still = await desk.entries()
    for id_ in {group.entry.id for group in chosen_groups} - set(still):
        desk.forget(id_)
    if became and not chosen.json:
        print(f"{len(became) - left} of {len(became)} were taken" + (f"; {left} stay" if left else ""))
    return 1 if left else 0


def _account() -> str:
    """Who runs the command; in a container the account may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _release_field(chosen: argparse.Namespace, desk: _Desk, id_: str) -> None:
    if desk.store is None:
        raise NotReleasable(f"there is no `{id_}` in quarantine; `caregraph quarantine list` tells what is")
    released = desk.store.release(id_, chosen.by or _account())
    if chosen.json:
        print(msgspec.json.encode(released._asdict()).decode())
    else:
        print(f"source `{released.source}` may send `{released.field}`; gateways take it within a minute")


def _tell(chosen: argparse.Namespace, source: str, kept: Kept, retried: Retried) -> None:
    if chosen.json:
        told = {"source": source, "id": kept.id, "origin": kept.origin, "fate": retried.fate.name.lower()}
        print(msgspec.json.encode(told | {"why": retried.why}).decode())
        return
    why = f": {retried.why}" if retried.why else ""
    print(f"#{kept.id:<10} {source}  {kept.origin}  {retried.fate.value}{why}")


@_told
async def drop(chosen: argparse.Namespace, desk: _Desk) -> int:
    """Let go of an entry with what is kept under it, or take a release back."""
    source, is_field, field = chosen.id.partition(":")
    if is_field:
        gone = desk.store is not None and desk.store.withdraw(source, field)
    else:
        _, groups = await desk.entries()
        if (group := groups.get(chosen.id)) is not None:
            await desk.feeds.discard(group)
        gone = desk.forget(chosen.id) or group is not None
    if not gone:
        raise NotReleasable(f"there is no `{chosen.id}`; `caregraph quarantine list` tells what is there")
    return 0


def _found(entries: dict[str, _Listed], id_: str) -> _Listed:
    entry = entries.get(id_)
    if entry is None:
        raise NotReleasable(f"there is no `{id_}` in quarantine; `caregraph quarantine list` tells what is")
    return entry
