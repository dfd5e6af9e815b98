"""The roads to rows, built for one request of one actor.

Each asks a source for what the plan reads and no more, and drops the rows the actor may not know of before
anything else sees them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resolvers.accounts import Accounts
from resolvers.batching import Loader
from resolvers.bookings import Bookings
from resolvers.counting import Counting
from resolvers.house import Grants, House
from resolvers.records import Records
from resolvers.request import READ, SEARCH, Request
from sources.model import Engagement, PatientId
from sources.ports import Found, Wanted


class Loaders:
    """The loaders of one request, by what they lead to. `touched` and `missing` tell what came of them."""

    def __init__(self, house: House, grant: Grants, wanted: Mapping[str, Wanted]) -> None:
        self.house = house
        self.grant = grant
        self._request = Request(house, grant, wanted)
        self.records = Records(self._request)
        self.bookings = Bookings(self._request, self.records)
        self.accounts = Accounts(self._request)
        self.counting = Counting(self._request)
        self.touched = self._request.touched
        self.missing = self._request.missing

    def close(self) -> None:
        """Ends what still runs for the request, and lets go of its rows."""
        self._request.close()

    def engagements(self) -> Loader[PatientId, Engagement]:
        """Each patient's engagement. Only the opaque key goes to the CRM."""

        async def fetch(patients: Sequence[PatientId]) -> Found[PatientId, Engagement]:
            gate = self._request.gate("Engagement", READ)
            if gate.admits_nothing:
                return {}
            chosen, asked = await self._request.asked(gate, patients)
            keys = {self.house.care_key(patient): patient for patient in chosen}
            found = await self.house.sources.crm.engagements(list(keys), asked.wanted) if keys else {}
            owned = {keys[key]: row for key, row in found.items()}
            return asked.errors | await gate.found(owned, lambda patient, _: patient)

        return self._request.loader(("engagements",), fetch)

    async def knows_of(self, resource: str, patient: PatientId) -> bool | None:
        """Whether the actor may know of a patient's rows of a type, all or none; None: that takes the row.

        Raises:
            SourceError: the patient's consents could not be read.
        """
        gate = self._request.gate(resource, READ + SEARCH)
        asked = await gate.ask([patient])
        for error in asked.errors.values():
            raise error
        if gate.admits_nothing or not asked.may([patient]):
            return False
        if asked.by_patient or not gate.conditions.labels.always:
            return None
        return gate.rule.reaches_all_of(patient)
