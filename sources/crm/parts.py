"""Owns an engagement made of a CRM record's columns, and the checks that no vendor is spared. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sources.calling import Nonconforming
from sources.crm.columns import NOT, Columns
from sources.model import CareKey, Consents, Engagement, Owner

_INSTANT = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,7})?)"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})"
)


class Parts(Protocol):
    """One record's columns, read as what they should be; a column that is empty or was not sent is None.

    Each method raises `Nonconforming`, which names the column, where the column holds something else.
    """

    def has(self, column: str) -> bool: ...

    def text(self, column: str) -> str | None: ...

    def choice(self, column: str) -> str | None: ...

    def number(self, column: str, least: float, most: float) -> float | None: ...

    def flag(self, column: str) -> bool | None: ...

    def instant(self, column: str) -> str | None: ...


def engagement(key: CareKey, parts: Parts, columns: Columns) -> Engagement:
    """The engagement in *parts*; what was not asked for, or is empty, is None.

    Raises:
        Nonconforming: a column is not what it should be; the message names it.
    """
    owner_id = parts.text(columns.owner_id)
    return Engagement(
        care_key=key,
        lifecycle_stage=parts.choice(columns.lifecycle_stage),
        score=parts.number(columns.score, 0, 100),
        attendance_rate=parts.number(columns.attendance_rate, 0, 1),
        satisfaction=parts.number(columns.satisfaction, 1, 5),
        consents=_consents(parts, columns),
        last_touch=parts.instant(columns.last_touch),
        owner=Owner(id=owner_id, name=parts.text(columns.owner_name)) if owner_id else None,
    )


def _consents(parts: Parts, columns: Columns) -> Consents | None:
    if not parts.has(columns.email_consent.removeprefix(NOT)):
        return None
    return Consents(
        email=_consent(parts, columns.email_consent),
        sms=_consent(parts, columns.sms_consent),
        phone=_consent(parts, columns.phone_consent),
    )


def _consent(parts: Parts, column: str) -> bool | None:
    told = parts.flag(column.removeprefix(NOT))
    return not told if column.startswith(NOT) and told is not None else told


class TypedParts:
    """The columns of a record whose values have JSON's types; *noun* names the record in messages.

    *choices* are what the values of a choice column mean, by the value as text; where there are none, a
    choice column holds the meaning itself.
    """

    def __init__(self, noun: str, columns: Mapping[str, object], choices: Mapping[str, str]) -> None:
        self._noun = noun
        self._columns = columns
        self._choices = choices

    def has(self, column: str) -> bool:
        return column in self._columns

    def text(self, column: str) -> str | None:
        value = self._columns.get(column)
        if value is not None and not isinstance(value, str):
            raise Nonconforming(f"{self._noun}.{column}: not text")
        return value or None

    def choice(self, column: str) -> str | None:
        if not self._choices:
            return self.text(column)
        value = self._columns.get(column)
        if value is None or value == "":
            return None
        meant = self._choices.get(str(value))
        if meant is None or isinstance(value, bool):
            raise Nonconforming(f"{self._noun}.{column}: a choice whose meaning is not configured")
        return meant

    def number(self, column: str, least: float, most: float) -> float | None:
        value = self._columns.get(column)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Nonconforming(f"{self._noun}.{column}: not a number from {least} to {most}")
        return float(value)

    def flag(self, column: str) -> bool | None:
        value = self._columns.get(column)
        if value is not None and not isinstance(value, bool):
            raise Nonconforming(f"{self._noun}.{column}: neither true nor false")
        return value

    def instant(self, column: str) -> str | None:
        text = self.text(column)
        if text is None:
            return None
        moment = as_instant(text)
        if moment is None:
            raise Nonconforming(f"{self._noun}.{column}: not an instant")
        return moment


def as_instant(text: str) -> str | None:
    """*text* as an instant of RFC 3339, `+0000` made `+00:00`; None if it is none, or has no time zone."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    zone = match["zone"].replace(":", "")
    written = "Z" if zone == "Z" else f"{zone[:3]}:{zone[3:]}"
    try:
        datetime.fromisoformat(f"{match['local']}{written}")
    except ValueError:
        return None
    return f"{match['local']}{written}"
