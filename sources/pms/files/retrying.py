"""Owns what becomes of files and rows in quarantine when a person lets them be tried again."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection

from sources.pms.files.faults import BadFile, BadRow, Held
from sources.pms.files.intake import (
    NOT_WHOLE,
    Came,
    Rules,
    State,
    applied,
    instant,
    is_outdated,
    remember,
)
from sources.pms.files.records import Reader
from sources.pms.files.settings import FeedSettings, FilesSettings
from sources.pms.files.shelves import Told, shelf
from sources.pms.projection import Outcome
from sources.pms.projection.quarantine import Refusal, keep
from sources.quarantine import FILE, Fate, Retried

_FATES = {Outcome.APPLIED: Fate.APPLIED, Outcome.STALE: Fate.STALE, Outcome.UNCHANGED: Fate.UNCHANGED}
_CELLS = msgspec.json.Decoder(dict[str, str])
_NO_FEED = "its feed is no longer in the settings"


class Retrying:
    """Tries files and rows of one practice by the settings of now."""

    def __init__(self, settings: FilesSettings) -> None:
        self._rules = Rules.of(settings)
        self._feeds: Mapping[str, FeedSettings] = {feed.name: feed for feed in settings.feeds}

    def again(self, connection: Connection, refused: Refusal, anyway: bool) -> Retried:
        """As `quarantine.Retry`."""
        feed = self._feeds.get(refused.feed)
        if feed is None:
            return Retried(Fate.REFUSED, _NO_FEED)
        try:
            if refused.kind == FILE:
                return self._file(connection, refused, feed, anyway)
            return self._row(connection, refused, feed)
        except (BadFile, BadRow, Held) as fault:
            return Retried(Fate.REFUSED, str(fault))

    def _file(self, connection: Connection, refused: Refusal, feed: FeedSettings, anyway: bool) -> Retried:
        if not refused.body:
            return Retried(Fate.NOT_KEPT, refused.why)
        if refused.why == NOT_WHOLE and not anyway:
            return Retried(Fate.REFUSED, NOT_WHOLE)
        stamp = instant(feed.stamp_in(refused.origin) or "", feed, self._rules.clock)
        if stamp is None:
            raise BadFile("its name tells no time, as `stamp_format` has it")
        came = Came(feed, refused.origin, stamp, refused.body)
        taken = applied(connection, came, self._rules, anyway=anyway)
        for row in taken.refused:
            keep(connection, row)
        for known in {refused.stamp, stamp}:
            remember(connection, came._replace(stamp=known), taken)
        return Retried(Fate.STALE if taken.state is State.OUTDATED else Fate.APPLIED)

    def _row(self, connection: Connection, refused: Refusal, feed: FeedSettings) -> Retried:
        if refused.cells is None:
            return Retried(Fate.REFUSED, refused.why)
        if is_outdated(connection, refused.stamp, self._rules.outdating[feed.name]):
            return Retried(Fate.STALE)
        reader = Reader(_CELLS.decode(refused.cells), feed, self._rules.clock)
        key = reader.key()
        record = None if reader.is_deleted and key is not None else reader.record()
        told = Told(key or "", record, reader.updated())
        (outcome,) = shelf(connection, feed.kind).put([told], refused.stamp)
        return Retried(_FATES[outcome])
