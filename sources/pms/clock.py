"""Owns the practice's clock: naive local times to instants and back."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?")
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-")
_MONTHS = 1_024
_DAY = 24 * 60
_TIMES = [f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(_DAY)]
_MINUTES = {text: minute for minute, text in enumerate(_TIMES)}
_SECONDS = frozenset(f"{second:02}" for second in range(60))


class PracticeClock:
    """The wall clock of *time_zone*. A time that comes twice is its first; a skipped one is as much later.

    That is what iCalendar does (RFC 5545, 3.3.5): at the end of summer time 01:30 is the earlier of the two,
    and 02:30 on the night it begins is 03:30.

    Raises:
        ZoneInfoNotFoundError: there is no such zone.
    """

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._months: dict[str, Mapping[str, str]] = {}

    def instant(self, local: str) -> str:
        """The instant of *local*, with the offset of the zone at that time.

        Raises:
            ValueError: it is no naive local time.
        """
        return self.span(local, 0)[0]

    def span(self, local: str, minutes: int) -> tuple[str, str]:
        """The instant of *local*, and that of so many minutes later. None is remembered: they are patients'.

        Raises:
            ValueError: it is no naive local time.
        """
        # Nearly all times are whole seconds of a day like others: what they are is looked up, part by part.
        minute, seconds = _MINUTES.get(local[10:17]), local[17:]
        offset = self._offset_on(local)
        if minute is not None and seconds in _SECONDS and offset is not None:
            ends = minute + minutes
            if minute <= ends < _DAY:
                return f"{local}{offset}", f"{local[:10]}{_TIMES[ends]}{seconds}{offset}"
        return self._reckoned(local, minutes, offset)

    def _offset_on(self, local: str) -> str | None:
        """The offset on the day of *local*; None: it changes on it or next to it, or there is no such day.

        To convert a time costs more than the rest of a row, so months are remembered.
        """
        days = self._months.get(local[:8])
        if days is None:
            if _MONTH.fullmatch(local[:8]) is None:
                return None
            if len(self._months) == _MONTHS:
                self._months.clear()
            days = self._months[local[:8]] = _offsets_of(self._zone, int(local[:4]), int(local[5:7]))
        return days.get(local[8:10])

    def _reckoned(self, local: str, minutes: int, offset: str | None) -> tuple[str, str]:
        if _LOCAL.fullmatch(local) is None:
            raise ValueError("not a naive local time")
        try:
            start = datetime.fromisoformat(local)
            if offset is not None and 0 <= minutes <= _DAY:
                return start.isoformat() + offset, (start + timedelta(minutes=minutes)).isoformat() + offset
            moment = start.replace(tzinfo=self._zone).astimezone(UTC)
            return self._written(moment), self._written(moment + timedelta(minutes=minutes))
        except OverflowError:
            raise ValueError("beyond the calendar") from None

    def _written(self, moment: datetime) -> str:
        here = moment.astimezone(self._zone)
        if self._offset(moment).seconds % 60:
            raise ValueError("older than standard time")
        return here.isoformat()

    def not_after(self, instant: str) -> str:
        """A wall time, to the second, such that whatever is at *instant* or later bears it or a later one.

        Raises:
            ValueError: it is no instant with an offset.
        """
        here = self._here(instant)
        return _wall(here - self._shift(here))

    def not_before(self, instant: str) -> str:
        """A wall time, to the second, such that whatever is before *instant* bears an earlier one.

        Raises:
            ValueError: it is no instant with an offset.
        """
        here = self._here(instant)
        return _wall(here + self._shift(here) + timedelta(microseconds=999_999))

    def _here(self, instant: str) -> datetime:
        moment = datetime.fromisoformat(instant)
        if moment.tzinfo is None:
            raise ValueError("an instant needs an offset")
        return moment.astimezone(self._zone)

    def _shift(self, here: datetime) -> timedelta:
        """By how much the clock is put forward or back within three hours of *here*."""
        moment = here.astimezone(UTC)
        before, after = (moment + timedelta(hours=h) for h in (-3, 3))
        return abs(self._offset(after) - self._offset(before))

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta()

    def since(self, instant: str, now: datetime) -> str:
        """A wall time from which on everything since *instant* was written down, up to *now*.

        If the clock went back in between, it begins so much earlier.
        """
        then = self._here(instant)
        return _wall(then - max(self._offset(then) - self._offset(now), timedelta()))


def _offsets_of(zone: ZoneInfo, year: int, month: int) -> Mapping[str, str]:
    """The offset of each day of a month, as ISO 8601 writes it, but of those on which or next to which it
    changes.
    """
    if not 1900 < year < 9_999:
        return {}
    first = datetime(year, month, 1, tzinfo=zone) - timedelta(days=1)
    offsets = [(first + timedelta(hours=hour)).utcoffset() for hour in range(33 * 24)]
    days = range(monthrange(year, month)[1])
    same = {f"{day + 1:02}": _same(offsets[day * 24 : (day + 3) * 24]) for day in days}
    return {day: offset for day, offset in same.items() if offset is not None}


def _same(offsets: Sequence[timedelta | None]) -> str | None:
    first = offsets[0]
    if first is None or any(offset != first for offset in offsets):
        return None
    return datetime(2000, 1, 1, tzinfo=timezone(first)).isoformat()[len("2000-01-01T00:00:00") :]


def _wall(moment: datetime) -> str:
    return moment.replace(tzinfo=None, microsecond=0, fold=0).isoformat()
