"""Owns the looks at a folder: which files have come whole, in which order, and that each is taken once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import NamedTuple, Protocol, runtime_checkable

from sources.errors import SourceError
from sources.pms.files.faults import BadFile
from sources.pms.files.folders import Entry, Folder, Opened
from sources.pms.files.intake import NO_STAMP, NOT_WHOLE, Came, Rules, State, Taken, instant, refuse, take
from sources.pms.files.settings import FeedSettings, FilesSettings
from sources.pms.projection import Store
from sources.pms.projection.quarantine import tell

_CHECKSUM = ".sha256"
_MOST_CHECKSUM = 4_096

_log = logging.getLogger(__name__)


@runtime_checkable
class Observer(Protocol):
    """Whoever wants to know of files; it must not raise."""

    def on_file(self, source: str, feed: str, state: State) -> None: ...


class _Due(NamedTuple):
    """A file that may be taken: its feed, its instant (None: its name tells none), and its listing."""

    feed: FeedSettings
    stamp: str | None
    entry: Entry

    @property
    def turn(self) -> tuple[datetime, bool, str]:
        """By time; at the same time what is full goes first."""
        return datetime.fromisoformat(self.stamp or NO_STAMP), self.feed.mode != "full", self.entry.name


class Looks:
    """Looks at one practice's folder, time after time. A file that was dealt with is not read again, unless
    it changes."""

    def __init__(
        self, folder: Folder, store: Store, settings: FilesSettings, observers: Iterable[object] = ()
    ) -> None:
        self._folder = folder
        self._store = store
        self._settings = settings
        self._rules = Rules.of(settings)
        self._told = tuple(observers)
        self._observers = [one for one in self._told if isinstance(one, Observer)]
        self._last: Mapping[str, Entry] = {}
        self._dealt: dict[str, Entry] = {}

    async def look(self) -> Sequence[Taken]:
        """Take the files that have come, oldest first; what became of each.

        Raises:
            OSError: the folder cannot be read.
            SourceUnavailable: the projection's database does not answer; the rest is taken next time.
        """
        async with self._folder.opened() as opened:
            entries = {entry.name: entry for entry in await opened.entries()}
            due = [one for one in self._due(entries) if self._dealt.get(one.entry.name) != one.entry]
            taken = [await self._take(opened, one, entries) for one in sorted(due, key=lambda it: it.turn)]
            self._last = entries
            self._dealt = {name: entry for name, entry in self._dealt.items() if name in entries}
        return [one for one in taken if one is not None]

    def _due(self, entries: Mapping[str, Entry]) -> Iterable[_Due]:
        for entry in entries.values():
            for feed in self._settings.feeds:
                stamp = feed.stamp_in(entry.name)
                if stamp is not None:
                    yield _Due(feed, instant(stamp, feed, self._rules.clock), entry)
                    break

    async def _take(self, opened: Opened, due: _Due, entries: Mapping[str, Entry]) -> Taken | None:
        """What became of the file; None if it has not come whole yet."""
        is_stable = self._last.get(due.entry.name) == due.entry
        listing = f"{due.entry.name} {due.entry.size}"
        came = Came(due.feed, due.entry.name, due.stamp or NO_STAMP, b"", listing)
        try:
            if due.feed.whole != "sha256" and not is_stable:
                return None
            content = await opened.read(due.entry.name, self._settings.max_bytes)
            came = came._replace(content=content)
            if due.feed.whole == "sha256" and not await _is_whole(opened, came, entries):
                if not is_stable or due.entry.name + _CHECKSUM not in entries:
                    return None
                raise BadFile(NOT_WHOLE)
            if due.stamp is None:
                raise BadFile("its name tells no time, as `stamp_format` has it")
            taken = await self._store.write(partial(take, came=came, rules=self._rules))
        except (SourceError, OSError):
            raise
        except Exception as fault:  # noqa: BLE001 - one file must not stop those behind it
            why = str(fault) if isinstance(fault, BadFile) else "it could not be applied here"
            taken = await self._store.write(partial(refuse, came=came, why=why))
        self._dealt[due.entry.name] = due.entry
        self._tell(due.feed, taken)
        return taken

    def _tell(self, feed: FeedSettings, taken: Taken) -> None:
        if not taken.is_new:
            return
        for one in self._observers:
            one.on_file(self._settings.name, feed.name, taken.state)
        for refusal in taken.refused:
            tell(self._told, self._settings.name, refusal)
        extra = {"source": self._settings.name, "feed": feed.name, "bad_rows": taken.bad}
        if taken.state in (State.REFUSED, State.HELD):
            _log.error("a file is %s: %s", taken.state.value, taken.refused[0].why, extra=extra)
        elif taken.bad:
            _log.warning("rows of a file are in quarantine", extra=extra)
        else:
            _log.info("a file is %s", taken.state.value, extra=extra)


async def _is_whole(opened: Opened, came: Came, entries: Mapping[str, Entry]) -> bool:
    """Whether the checksum beside the file is its own."""
    if came.name + _CHECKSUM not in entries:
        return False
    said = await opened.read(came.name + _CHECKSUM, _MOST_CHECKSUM)
    found = re.match(rb"\s*([0-9A-Fa-f]{64})\b", said)
    return found is not None and found[1].decode().lower() == sha256(came.content).hexdigest()
