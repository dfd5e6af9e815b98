"""What of an operation is recorded: answered, refused before it ran, begun as a stream, or cut off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.audit import Audit, AuditUnavailable, Entry, Outcome, Planned
from gateway.errors import Code, FormattedError, RequestError, Unrecorded, report, shown
from gateway.operations import Operation, hash_of
from gateway.presenting import codes
from gateway.transport.service import Asked
from policies import Actor
from resolvers.loaders import Loaders
from sources.calling import Status, Tally
from sources.errors import SourceError
from sources.model import Mrn, PatientId

UNKNOWN = "unknown"
"""The kind of an operation that was refused before it was known."""


@dataclass
class Ran:
    """How far an operation came: what it gives, and what of it is recorded."""

    data: dict[str, Any] | None = None
    errors: list[FormattedError] = field(default_factory=list)
    plan: Planned | None = None
    loaders: Loaders | None = None
    about: PatientId | None = None
    """Whose record changed, where the operation tells of a change."""
    of_sources: list[SourceError] = field(default_factory=list)
    """The errors of sources among `errors`."""

    def failed(self, error: FormattedError) -> None:
        """Nothing is given but that error."""
        self.data, self.errors = None, [error]

    @property
    def patients(self) -> set[PatientId]:
        """Of whom it tells, by id."""
        about = {self.about} if self.about is not None else set()
        return self.loaders.touched.patients | about if self.loaders is not None else about

    @property
    def charts(self) -> set[Mrn]:
        """Of whom it tells, by MRN."""
        return self.loaders.touched.charts if self.loaders is not None else set()


class Recording:
    """Tells the audit of operations. When it fails, what would tell of patients is stopped, nothing else."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def answered(self, operation: Operation, caller: Actor, trace: str, ran: Ran, tally: Tally) -> None:
        """Has the operation recorded before its answer leaves.

        An answer that tells of a patient and cannot be recorded is not given.
        """
        outcome = Outcome.ANSWERED if ran.data is not None else Outcome.FAILED
        try:
            await self._audit.record(_entry(operation, caller, trace, outcome, ran, tally))
        except AuditUnavailable as unavailable:
            report(unavailable, trace)
            if ran.patients or ran.charts:
                ran.failed(shown(Unrecorded(), path=None, trace_id=trace))

    def cancelled(self, operation: Operation, caller: Actor, trace: str, ran: Ran, tally: Tally) -> None:
        """The operation was cut off before it was answered; rows of patients may have been read for it."""
        self._note(_entry(operation, caller, trace, Outcome.CANCELLED, ran, tally))

    def started(self, operation: Operation, caller: Actor, trace: str) -> None:
        """A subscription was begun; each event of it is an operation of its own."""
        self._note(_entry(operation, caller, trace, Outcome.STARTED))

    def refused(
        self, caller: Actor, asked: Asked, operation: Operation | None, refused: RequestError, trace: str
    ) -> None:
        """The request was refused before it ran. Of what it said nothing is kept but its document's hash."""
        is_graphql = refused.code is not Code.GRAPHQL_PARSE_FAILED
        document = hash_of(asked.query) if asked.query is not None and is_graphql else ""
        self._note(
            Entry(
                actor=caller,
                kind=operation.kind.value if operation is not None else UNKNOWN,
                document=document,
                trace_id=trace,
                operation=operation.name if operation is not None else None,
                codes=[refused.code.name],
                outcome=Outcome.REFUSED,
            )
        )

    def _note(self, entry: Entry) -> None:
        """Nobody is answered with a patient's data here, so nobody waits for the record."""
        try:
            self._audit.note(entry)
        except AuditUnavailable as unavailable:
            report(unavailable, entry.trace_id)


def _entry(
    operation: Operation,
    caller: Actor,
    trace: str,
    outcome: Outcome,
    ran: Ran | None = None,
    tally: Tally | None = None,
) -> Entry:
    ran, tally = ran or Ran(), tally or Tally()
    return Entry(
        actor=caller,
        kind=operation.kind.value,
        document=operation.hash,
        trace_id=trace,
        operation=operation.name,
        plan=ran.plan.ref if ran.plan is not None else None,
        patients=ran.patients,
        charts=ran.charts,
        calls={name: source.calls for name, source in tally.sources.items()},
        troubles={
            name: source.status.value
            for name, source in tally.sources.items()
            if source.status is not Status.OK
        },
        codes=codes(ran.errors),
        withheld=ran.loaders.touched.withheld if ran.loaders is not None else {},
        outcome=outcome,
    )
