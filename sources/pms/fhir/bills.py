"""Owns what covers a practice's patients and what they owe: Coverage, and Account where there is any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sources.errors import SourceError
from sources.fhir.practice import Account, Coverage
from sources.fhir.resources import Resources
from sources.model import Balance, Mrn, Organization, PatientId, Resource
from sources.model import Coverage as Cover
from sources.pms.fhir.normalise import balance, cover
from sources.pms.fhir.people import People
from sources.pms.fhir.settings import FhirPmsSettings
from sources.ports import Found, Listed

R = TypeVar("R", bound=Resource)

_COVERAGE = "beneficiary,class,id,payor,period,status,subscriberId"
_ACCOUNT = "extension,id,meta,status,subject"


class Bills:
    """The bills of one server's patients."""

    def __init__(self, settings: FhirPmsSettings, resources: Resources, people: People) -> None:
        self._settings = settings
        self._resources = resources
        self._people = people

    async def coverages_of(self, mrns: Sequence[Mrn]) -> Found[Mrn, Listed[Cover]]:
        lists, mrn_of = await self._of(Coverage, mrns, _COVERAGE)
        rows = [row for mine in lists.values() if isinstance(mine, Listed) for row in mine.rows]
        names = await self._organizations(rows)
        told: dict[Mrn, Listed[Cover] | SourceError] = {}
        for key, mine in lists.items():
            if isinstance(mine, SourceError):
                told[mrn_of[key]] = mine
                continue
            covers = [cover(row, mrn_of[key], names) for row in mine.rows]
            is_read = None not in covers
            told[mrn_of[key]] = (
                Listed(tuple(each for each in covers if each is not None), mine.complete)
                if is_read
                else self._resources.misread(Coverage, "`status` is missing")
            )
        return told

    async def balances(self, mrns: Sequence[Mrn]) -> Found[Mrn, Balance]:
        said = await self._resources.client.capability()
        if said is not None and "Account" not in said.interactions:
            return {}
        lists, mrn_of = await self._of(Account, mrns, _ACCOUNT)
        told: dict[Mrn, Balance | SourceError] = {}
        for key, mine in lists.items():
            found = mine if isinstance(mine, SourceError) else self._balance(mine, mrn_of[key])
            if found is not None:
                told[mrn_of[key]] = found
        return told

    async def _of(
        self, kind: type[R], mrns: Sequence[Mrn], elements: str
    ) -> tuple[dict[PatientId | Mrn, Listed[R] | SourceError], dict[PatientId | Mrn, Mrn]]:
        """Each patient's resources of that type, and whose they are."""
        ids = await self._people.ids(mrns)
        mrn_of: dict[PatientId | Mrn, Mrn] = {
            id_: mrn for mrn, id_ in ids.items() if not isinstance(id_, SourceError)
        }
        lists: dict[PatientId | Mrn, Listed[R] | SourceError] = {}
        if mrn_of:
            patients = [PatientId(id_) for id_ in mrn_of]
            found = await self._resources.of_patients(kind, patients, [], elements)
            lists |= {patient: mine for patient, mine in found.items()}
        for mrn, id_ in ids.items():
            if isinstance(id_, SourceError):
                lists[mrn], mrn_of[mrn] = id_, mrn
        return lists, mrn_of

    def _balance(self, mine: Listed[Account], mrn: Mrn) -> Balance | SourceError | None:
        if not mine.complete:
            return self._resources.misread(Account, "there are more accounts than are read")
        try:
            return balance(mine.rows, mrn, self._settings.balance_extension)
        except ValueError:
            return self._resources.misread(Account, "amounts of several currencies")

    async def _organizations(self, rows: Iterable[Coverage]) -> dict[str, str]:
        """The names of payors that the coverages only refer to, by reference."""
        unnamed = {
            payor.reference: payor.id
            for row in rows
            for payor in row.payor[:1]
            if payor.display is None and payor.kind == "Organization" and payor.reference and payor.id
        }
        if not unnamed:
            return {}
        found = await self._resources.read(Organization, list(unnamed.values()), "id,name")
        names = {id_: row.name for id_, row in found.items() if not isinstance(row, SourceError)}
        return {reference: name for reference, id_ in unnamed.items() if (name := names.get(id_))}
