"""Owns a contact's properties, all of them text, as the parts of an engagement. Pure."""

from __future__ import annotations

import math

from sources.calling import Nonconforming
from sources.crm.hubspot.wire import Properties
from sources.crm.parts import as_instant

_FLAGS = {"true": True, "false": False}


class TextParts:
    """*properties* as `sources.crm.parts.Parts`."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties

    def has(self, column: str) -> bool:
        return column in self._properties

    def text(self, column: str) -> str | None:
        return self._properties.get(column) or None

    def choice(self, column: str) -> str | None:
        return self.text(column)

    def number(self, column: str, least: float, most: float) -> float | None:
        text = self.text(column)
        if text is None:
            return None
        try:
            value = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise Nonconforming(f"contact.{column}: not a number from {least} to {most}")
        return value

    def flag(self, column: str) -> bool | None:
        text = self.text(column)
        if text is None:
            return None
        if text not in _FLAGS:
            raise Nonconforming(f"contact.{column}: neither `true` nor `false`")
        return _FLAGS[text]

    def instant(self, column: str) -> str | None:
        text = self.text(column)
        if text is None:
            return None
        moment = as_instant(text)
        if moment is None:
            raise Nonconforming(f"contact.{column}: not an instant")
        return moment
