"""Patients' consents as the EHR keeps them, remembered in this process for a minute at most.

A patient without a consent on record is remembered, too: that is what most have. What could not be fetched is
not, and stands for itself: whoever needs it must not go on without.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from policies import in_force
from sources.errors import SourceError, SourceMisread
from sources.model import Consent, PatientId
from sources.ports import ClinicalRecords, Found, Listed, Narrowing

LONGEST_S = 60.0
"""The longest a consent may be remembered, whatever the settings say."""

MOST = 50_000
"""How many patients are remembered; who was asked for the longest ago goes first."""

EVERYBODY = PatientId("*")
"""In place of each patient, where anybody's consents may have changed."""

Consented = tuple[Consent, ...]

_WANTED = frozenset({"status", "scope", "policy_rule", "provision"})
_ALL = Narrowing()


class Consents(Protocol):
    """Where consents come from."""

    @property
    def are_kept(self) -> bool:
        """Whether there are any at all."""
        ...

    async def of(self, patients: Sequence[PatientId]) -> Found[PatientId, Consented]:
        """Each patient's consents in force. Raises a SourceError, as the EHR does."""
        ...

    def forget(self, patient: PatientId) -> None:
        """The patient's consents have changed: they are fetched anew when next asked for."""
        ...

    def forget_all(self) -> None:
        """Anybody's consents may have changed."""
        ...


class NoConsents:
    """An EHR that keeps none: the base policy holds for all. An operator says so, never a default."""

    are_kept = False

    async def of(self, patients: Sequence[PatientId]) -> Found[PatientId, Consented]:
        return dict.fromkeys(patients, ())

    def forget(self, patient: PatientId) -> None:
        """There is nothing to forget."""

    def forget_all(self) -> None:
        """There is nothing to forget."""


class _Known(NamedTuple):
    consents: Consented
    until: float


class KeptConsents:
    """The consents of one EHR. *max_age_s*: 0 remembers nothing, more than a minute is a minute."""

    are_kept = True

    def __init__(
        self, ehr: ClinicalRecords, max_age_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ehr = ehr
        self._max_age_s = min(max_age_s, LONGEST_S)
        self._clock = clock
        self._known: OrderedDict[PatientId, _Known] = OrderedDict()
        self._fetching: list[set[PatientId]] = []

    async def of(self, patients: Sequence[PatientId]) -> Found[PatientId, Consented]:
        now = self._clock()
        found: dict[PatientId, Consented | SourceError] = {}
        for patient in patients:
            known = self._known.get(patient)
            if known is not None and now < known.until:
                found[patient] = known.consents
        missing = [patient for patient in patients if patient not in found]
        return found | await self._fetched(missing) if missing else found

    def forget(self, patient: PatientId) -> None:
        self._known.pop(patient, None)
        # What is under way may have been read before the change.
        for changed in self._fetching:
            changed.add(patient)

    def forget_all(self) -> None:
        self._known.clear()
        self._fetching, changed = [], self._fetching
        for each in changed:
            each.add(EVERYBODY)

    async def _fetched(self, patients: Sequence[PatientId]) -> dict[PatientId, Consented | SourceError]:
        until = self._clock() + self._max_age_s
        changed: set[PatientId] = set()
        self._fetching.append(changed)
        try:
            rows = await self._ehr.of_patients(Consent, patients, _ALL, _WANTED)
        finally:
            self._fetching = [each for each in self._fetching if each is not changed]
        found = {patient: self._read(rows.get(patient, Listed())) for patient in patients}
        for patient, consents in found.items():
            if not isinstance(consents, SourceError) and changed.isdisjoint((patient, EVERYBODY)):
                self._remember(patient, _Known(consents, until))
        return found

    def _read(self, listed: Listed[Consent] | SourceError) -> Consented | SourceError:
        if isinstance(listed, SourceError):
            return listed
        if not listed.complete:
            return SourceMisread(self._ehr.name, "more consents of one patient than are read")
        return tuple(filter(in_force, listed.rows))

    def _remember(self, patient: PatientId, known: _Known) -> None:
        if self._max_age_s > 0:
            self._known[patient] = known
            self._known.move_to_end(patient)
            if len(self._known) > MOST:
                self._known.popitem(last=False)
