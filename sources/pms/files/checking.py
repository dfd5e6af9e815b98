"""Owns what is found of a practice's folder when it is tried: can it be read, and its newest files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from sources.pms.clock import PracticeClock
from sources.pms.files.faults import BadFile
from sources.pms.files.folders import Entry, Folder, Opened
from sources.pms.files.intake import instant, rows_read
from sources.pms.files.settings import FeedSettings, FilesSettings
from sources.pms.files.tables import table
from sources.pms.projection import age
from sources.ports import Checked

_STEPS = {
    "HostKeyNotVerifiable": "its key is not in `known_hosts`; ask whose it is before you put it there",
    "PermissionDenied": "see that `username`, and `key` or `password`, are right",
    "SFTPPermissionDenied": "let our account list `path`",
    "SFTPNoSuchFile": "see that `path` is right",
    "FileNotFoundError": "see that `path` is right",
    "NotADirectoryError": "set `path` to a folder",
    "PermissionError": "let us list `path` and read its files",
}
_STEP = "see that it can be reached from here"


async def tried(folder: Folder, settings: FilesSettings) -> Checked:
    """What is found of the folder and of each feed's newest file; nothing is applied."""
    try:
        async with folder.opened() as opened:
            entries = {entry.name: entry for entry in await opened.entries()}
            found = [await _feed(opened, entries, feed, settings) for feed in settings.feeds]
    except (OSError, TimeoutError) as fault:
        return Checked(False, _unusable(fault))
    lines = (f"the folder can be listed; it has {len(entries)} files",)
    return Checked(all(each.ok for each in found), (*lines, *(line for each in found for line in each.said)))


def _unusable(fault: Exception) -> tuple[str, str]:
    """What is wrong with the folder, and the next step. Only an error of our own has words that are ours."""
    said = re.search(r"\((\w+)\)\Z", str(fault)) if type(fault) is OSError else None
    name = type(fault).__name__ if said is None else said[1]
    return f"the folder cannot be read: {name}", _STEPS.get(name, _STEP)


async def _feed(
    opened: Opened, entries: Mapping[str, Entry], feed: FeedSettings, settings: FilesSettings
) -> Checked:
    clock = PracticeClock(settings.time_zone)
    stamps = {name: feed.stamp_in(name) for name in entries}
    told = {name: instant(stamp, feed, clock) for name, stamp in stamps.items() if stamp is not None}
    times = {name: stamp for name, stamp in told.items() if stamp is not None}
    if not times:
        what = "tells a time, as `stamp_format` has it" if told else f"is named as `{feed.pattern}`"
        # Changes come when there are some; all there is has to come.
        return Checked(feed.mode == "delta", (f"{feed.name}: no file {what}",))
    newest = max(times, key=lambda name: datetime.fromisoformat(times[name]))
    about = f"{feed.name}: `{newest}` is the newest, of {age(times[newest], datetime.now(UTC))}"
    try:
        return await _file(opened, newest, feed, clock, about, settings.max_bytes)
    except BadFile as fault:
        return Checked(False, (about, f"it cannot be taken: {fault}"))


async def _file(
    opened: Opened, name: str, feed: FeedSettings, clock: PracticeClock, about: str, most: int
) -> Checked:
    rows = table(await opened.read(name, most), feed)
    bad = rows_read(rows, feed, clock).bad
    lines = [about, f"its columns fit; {len(rows.rows)} rows"]
    if bad:
        lines.append(f"{len(bad)} of them cannot be taken, such as in line {bad[0][0].line}: {bad[0][1]}")
    return Checked(len(bad) <= feed.most_bad * len(rows.rows), tuple(lines))
