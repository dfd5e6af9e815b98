"""Owns what a source in memory says of itself: it is always up."""

from __future__ import annotations

from sources.ports import Checked, Health


class AlwaysUp:
    """The part of `sources.ports.Source` that is the same for all sources in memory."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind

    def health(self) -> Health:
        return Health(self.name, self.kind, True, "1970-01-01T00:00:00Z")

    async def check(self) -> Checked:
        return Checked(True, ("in memory",))

    async def close(self) -> None: ...
