"""Break-glass: what a request declares, and that each use is recorded and alarmed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.audit import OVERRIDE, Audit, AuditUnavailable, Entry
from gateway.emergencies import Emergencies, EmergenciesUnavailable, Key, OwnEmergencies
from gateway.errors import Code, Fault, RequestError, report
from gateway.operations import Operation
from gateway.telemetry import Metrics
from gateway.transport.parameters import BREAK_GLASS
from policies import LONGEST_S, Actor, BreakGlassRefused, Emergency, as_of, in_emergency
from resolvers.faults import BadInput
from resolvers.node import logical_id
from sources.model import PatientId

log = logging.getLogger(__name__)

EXTENSION = BREAK_GLASS
"""Where a request declares it, in its `extensions`."""

SHORTEST, LONGEST = 10, 500
"""Of a reason, in characters."""

SHAPE = (
    f"`extensions.{EXTENSION}` must be an object with `patient`, an id such as `Patient/p1`, and `reason`, "
    f"{SHORTEST} to {LONGEST} characters on one line; with `part2Emergency: true` where a medical emergency "
    "is documented (42 CFR 2.51)."
)
LAPSED = (
    "No break-glass session of this token is open for this patient: none was declared, or it has lapsed. "
    "Declare it anew, with a `reason`."
)
NEEDS_REASON = "`part2Emergency` has to be declared together with a `reason`."
AWAY = "It can't be told now which break-glass sessions are open, so nothing was run. Try again."
UNRECORDED = "Break-glass could not be recorded, so nothing was run. Try again."


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What a request says of an emergency. Without a reason it uses the session that is open."""

    patient: Annotated[str, Meta(min_length=1, max_length=128)]
    reason: str | None = None
    part2_emergency: bool = msgspec.field(default=False, name="part2Emergency")


class BreakGlass:
    """Opens emergencies, each of one token and one patient; without *emergencies*, in this process alone."""

    def __init__(
        self,
        audit: Audit,
        metrics: Metrics,
        emergencies: Emergencies | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._audit = audit
        self._counted = metrics.break_glass
        self._clock = clock
        self._emergencies = emergencies or OwnEmergencies(clock)

    def now(self, caller: Actor) -> Actor:
        """The caller as they stand now: an emergency that has lapsed is none."""
        return as_of(caller, self._clock())

    async def declared(self, caller: Actor, said: object, operation: Operation, trace: str) -> Actor:
        """The caller, in the emergency that the request declares; as they are where *said* is None.

        Raises:
            RequestError: it is malformed, not for them, not open, or could not be recorded; nothing may run.
        """
        if said is None:
            return caller
        try:
            return await self._broken(caller, said, operation, trace)
        except RequestError:
            self._alarm("refused", trace)
            raise
        except EmergenciesUnavailable as unavailable:
            self._alarm("refused", trace)
            report(unavailable, trace)
            raise RequestError(Code.INTERNAL, [Fault(AWAY)], retryable=True) from None

    async def aclose(self) -> None:
        """Lets go of what tells which emergencies are open."""
        await self._emergencies.aclose()

    async def _broken(self, caller: Actor, said: object, operation: Operation, trace: str) -> Actor:
        declaration, patient = _read(said)
        key = Key.of(caller, patient)
        is_new = declaration.reason is not None
        emergency = self._opened(declaration, patient, trace) if is_new else await self._found(key)
        try:
            broken = in_emergency(caller, emergency)
        except BreakGlassRefused as refused:
            raise RequestError(Code.FORBIDDEN, [Fault(refused.bar.value)]) from None
        await self._record(broken, patient, declaration.reason, operation, trace)
        if is_new:
            await self._emergencies.open(key, emergency)
        self._alarm("declared" if is_new else "used", trace)
        return broken

    def _opened(self, declaration: Declaration, patient: PatientId, trace: str) -> Emergency:
        until = self._clock() + LONGEST_S
        return Emergency(patient, until, declaration.part2_emergency, trace)

    async def _found(self, key: Key) -> Emergency:
        emergency = await self._emergencies.find(key)
        if emergency is None or emergency.is_over(self._clock()):
            raise RequestError(Code.FORBIDDEN, [Fault(LAPSED)])
        return emergency

    async def _record(
        self, broken: Actor, patient: PatientId, reason: str | None, operation: Operation, trace: str
    ) -> None:
        """Has the use recorded before anything is run.

        Raises:
            RequestError: it could not be.
        """
        entry = Entry(
            actor=broken,
            kind=OVERRIDE,
            document=operation.hash,
            trace_id=trace,
            operation=operation.name,
            patients=[patient],
            reason=reason,
        )
        try:
            await self._audit.record(entry)
        except AuditUnavailable as unavailable:
            report(unavailable, trace)
            raise RequestError(Code.INTERNAL, [Fault(UNRECORDED)], retryable=True) from None

    def _alarm(self, outcome: str, trace: str) -> None:
        self._counted.labels(outcome).inc()
        log.warning("break-glass", extra={"outcome": outcome, "trace_id": trace})


def _read(said: object) -> tuple[Declaration, PatientId]:
    """The declaration and whom it is about.

    Raises:
        RequestError: it is none.
    """
    try:
        declaration = msgspec.convert(said, Declaration)
        patient = PatientId(logical_id(declaration.patient, "Patient"))
    except (msgspec.ValidationError, BadInput):
        raise RequestError(Code.BAD_USER_INPUT, [Fault(SHAPE)]) from None
    reason = declaration.reason
    if reason is None:
        if declaration.part2_emergency:
            raise RequestError(Code.BAD_USER_INPUT, [Fault(NEEDS_REASON)])
    elif not (len(reason.strip()) >= SHORTEST and len(reason) <= LONGEST and reason.isprintable()):
        raise RequestError(Code.BAD_USER_INPUT, [Fault(SHAPE)])
    return declaration, patient


def told(emergency: Emergency) -> dict[str, Any]:
    """What an answer says of the emergency it was read in; `until` is an instant."""
    return {
        "patient": f"Patient/{emergency.patient}",
        "until": datetime.fromtimestamp(emergency.until, UTC).isoformat(timespec="seconds"),
        "part2Emergency": emergency.part2,
    }
