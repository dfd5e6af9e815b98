"""Owns the CRM port over engagements in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sources.memory.standing import AlwaysUp
from sources.model import CareKey, Engagement
from sources.ports import Found, Wanted


class MemoryEngagements(AlwaysUp):
    """Engagements by their key, as `sources.ports.Engagements`."""

    def __init__(self, engagements: Iterable[Engagement], name: str = "crm") -> None:
        super().__init__(name, "crm")
        self._engagements = {engagement.care_key: engagement for engagement in engagements}

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        return {key: self._engagements[key] for key in keys if key in self._engagements}
