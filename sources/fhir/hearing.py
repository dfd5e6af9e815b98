"""Owns the proof that a server hears a question for patients' consents: only then does its silence mean none.

A server may give an empty answer because it does not take the form of the question (`patient=1` for
`patient=Patient/1`), does not part a list, has no such search, or does not let us see. So a row that it gave
is looked for by its patient, as real questions are put, before any silence is believed, and again from time
to time. The form and the way that find it are those of all further questions.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sources.calling import Upstream
from sources.errors import SourceMisread, SourceRejected
from sources.fhir.asking import elements
from sources.fhir.bundles import page_reader
from sources.fhir.checking import NOBODY
from sources.fhir.keys import patient_named, references
from sources.fhir.resources import Resources
from sources.fhir.settings import FhirServer
from sources.fhir.strategies import Strategies
from sources.fhir.vendors import Form, Way
from sources.model import AllergyIntolerance, Condition, Consent, Encounter, Observation, PatientId, Resource
from sources.ports import Listed

log = logging.getLogger(__name__)

PROVEN_FOR_S = 600.0
"""How long a proof holds."""

FAILED_FOR_S = 5.0
"""How long it stands that there was none: who has no proof is not asked for one by every operation."""

AT_HAND = 5
"""Of so many patients, whom a question is about, other rows are looked for where the server samples none."""

OWNERS = 3
"""Rows of so many patients are tried in turn, if what comes with the row of one cannot be read."""

_OTHERS: tuple[type[Resource], ...] = (Encounter, Condition, AllergyIntolerance, Observation)
"""Types that prove the search by patient where the server shows no Consent."""

_SAMPLED = "20"
_NOBODIES = (PatientId(NOBODY), PatientId(f"{NOBODY}-2"))
"""Asked for before and after the patient: so a server that takes one value of a list alone finds nothing."""

_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(\S+)")
_SEARCHES = re.compile(r"read|\*|c?r?u?d?s")

_KEEPS_NONE = 'set consents = "none" if it keeps none'
_RIGHTS = f"our token does not grant a search of all Consents; grant system/Consent.rs, or {_KEEPS_NONE}"
_UNNAMED = (
    "it shows no Consent, and its CapabilityStatement names no search of Consent by `patient`;"
    f" {_KEEPS_NONE}, or name in `consent_witness` a patient with one"
)
_UNFOUND = "a {} that it gave is not found by its patient, however it is asked; see `vendor` and `strategy`"
_NO_WITNESS = "no Consent is found of the patient whom `consent_witness` names; see our rights, and `vendor`"
_NOTHING = (
    "nothing was found to prove its search by patient with;"
    f" name in `consent_witness` a patient with a Consent on record, or {_KEEPS_NONE}"
)


class Unproven(SourceMisread):
    """It is not known that the server hears a question for consents; *why* says what to do."""


class Witness(NamedTuple):
    """What is to be found: a row of one of *patients*; the one with that id, or any."""

    kind: type[Resource]
    patients: tuple[PatientId, ...]
    row: str | None = None


class Hearing:
    """Whether one server's silence about consents can be believed. It belongs to one event loop.

    *witness* is a patient known to have a Consent on record; without one, whatever the server shows is used.
    """

    def __init__(
        self,
        server: FhirServer,
        resources: Resources,
        upstream: Upstream,
        witness: PatientId | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._resources = resources
        self._upstream = upstream
        self._named = witness
        self._clock = clock
        self._proving = asyncio.Lock()
        self._until = float("-inf")
        self._fault: str | None = None
        self._other: Witness | None = None
        self.sees_consents = False

    async def proven(self, patients: Sequence[PatientId] = ()) -> None:
        """Return if the server hears questions for consents, such as one about *patients*.

        Raises:
            Unproven: it is not known to.
            SourceError: it could not be asked.
        """
        if self._clock() >= self._until:
            async with self._proving:
                # Another may have proven it while this one waited.
                if self._clock() >= self._until:
                    self._note(await self._fault_found(patients), bool(patients))
        if self._fault is not None:
            raise Unproven(self._server.name, f"its silence about consents proves nothing: {self._fault}")

    def _note(self, fault: str | None, has_patients: bool) -> None:
        if fault == _NOTHING and not has_patients:
            # There may be something of those who are asked for next.
            self._fault = fault
            return
        if fault is not None and fault != self._fault:
            log.warning(
                "its silence about consents proves nothing; whom they might bind is refused",
                extra={"source": self._server.name, "why": fault},
            )
        self._fault = fault
        self._until = self._clock() + (PROVEN_FOR_S if fault is None else FAILED_FOR_S)

    async def _fault_found(self, patients: Sequence[PatientId]) -> str | None:
        """What is wrong; None: nothing."""
        shown = (
            [Witness(Consent, (self._named,))] if self._named is not None else await self._samples(Consent)
        )
        self.sees_consents = bool(shown)
        if not grants_consents(self._upstream.granted()):
            return _RIGHTS
        if shown:
            missing = _NO_WITNESS if self._named is not None else _UNFOUND.format("Consent")
            return None if await self._one_found(shown) else missing
        return await self._fault_elsewhere(patients) or await self._unnamed()

    async def _fault_elsewhere(self, patients: Sequence[PatientId]) -> str | None:
        """The same, by rows of other types: a server that shows no Consent may have none."""
        if self._other is not None and await self._finds(self._other):
            return None
        unread = None
        for kind in _OTHERS:
            shown = await self._samples(kind)
            found = await self._one_found(shown)
            if found:
                return None
            if found is None:
                unread = unread or _UNFOUND.format(kind.__name__)
                continue
            if shown:
                return _UNFOUND.format(kind.__name__)
            if patients and await self._one_found([Witness(kind, tuple(patients[:AT_HAND]))]):
                return None
        return unread or _NOTHING

    async def _unnamed(self) -> str | None:
        said = await self._resources.client.capability()
        return None if said is not None and said.names("Consent", "patient") else _UNNAMED

    async def _samples(self, kind: type[Resource]) -> list[Witness]:
        """Rows of the type of a few patients, of those that the server shows without being told of whom."""
        asked = elements(kind, frozenset())
        search = [("_count", _SAMPLED), ("_elements", asked)]
        try:
            page = await self._resources.client.first(page_reader(kind, asked), search)
        except (SourceRejected, SourceMisread):
            return []
        base_url = self._server.base_url.rstrip("/")
        owned = {patient_named(base_url, one): row.id for row in page.rows for one in references(row)}
        samples = [Witness(kind, (owner,), row) for owner, row in owned.items() if owner is not None]
        return samples[:OWNERS]

    async def _one_found(self, witnesses: Sequence[Witness]) -> bool | None:
        """Whether one of them is found; the next is asked for only if what came of one cannot be read."""
        found: bool | None = False
        for witness in witnesses:
            found = await self._finds(witness)
            if found:
                self._other = witness
            if found is not None:
                break
        return found

    async def _finds(self, witness: Witness) -> bool | None:
        """Whether the row is found in any form and way of asking: the first that finds it is learnt.

        None: rows came, but not such as can be read, so that nothing is known of how they were asked for.
        """
        heard: bool | None = False
        for form, way in self._askings():
            found = await self._found(witness, Strategies(self._server, self._resources.client, form, way))
            if found:
                self._resources.strategies.learn(form, way)
                return True
            if found is None:
                heard = None
        return heard

    def _askings(self) -> Iterator[tuple[Form, Way | None]]:
        forms = sorted(Form, key=lambda form: form is not self._resources.strategies.form)
        yield from ((form, None) for form in forms)
        if self._server.strategy == "auto":
            yield from ((form, Way.SEARCHES) for form in forms)

    async def _found(self, witness: Witness, strategies: Strategies) -> bool | None:
        first, last = _NOBODIES
        asked = elements(witness.kind, frozenset())
        try:
            found = await self._resources.of_patients(
                witness.kind, [first, *witness.patients, last], [], asked, strategies
            )
        except (SourceRejected, SourceMisread):
            return False
        lists = [found.get(patient) for patient in witness.patients]
        ids = {row.id for each in lists if isinstance(each, Listed) for row in each.rows}
        if bool(ids) if witness.row is None else witness.row in ids:
            return True
        return None if any(isinstance(each, SourceMisread) for each in lists) else False


def grants_consents(scope: str | None) -> bool:
    """Whether SMART scopes let us search all Consents; what holds none of them says nothing, and may."""
    found = [match for word in (scope or "").split() if (match := _SCOPE.fullmatch(word))]
    return not found or any(
        context != "patient" and type_ in ("*", "Consent") and _SEARCHES.fullmatch(permissions)
        for context, type_, permissions in (match.groups() for match in found)
    )
