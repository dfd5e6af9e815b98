"""Owns the times in messages: as precise as they are written, and in the right time zone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from sources.pms.clock import PracticeClock
from sources.pms.hl7v2.faults import DATA_TYPE, Fault, Where

_DTM = re.compile(
    r"(?P<year>[0-9]{4})(?:(?P<month>[0-9]{2})(?:(?P<day>[0-9]{2})"
    r"(?:(?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})(?:(?P<second>[0-9]{2})(?P<part>\.[0-9]{1,4})?)?)?)?)?)?"
    r"(?P<offset>[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
)


class Moments:
    """Reads the times of one message.

    A time says its offset itself, or it is in that of the header's time or, if that has none either, by the
    clock of *time_zone*. Where the header's offset is that of *time_zone* at that moment, the sender goes by
    this clock: then so do its other times, which may lie on the other side of a change of the clock.

    Raises:
        Fault: the header's time is none.
    """

    def __init__(self, time_zone: str, header: str) -> None:
        self._clock = PracticeClock(time_zone)
        self._offset: timezone | None = None
        offset = _match(header, _MSH_7)["offset"]
        if offset is not None:
            here = datetime.fromisoformat(self.instant(header, _MSH_7))
            if here.astimezone(ZoneInfo(time_zone)).utcoffset() != here.utcoffset():
                self._offset = _zone(offset)

    def instant(self, text: str, where: Where) -> str:
        """The instant of a time that says at least the minute, ISO 8601 with its offset.

        Raises:
            Fault: it is none, or says less.
        """
        parts = _match(text, where)
        if parts["minute"] is None:
            raise Fault(DATA_TYPE, "a time to the minute is needed", where)
        fraction = (parts["part"] or "").ljust(7, "0") if parts["part"] else ""
        second = parts["second"] or "00"
        day = f"{parts['year']}-{parts['month']}-{parts['day']}"
        wall = f"{day}T{parts['hour']}:{parts['minute']}:{second}{fraction}"
        zone = _zone(parts["offset"]) if parts["offset"] is not None else self._offset
        try:
            if zone is None:
                return self._clock.instant(wall)
            return datetime.fromisoformat(wall).replace(tzinfo=zone).isoformat()
        except (ValueError, OverflowError):
            raise Fault(DATA_TYPE, "no time of the calendar", where) from None


def day(text: str, where: Where) -> str:
    """The day of a date or time, or its month or year where it says no more.

    Raises:
        Fault: it is none.
    """
    parts = _match(text, where)
    year, month, number = parts["year"], parts["month"], parts["day"]
    try:
        date(int(year or 0), int(month or 1), int(number or 1))
    except ValueError:
        raise Fault(DATA_TYPE, "no day of the calendar", where) from None
    return "-".join(part for part in (year, month, number) if part)


_MSH_7 = Where("MSH", 1, 7)


def _match(text: str, where: Where) -> dict[str, str | None]:
    found = _DTM.fullmatch(text)
    if found is None:
        raise Fault(DATA_TYPE, "no date or time", where)
    return found.groupdict()


def _zone(offset: str) -> timezone:
    size = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5]))
    return timezone(-size if offset[0] == "-" else size)
