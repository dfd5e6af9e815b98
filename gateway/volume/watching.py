"""Owns who is watched: a track for each client and each source; what is not normal is told, or slowed."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from gateway.telemetry import Metrics
from gateway.volume.usual import Alarm, Bounds, Measure, Track
from sources.calling import Tally

log = logging.getLogger(__name__)

HOUR_S = 3600.0
MOST_CLIENTS = 1_000
"""So many clients are watched; of more, those that were seen last."""

_CLIENT, _SOURCE = "client", "source"


class Volume:
    """Watches clients and sources. *clock* gives seconds since the epoch.

    With *throttles*, a client whose hour is not normal is held to its usual pace until the hour is over.
    """

    def __init__(
        self, bounds: Bounds, metrics: Metrics, clock: Callable[[], float], *, throttles: bool = False
    ) -> None:
        self._bounds = bounds
        self._metrics = metrics
        self._clock = clock
        self._throttles = throttles
        self._tracks: Mapping[str, OrderedDict[str, Track]] = {_CLIENT: OrderedDict(), _SOURCE: OrderedDict()}
        self._next_at: dict[str, float] = {}

    def wait(self, client: str) -> int | None:
        """Whole seconds until *client* may ask again; None: it may ask now, and that counts as asking."""
        if not self._next_at:
            return None
        now = self._clock()
        track = self._tracks[_CLIENT].get(client)
        if track is None or not track.is_alarmed or track.hour != int(now / HOUR_S):
            self._next_at.pop(client, None)
            return None
        wait = self._next_at.get(client, now) - now
        if wait > 0:
            return math.ceil(wait)
        self._next_at[client] = now + self._gap(track)
        return None

    def took(self, client: str, tally: Tally) -> None:
        """An operation of *client* was run, and asked the sources for that."""
        hour = int(self._clock() / HOUR_S)
        records = 0
        for name, source in tally.sources.items():
            records += source.rows
            self._add(_SOURCE, name, hour, source.calls, source.rows)
        self._add(_CLIENT, client, hour, 1, records)

    def kept(self) -> dict[str, dict[str, list[list[float]]]]:
        """What is usual, for `restore`."""
        return {
            of: {name: track.kept() for name, track in tracks.items()} for of, tracks in self._tracks.items()
        }

    def restore(self, kept: Mapping[str, Mapping[str, list[list[float]]]]) -> None:
        """Go on from what `kept` told.

        Raises:
            ValueError: it is not what `kept` gives.
        """
        hour = int(self._clock() / HOUR_S)
        restored = {
            of: [
                (name, Track.restored(hour, self._bounds, means)) for name, means in kept.get(of, {}).items()
            ]
            for of in self._tracks
        }
        for of, tracks in restored.items():
            self._tracks[of].update(tracks)

    def _add(self, of: str, name: str, hour: int, requests: int, records: int) -> None:
        tracks = self._tracks[of]
        track = tracks.get(name)
        if track is None:
            track = tracks[name] = Track(hour, self._bounds)
            if len(tracks) > MOST_CLIENTS:
                tracks.popitem(last=False)
        elif of is _CLIENT:
            tracks.move_to_end(name)
        for alarm in track.add(hour, requests, records):
            self._tell(of, name, alarm)
            if of is _CLIENT and self._throttles:
                self._next_at[name] = self._clock() + self._gap(track)

    def _gap(self, track: Track) -> float:
        """Seconds between two requests at the usual pace, or at a tenth of the least that is alarmed."""
        usual = track.usual(Measure.REQUESTS) or 0.0
        return HOUR_S / max(usual, self._bounds.least_requests / self._bounds.times, 1.0)

    def _tell(self, of: str, name: str, alarm: Alarm) -> None:
        measure = alarm.measure.name.lower()
        self._metrics.volume_alarms.labels(of, name, measure).inc()
        extra: dict[str, Any] = {
            of: name,
            "kind": measure,
            "count": math.ceil(alarm.bound),
            "usual": round(alarm.usual, 1),
        }
        log.warning("volume far above what is usual at this hour of the week", extra=extra)
