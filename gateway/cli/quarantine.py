"""`caregraph quarantine list | show | release | drop`: what was refused of sources and what becomes of it."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import msgspec

from gateway.configuration import SettingsError
from gateway.quarantine import Entry, NotReleasable, Store, StoreUnusable
from gateway.settings import read_settings

Command = Callable[[argparse.Namespace], int]


def _told(command: Command) -> Command:
    """Says in words what is wrong with what the command was given."""

    @wraps(command)
    def told(chosen: argparse.Namespace) -> int:
        try:
            return command(chosen)
        except (NotReleasable, StoreUnusable) as fault:
            print(fault, file=sys.stderr)
            return 1
        except SettingsError as fault:
            print(fault, file=sys.stderr)
            return 2

    return told


@_told
def show_all(chosen: argparse.Namespace) -> int:
    """What is in quarantine, seen last first, and what was released."""
    store = _store(chosen)
    entries = store.entries(chosen.source)
    if chosen.json:
        for entry in entries:
            print(msgspec.json.encode(entry).decode())
        return 0
    for entry in entries:
        print(f"{entry.id}  {entry.count:>7}  {entry.last_seen}  {entry.source}  {entry.why}")
    for released in store.released():
        if chosen.source in (None, released.source):
            print(f"released      {released.at}  {released.source}  {released.field}  by {released.by}")
    for what, count in sorted(store.lost().items()):
        print(
            f"{count} {'groups were dropped for newer ones' if what == 'dropped' else 'refusals were lost'}"
        )
    if not entries:
        print("nothing is in quarantine")
    return 0


@_told
def show(chosen: argparse.Namespace) -> int:
    """All that is known of one entry."""
    entry = _found(_store(chosen), chosen.id)
    if chosen.json:
        print(msgspec.json.encode(entry).decode())
        return 0
    for name, value in msgspec.structs.asdict(entry).items():
        print(f"{name.replace('_', ' '):<11} {value}")
    return 0


@_told
def release(chosen: argparse.Namespace) -> int:
    """Allow the source to send the field from now on; running gateways heed it within a minute."""
    released = _store(chosen).release(chosen.id, chosen.by or getpass.getuser())
    if chosen.json:
        print(msgspec.json.encode(released._asdict()).decode())
    else:
        print(f"source `{released.source}` may send `{released.field}`; gateways take it within a minute")
    return 0


@_told
def drop(chosen: argparse.Namespace) -> int:
    """Let go of an entry, or take a release back."""
    store = _store(chosen)
    source, found, field = chosen.id.partition(":")
    gone = store.withdraw(source, field) if found else store.drop(chosen.id)
    if not gone:
        raise NotReleasable(f"there is no `{chosen.id}`; `caregraph quarantine list` tells what is there")
    return 0


def _found(store: Store, id_: str) -> Entry:
    entry = store.find(id_)
    if entry is None:
        raise NotReleasable(f"there is no `{id_}` in quarantine; `caregraph quarantine list` tells what is")
    return entry


def _store(chosen: argparse.Namespace) -> Store:
    if chosen.path is not None:
        return Store(chosen.path)
    path = read_settings(chosen.config).quarantine.path()
    if path is None:
        raise StoreUnusable("`quarantine.sink` is none: nothing is kept; set it to sqlite")
    return Store(Path(path))
