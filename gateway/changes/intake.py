"""A change's way from a source into the log: whose it is, found out; then appended, once, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from gateway.changes.log import DeadLetter, Log, Unresolved
from gateway.changes.observing import Observer, Outcome, Unobserved
from sources.errors import SourceError
from sources.model import Change, Mrn, PatientId
from sources.ports import Noticed

ResolvePatients: TypeAlias = Callable[[Sequence[Mrn]], Awaitable[Mapping[Mrn, PatientId | SourceError]]]
"""Whose the MRNs are. One that is unknown is absent; one that cannot be told now has the error. May raise
SourceError: none can be told now."""

_AT_MOST = 100
_MOST_WAITING = 10_000


class PatientsUnanswered(Exception):
    """The patients of *count* changes cannot be told now. The others are in the log: hand in all again."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} changes wait for their patients to be told")
        self.count = count


class Intake:
    """Takes in what sources notice, one batch after the other in the order in which they came.

    A change whose patient is unknown becomes a dead letter at once; one whose patient cannot be told now does
    after *patience_s* seconds of trying, so that it holds up nothing behind it for longer.
    """

    def __init__(
        self,
        log: Log,
        resolve: ResolvePatients,
        *,
        patience_s: float = 3600.0,
        resolve_within_s: float = 10.0,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._resolve = resolve
        self._patience_s = patience_s
        self._resolve_within_s = resolve_within_s
        self._observer = observer or Unobserved()
        self._clock = clock
        self._waiting: dict[str, float] = {}
        self._turn = asyncio.Lock()

    async def take(self, noticed: Sequence[Noticed]) -> None:
        """Append them in this order. Whatever it raises, they may be handed in again: none is told twice.

        Raises:
            PatientsUnanswered: some wait for their patients.
            LogUnavailable: the log did not take them, or not all.
        """
        # One batch after the other, or a later change could overtake an earlier one of the same patient.
        async with self._turn:
            patients = await self._patients(noticed)
            waiting = [each for each in noticed if not await self._taken(each, patients)]
        if waiting:
            raise PatientsUnanswered(len(waiting))

    async def _patients(self, noticed: Sequence[Noticed]) -> Mapping[Mrn, PatientId | SourceError]:
        mrns = list(dict.fromkeys(each.mrn for each in noticed if each.mrn))
        found: dict[Mrn, PatientId | SourceError] = {}
        for begin in range(0, len(mrns), _AT_MOST):
            found.update(await self._resolved(mrns[begin : begin + _AT_MOST]))
        return found

    async def _resolved(self, mrns: Sequence[Mrn]) -> Mapping[Mrn, PatientId | SourceError]:
        try:
            async with asyncio.timeout(self._resolve_within_s):
                return await self._resolve(mrns)
        except SourceError as error:
            return dict.fromkeys(mrns, error)
        except TimeoutError:
            return dict.fromkeys(mrns, SourceError("ehr", "told no patient in time"))

    async def _taken(self, each: Noticed, patients: Mapping[Mrn, PatientId | SourceError]) -> bool:
        """Whether it is in the log or a dead letter; False if it waits."""
        patient = patients.get(each.mrn) if each.mrn else each.change.patient_id
        if isinstance(patient, SourceError):
            if self._may_wait(each.change):
                self._observer.on_change(each.change.source, Outcome.WAITING)
                return False
            await self._bury(each.change, Unresolved.UNANSWERED)
        elif patient:
            await self._append(replace(each.change, patient_id=patient, id=each.change.id or patient))
        else:
            await self._bury(each.change, Unresolved.UNKNOWN if each.mrn else Unresolved.UNNAMED)
        self._waiting.pop(each.change.key, None)
        return True

    def _may_wait(self, change: Change) -> bool:
        now = self._clock()
        since = self._waiting.setdefault(change.key, now)
        if len(self._waiting) > _MOST_WAITING:
            # Its patience begins anew if it comes again.
            del self._waiting[next(iter(self._waiting))]
        return now - since < self._patience_s

    async def _append(self, change: Change) -> None:
        cursor = await self._log.append(change)
        self._observer.on_change(change.source, Outcome.DUPLICATE if cursor is None else Outcome.APPENDED)

    async def _bury(self, change: Change, why: Unresolved) -> None:
        is_new = await self._log.bury(DeadLetter(change, why))
        self._observer.on_change(change.source, Outcome.DEAD if is_new else Outcome.DUPLICATE)
