"""What stands between the rows of a source and an actor: the conditions of policy, on a batch of rows.

Consents are fetched for all patients of a batch together. Whose consents deny a type altogether is not asked
for; whose could not be fetched has the error in place of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

from policies import IMPLIED, Answer, RowConditions, RowRule, Says
from policies.reasons import CONSENT_DENIES, CONSENT_UNREADABLE, OUT_OF_REACH
from resolvers.consents import Consented
from sources.errors import SourceError
from sources.model import Mrn, PatientId
from sources.ports import Found, Listed, Wanted

K = TypeVar("K")
V = TypeVar("V")

Owner: TypeAlias = PatientId | SourceError | None
"""Whose a row is: nobody's; or an error, where that could not be found out."""


class Touched:
    """What a request was given and what not: patients by id, and by MRN where their id was not learnt.

    `withheld` counts rows, and patients whose rows were not asked for, by the rule that withheld them.
    """

    def __init__(self) -> None:
        self.patients: set[PatientId] = set()
        self.charts: set[Mrn] = set()
        self.withheld: Counter[str] = Counter()
        self.is_part_2 = False

    def rows(self, rows: Iterable[Any]) -> None:
        """Notes the owners of rows that have one."""
        for row in rows:
            owner = getattr(row, "patient_id", None)
            if owner is not None:
                self.patients.add(owner)


class Standing(NamedTuple):
    """A patient's consents, and what they say to the actor of the type as a whole."""

    said: Answer
    consents: Consented


class Asked(NamedTuple):
    """What is known of patients before their rows: who is not in it has no consent on record."""

    by_patient: Mapping[PatientId, Standing | SourceError]
    wanted: Wanted

    def may(self, patients: Sequence[PatientId]) -> list[PatientId]:
        """Those whose rows may be asked for."""
        if not self.by_patient:
            return list(patients)
        return [patient for patient in patients if _is_open(self.by_patient.get(patient))]

    @property
    def errors(self) -> dict[PatientId, SourceError]:
        return {at: known for at, known in self.by_patient.items() if isinstance(known, SourceError)}


def _is_open(known: Standing | SourceError | None) -> bool:
    return known is None or (isinstance(known, Standing) and known.said.says not in _CLOSED)


_CLOSED = {Says.DENY: CONSENT_DENIES, Says.UNREADABLE: CONSENT_UNREADABLE}
_WITHOUT = Standing(IMPLIED, ())

ConsentsOf: TypeAlias = Callable[[Sequence[PatientId]], Awaitable[Sequence[Any]]]
"""The consents of each patient, in order, or the exception that stands for them."""


class Gate:
    """The conditions of one resource type for one actor. `wanted` are the attributes to ask for."""

    def __init__(
        self, conditions: RowConditions, wanted: Wanted, consents: ConsentsOf, touched: Touched
    ) -> None:
        self.conditions = conditions
        self.wanted = wanted | conditions.attributes
        self.admits_nothing = conditions.admits_nothing
        self._consents = consents
        self._touched = touched

    @property
    def rule(self) -> RowRule:
        return self.conditions.rule

    @property
    def needs_owner(self) -> bool:
        """Whether a row can't be judged without knowing whose it is."""
        return not self.rule.always or self.conditions.asking is not None

    async def ask(self, patients: Sequence[PatientId]) -> Asked:
        """What the patients' consents say, for all at once.

        Raises:
            Exception: what is no fault of a source.
        """
        if self.conditions.asking is None or not patients:
            return Asked({}, self.wanted)
        found: dict[PatientId, Standing | SourceError] = {}
        wanted = self.wanted
        for patient, consents in zip(patients, await self._consents(patients), strict=True):
            if isinstance(consents, SourceError):
                found[patient] = consents
            elif isinstance(consents, Exception):
                raise consents
            elif consents:
                standing = found[patient] = Standing(self.conditions.of_patient(patient, consents), consents)
                if standing.said.says is Says.BY_ROW:
                    wanted |= self.conditions.detail
                elif standing.said.says in _CLOSED:
                    self._touched.withheld[_CLOSED[standing.said.says]] += 1
        return Asked(found, wanted)

    def listed(
        self, listed: Listed[V] | SourceError | None, patient: PatientId, asked: Asked
    ) -> Listed[V] | SourceError:
        """Of a patient's rows those that pass."""
        known = asked.by_patient.get(patient)
        if isinstance(known, SourceError):
            return known
        if listed is None or isinstance(listed, SourceError):
            return listed or Listed()
        if known is None and self.conditions.shows_all(listed.rows):
            return listed
        standing = known or _WITHOUT
        rows = tuple(row for row in listed.rows if self._passes(row, patient, standing))
        return Listed(rows, listed.complete, listed.missing)

    async def found(
        self,
        found: Found[K, V],
        owner: Callable[[K, V], Owner],
        again: Callable[[Sequence[K], Wanted], Awaitable[Found[K, V]]] | None = None,
    ) -> dict[K, V | SourceError]:
        """Of rows by key those that pass; *again* fetches rows with more attributes, for consents to look at.

        Rows out of reach are dropped before anybody's consents are asked for.
        """
        kept: dict[K, V | SourceError] = {}
        owners: dict[K, PatientId | None] = {}
        for key, row in found.items():
            whose = None if isinstance(row, SourceError) else owner(key, row)
            if isinstance(row, SourceError) or isinstance(whose, SourceError):
                kept[key] = row if isinstance(row, SourceError) else whose  # type: ignore[assignment]
            elif self.rule.admits(row, whose):
                kept[key], owners[key] = row, whose
            else:
                self._touched.withheld[OUT_OF_REACH] += 1
        patients = list(dict.fromkeys(whose for whose in owners.values() if whose is not None))
        asked = await self.ask(patients)
        await self._look_closer(kept, owners, asked, again)
        if not asked.by_patient and self.conditions.shows_all(kept.values()):
            return kept
        judged = {key: self._judged(row, owners.get(key), asked) for key, row in kept.items()}
        return {key: row for key, row in judged.items() if row is not None}

    async def _look_closer(
        self,
        kept: dict[K, V | SourceError],
        owners: Mapping[K, PatientId | None],
        asked: Asked,
        again: Callable[[Sequence[K], Wanted], Awaitable[Found[K, V]]] | None,
    ) -> None:
        """Has the rows that consents look at fetched again, with the attributes they need."""
        if again is None or asked.wanted <= self.wanted:
            return
        keys = [key for key, whose in owners.items() if whose is not None and self._by_row(asked, whose)]
        for key in keys:
            del kept[key]
        kept.update(await again(keys, asked.wanted))

    def _by_row(self, asked: Asked, patient: PatientId) -> bool:
        known = asked.by_patient.get(patient)
        return isinstance(known, Standing) and known.said.says is Says.BY_ROW

    def _judged(self, row: V | SourceError, owner: PatientId | None, asked: Asked) -> V | SourceError | None:
        if isinstance(row, SourceError):
            return row
        known = asked.by_patient.get(owner) if owner is not None else None
        if isinstance(known, SourceError):
            return known
        return row if self._passes(row, owner, known or _WITHOUT) else None

    def _passes(self, row: object, owner: PatientId | None, standing: Standing) -> bool:
        verdict = self.conditions.judge(row, owner, standing.said, standing.consents)
        if verdict.withheld is not None:
            self._touched.withheld[verdict.withheld] += 1
        elif verdict.is_part_2:
            self._touched.is_part_2 = True
        return verdict.withheld is None
