"""Owns the CRM port over any number of CRMs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sources.model import CareKey, Engagement
from sources.ports import Checked, Engagements, Found, Health, Wanted
from sources.several.fanning import each, first_found


class SeveralEngagements:
    """CRMs as one `sources.ports.Engagements`: who is in several is told as the first knows them."""

    kind = "crm"

    def __init__(self, crms: Mapping[str, Engagements]) -> None:
        self.name = "+".join(crms)
        self._crms = dict(crms)

    def health(self) -> Health:
        """Up while one of them is; each has a health of its own."""
        every = [one.health() for one in self._crms.values()]
        since = max((health.since for health in every), default="")
        return Health(self.name, self.kind, any(health.up for health in every), since)

    async def check(self) -> Checked:
        found = [await one.check() for one in self._crms.values()]
        return Checked(all(one.ok for one in found), tuple(line for one in found for line in one.said))

    async def engagements(self, keys: Sequence[CareKey], wanted: Wanted) -> Found[CareKey, Engagement]:
        answers = await each({name: crm.engagements(keys, wanted) for name, crm in self._crms.items()})
        return first_found(keys, list(answers.values()))
